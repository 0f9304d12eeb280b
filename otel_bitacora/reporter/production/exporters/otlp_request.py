"""Stored records as one request of OTLP: bytes of the journal behind each other, nothing parsed and nothing encoded anew."""

from __future__ import annotations

from collections.abc import Sequence

from otel_bitacora.reporter.core.contract import StoredRecord
from otel_bitacora.reporter.core.protobuf import sized

_RESOURCE_LOGS = b"\x0a"
_RESOURCE = b"\x0a"
_SCOPE_LOGS = b"\x12"
_MORE = 0x80


def export_request(batch: Sequence[StoredRecord]) -> bytes:
    """Return *batch* as a serialized `ExportLogsServiceRequest`, grouped by resource, and within it by scope.

    Records of one scope keep their order. Grouped, a request takes about a third fewer bytes, and half the time to parse.
    """
    resources: dict[bytes, dict[bytes, list[bytes]]] = {}
    for record in batch:
        scopes = resources.get(record.resource)
        if scopes is None:
            scopes = resources[record.resource] = {}
        payload, start = record.payload, record.scope_length
        end = _end_of_record(payload, start)
        # What is not the record, scope and schema, is the same for all records of a logger.
        scope = payload[:start] if end == len(payload) else payload[:start] + payload[end:]
        same = scopes.get(scope)
        if same is None:
            scopes[scope] = [scope, payload[start:end]]
        else:
            same.append(payload[start:end])
    return b"".join(
        [
            _RESOURCE_LOGS
            + sized(
                _RESOURCE
                + sized(resource)
                + b"".join([_SCOPE_LOGS + sized(b"".join(parts)) for parts in scopes.values()])
            )
            for resource, scopes in resources.items()
        ]
    )


def _end_of_record(payload: bytes, start: int) -> int:
    """Return where the `log_records` field that begins at *start* ends."""
    size = payload[start + 1]
    if size < _MORE:
        return start + 2 + size
    position, shift = start + 2, 7
    size &= 0x7F
    while True:
        byte = payload[position]
        position += 1
        size |= (byte & 0x7F) << shift
        if byte < _MORE:
            return position + size
        shift += 7
