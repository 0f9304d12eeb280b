"""Builds the message that an entry should become with OpenTelemetry's own classes, to compare ours with."""

from __future__ import annotations

from collections.abc import Mapping

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ScopeLogs

from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.protobuf import Plain


def any_value(value: Plain) -> AnyValue:
    message = AnyValue()
    if isinstance(value, str):
        message.string_value = value
    elif isinstance(value, bool):
        message.bool_value = value
    elif isinstance(value, int):
        message.int_value = value
    elif isinstance(value, float):
        message.double_value = value
    elif isinstance(value, bytes):
        message.bytes_value = value
    elif isinstance(value, Mapping):
        message.kvlist_value.SetInParent()
        message.kvlist_value.values.extend(pairs(value))
    elif value is not None:
        message.array_value.SetInParent()
        message.array_value.values.extend([any_value(item) for item in value])
    return message


def pairs(attributes: Mapping[str, Plain]) -> list[KeyValue]:
    return [KeyValue(key=key, value=any_value(value)) for key, value in attributes.items()]


def scope_logs(entry: LogEntry) -> ScopeLogs:
    """Return *entry* as the official message, the uid as its first attribute."""
    uid = {"log.record.uid": entry.uid} if entry.uid else {}
    record = LogRecord(
        time_unix_nano=entry.timestamp_unix_nano,
        observed_time_unix_nano=entry.observed_unix_nano,
        severity_number=entry.severity_number,
        severity_text=entry.severity_text,
        attributes=pairs({**uid, **entry.attributes}),
        dropped_attributes_count=entry.dropped_attributes_count,
        flags=entry.trace_flags,
        trace_id=bytes.fromhex(entry.trace_id),
        span_id=bytes.fromhex(entry.span_id),
        event_name=entry.event_name,
    )
    if entry.body is not None:
        record.body.CopyFrom(any_value(entry.body))
    message = ScopeLogs(log_records=[record], schema_url=entry.schema_url)
    message.scope.SetInParent()
    message.scope.name = entry.logger
    message.scope.version = entry.scope_version
    message.scope.attributes.extend(pairs(entry.scope_attributes))
    return message
