"""A stored record as a document of Elasticsearch, as one would write that with opentelemetry-proto: what `elasticsearch_bulk` compares."""

from __future__ import annotations

from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from otel_bitacora.reporter.core.contract import StoredRecord


class Mapper:
    def __init__(self) -> None:
        self._resources: dict[bytes, dict[str, Any]] = {}

    def document(self, stored: StoredRecord) -> dict[str, Any]:
        message = ScopeLogs.FromString(stored.payload)
        record = message.log_records[0]
        resource = self._resources.get(stored.resource)
        if resource is None:
            resource = self._resources[stored.resource] = attributes_of(Resource.FromString(stored.resource).attributes)
        document: dict[str, Any] = {
            "@timestamp": moment(record.time_unix_nano or record.observed_time_unix_nano),
            "observed_timestamp": moment(record.observed_time_unix_nano),
            "data_stream": {"type": "logs"},
            "severity_number": record.severity_number,
            "severity_text": record.severity_text,
            "body": {"text": value_of(record.body)},
            "attributes": attributes_of(record.attributes),
            "resource": {"attributes": resource},
            "scope": {"name": message.scope.name},
        }
        if record.trace_id:
            document["trace_id"] = record.trace_id.hex()
            document["span_id"] = record.span_id.hex()
            document["trace_flags"] = record.flags
        return document


def moment(nanoseconds: int) -> str:
    return f"{nanoseconds // 1_000_000}.{nanoseconds % 1_000_000:06d}"


def attributes_of(pairs: Any) -> dict[str, Any]:
    return {pair.key: value_of(pair.value) for pair in pairs}


def value_of(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [value_of(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return attributes_of(value.kvlist_value.values)
    return None if kind is None else getattr(value, kind)
