"""Log entries as OTLP bytes and back, field by field in the order of their numbers, as protobuf itself would write them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .names import UID
from .protobuf import Plain, any_value, attribute, key_value, sized, varint

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ScopeLogs

    from .entry import LogEntry

UID_CHARS = 49
UID_PREFIX = attribute(UID, "u" * UID_CHARS)[:-UID_CHARS]
"""All of the uid's attribute but the uid: what the first half of a split record ends with."""
_UID_SIZE = len(UID_PREFIX) + UID_CHARS


def encode(entry: LogEntry) -> bytes:
    """Return the serialized `ScopeLogs` with *entry* as its only record."""
    head, tail = record_halves(entry)
    uid = attribute(UID, entry.uid) if entry.uid else b""
    return scope_field(entry) + b"\x12" + sized(head + uid + tail) + schema_field(entry)


def split(entry: LogEntry) -> tuple[bytes, bytes, int]:
    """Return what precedes and follows the 49 characters of a uid that *entry* doesn't have yet, and the scope's length."""
    scope = scope_field(entry)
    head, tail = record_halves(entry)
    size = varint(len(head) + _UID_SIZE + len(tail))
    return b"".join((scope, b"\x12", size, head, UID_PREFIX)), tail + schema_field(entry), len(scope)


def scope_field(entry: LogEntry) -> bytes:
    attributes = (b"\x1a" + sized(key_value(key, value)) for key, value in entry.scope_attributes.items())
    version = b"\x12" + sized(entry.scope_version.encode()) if entry.scope_version else b""
    return scope_of(entry.logger, version + b"".join(attributes))


def scope_of(name: str, rest: bytes = b"") -> bytes:
    """Return `ScopeLogs.scope` for a logger's name, the part that records of one logger have in common."""
    return b"\x0a" + sized((b"\x0a" + sized(name.encode()) if name else b"") + rest)


def schema_field(entry: LogEntry) -> bytes:
    return b"\x1a" + sized(entry.schema_url.encode()) if entry.schema_url else b""


def encode_resource(attributes: Mapping[str, Plain]) -> bytes:
    """Return a serialized `Resource`: what a segment of the journal says once for all its records."""
    return b"".join([b"\x0a" + sized(key_value(key, value)) for key, value in attributes.items()])


def decode_resource(resource: bytes) -> Mapping[str, Plain]:
    """Return the attributes of a serialized `Resource`; ValueError if it is none."""
    from opentelemetry.proto.resource.v1.resource_pb2 import Resource  # noqa: PLC0415  # as in decode

    return attributes_of(_parsed(Resource, resource).attributes)


def record_halves(entry: LogEntry) -> tuple[bytes, bytes]:
    """Return the `LogRecord` before its first attribute, and from there on."""
    return _head(entry), b"".join(
        (
            *[attribute(key, value) for key, value in entry.attributes.items()],
            b"\x38" + varint(entry.dropped_attributes_count) if entry.dropped_attributes_count else b"",
            trace_fields(entry.trace_flags, bytes.fromhex(entry.trace_id), bytes.fromhex(entry.span_id)),
            b"\x59" + entry.observed_unix_nano.to_bytes(8, "little") if entry.observed_unix_nano else b"",
            b"\x62" + sized(entry.event_name.encode()) if entry.event_name else b"",
        )
    )


def _head(entry: LogEntry) -> bytes:
    return b"".join(
        (
            b"\x09" + entry.timestamp_unix_nano.to_bytes(8, "little") if entry.timestamp_unix_nano else b"",
            severity_fields(entry.severity_number, entry.severity_text),
            b"" if entry.body is None else b"\x2a" + sized(any_value(entry.body)),
        )
    )


def severity_fields(number: int, text: str) -> bytes:
    return (b"\x10" + varint(number) if number else b"") + (b"\x1a" + sized(text.encode()) if text else b"")


def trace_fields(flags: int, trace_id: bytes, span_id: bytes) -> bytes:
    return b"".join(
        (
            b"\x45" + flags.to_bytes(4, "little") if flags else b"",
            b"\x4a" + sized(trace_id) if trace_id else b"",
            b"\x52" + sized(span_id) if span_id else b"",
        )
    )


def decode(scope_logs: bytes, resource: Mapping[str, Plain]) -> LogEntry:
    """Return the first record of a serialized `ScopeLogs`; ValueError if there is none."""
    # Parsing is off the hot path, and the official classes cost 30 ms to import.
    from opentelemetry.proto.logs.v1.logs_pb2 import ScopeLogs  # noqa: PLC0415

    message = _parsed(ScopeLogs, scope_logs)
    if not message.log_records:
        raise ValueError("these ScopeLogs have no record")
    return entry_of(message.log_records[0], message, resource)


def entry_of(record: LogRecord, around: ScopeLogs, resource: Mapping[str, Plain]) -> LogEntry:
    """Return *record*, one of those of *around*."""
    from .entry import LogEntry  # noqa: PLC0415  # entries convert themselves through this module

    attributes = attributes_of(record.attributes)
    uid = attributes.pop(UID) if isinstance(attributes.get(UID), str) else ""
    return LogEntry(
        timestamp_unix_nano=record.time_unix_nano,
        observed_unix_nano=record.observed_time_unix_nano,
        severity_number=record.severity_number,
        severity_text=record.severity_text,
        body=_plain(record.body),
        attributes=attributes,
        dropped_attributes_count=record.dropped_attributes_count,
        trace_flags=record.flags,
        trace_id=record.trace_id.hex(),
        span_id=record.span_id.hex(),
        event_name=record.event_name,
        uid=str(uid),
        resource=resource,
        schema_url=around.schema_url,
        **_scope(around.scope),
    )


def decode_attribute(raw: bytes) -> tuple[str, Plain]:
    """Return name and value of a serialized `KeyValue`; ValueError if it is none."""
    from opentelemetry.proto.common.v1.common_pb2 import KeyValue  # noqa: PLC0415  # as in decode

    pair = _parsed(KeyValue, raw)
    return pair.key, _plain(pair.value)


def _scope(scope: InstrumentationScope) -> dict[str, Any]:
    attributes = attributes_of(scope.attributes)
    return {"logger": scope.name, "scope_version": scope.version, "scope_attributes": attributes}


def _parsed(kind: Any, raw: bytes) -> Any:
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # noqa: PLC0415  # as in decode

    try:
        return kind.FromString(raw)
    except DecodeError as exc:
        raise ValueError(f"{len(raw)} bytes that aren't OTLP {kind.DESCRIPTOR.name}: {exc}") from exc


def attributes_of(pairs: Iterable[KeyValue]) -> dict[str, Plain]:
    """Return what OTLP has as pairs; of a key that comes twice, the last value."""
    found: dict[str, Plain] = {}
    for pair in pairs:
        value = pair.value
        which = value.WhichOneof("value")
        found[pair.key] = getattr(value, which) if which in _SCALAR else _compound(value, which)
    return found


_SCALAR = frozenset(("string_value", "int_value", "double_value", "bool_value", "bytes_value"))


def _plain(value: AnyValue) -> Plain:
    return _compound(value, value.WhichOneof("value"))


def _compound(value: AnyValue, which: str | None) -> Plain:
    if which == "array_value":
        return [_plain(item) for item in value.array_value.values]
    if which == "kvlist_value":
        return attributes_of(value.kvlist_value.values)
    return None if which is None else getattr(value, which)


def to_dict(entry: LogEntry) -> dict[str, object]:
    """Return *entry* for JSON: bytes in base64, numbers that JSON lacks as text."""
    fields = {
        "timestamp_unix_nano": entry.timestamp_unix_nano,
        "observed_unix_nano": entry.observed_unix_nano,
        "level": entry.level.wire,
        "severity_number": entry.severity_number,
        "severity_text": entry.severity_text,
        "logger": entry.logger,
        "body": json_value(entry.body),
        "event_name": entry.event_name,
        "attributes": json_value(entry.attributes),
        "dropped_attributes_count": entry.dropped_attributes_count,
        "trace_id": entry.trace_id,
        "span_id": entry.span_id,
        "trace_flags": entry.trace_flags,
        "uid": entry.uid,
        "scope_version": entry.scope_version,
        "scope_attributes": json_value(entry.scope_attributes),
        "schema_url": entry.schema_url,
        "resource": json_value(entry.resource),
    }
    return {key: value for key, value in fields.items() if value not in ("", 0, None, {})}


def json_value(value: Plain) -> object:
    """Return *value* as JSON can hold it: bytes in base64, numbers that JSON lacks as text."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, bytes):
        import base64  # noqa: PLC0415  # rare, and part of what a logging application would load

        return base64.b64encode(value).decode()
    if isinstance(value, Mapping):
        return {key: json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(item) for item in value]
    return value
