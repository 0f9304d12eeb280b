"""Requests of OTLP, as protobuf or JSON, as log entries; and what is answered to them."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import orjson
from google.protobuf import json_format  # type: ignore[import-untyped]  # protobuf brings no types
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # as above
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsPartialSuccess,
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)

from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.otlp import attributes_of, entry_of
from otel_bitacora.reporter.core.protobuf import sized, varint

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
_TRACE_BYTES, _SPAN_BYTES = 16, 8
_MOST_MESSAGES = 100  # in one another: what protobuf's parser has for a limit, about 47 lists or maps in an attribute


class UnreadableRequest(ValueError):
    """The body isn't a request of OTLP; the message says what of it isn't."""


def parse_request(body: bytes, content_type: str) -> ExportLogsServiceRequest:
    """Return the request in *body*, which is of `PROTOBUF` or `JSON`.

    Raises:
        UnreadableRequest: it isn't one, or is nested too deeply.
    """
    return _parse_json(body) if content_type == JSON else _parse_protobuf(body)


def entries_of(request: ExportLogsServiceRequest, *, observed_unix_nano: int) -> Iterator[LogEntry]:
    """Yield every record; one that doesn't say when it was observed was *observed_unix_nano*."""
    for resource_logs in request.resource_logs:
        resource = attributes_of(resource_logs.resource.attributes)
        for scope_logs in resource_logs.scope_logs:
            for record in scope_logs.log_records:
                entry = entry_of(record, scope_logs, resource)
                yield entry if entry.observed_unix_nano else replace(entry, observed_unix_nano=observed_unix_nano)


def answer(content_type: str, *, rejected: int = 0, message: str = "") -> bytes:
    """Return what is answered when all but *rejected* records are kept."""
    if content_type == JSON:
        partial = {"rejectedLogRecords": str(rejected), "errorMessage": message}
        return orjson.dumps({"partialSuccess": partial} if rejected else {})
    if not rejected:
        return b""
    partial_success = ExportLogsPartialSuccess(rejected_log_records=rejected, error_message=message)
    return bytes(ExportLogsServiceResponse(partial_success=partial_success).SerializeToString())


def refusal(content_type: str, code: int, message: str) -> bytes:
    """Return a `google.rpc.Status`, with its *code* of gRPC, which the specification wants with every refusal."""
    if content_type == JSON:
        return orjson.dumps({"code": code, "message": message})
    return b"\x08" + varint(code) + b"\x12" + sized(message.encode())


def _parse_protobuf(body: bytes) -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    try:
        request.MergeFromString(body)
    except DecodeError as error:
        raise UnreadableRequest(f"the body isn't an ExportLogsServiceRequest as protobuf: {error}") from error
    return request


def _parse_json(body: bytes) -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    try:
        message = orjson.loads(body)
        for record in _records(message):
            _with_base64(record, "traceId", _TRACE_BYTES)
            _with_base64(record, "spanId", _SPAN_BYTES)
        json_format.ParseDict(message, request, ignore_unknown_fields=True, max_recursion_depth=_MOST_MESSAGES)
    except (json_format.ParseError, ValueError, TypeError, AttributeError) as error:
        raise UnreadableRequest(f"the body isn't an ExportLogsServiceRequest as JSON: {error}") from error
    return request


def _records(message: Any) -> Iterator[dict[str, Any]]:
    for resource_logs in message.get("resourceLogs") or ():
        for scope_logs in resource_logs.get("scopeLogs") or ():
            yield from scope_logs.get("logRecords") or ()


def _with_base64(record: dict[str, Any], key: str, size: int) -> None:
    """Change an id, which OTLP has in hexadecimal, into base64, which protobuf's JSON has bytes in."""
    if text := record.get(key):
        raw = bytes.fromhex(text)
        if len(raw) != size:
            raise ValueError(f"{key} {text[:40]!r} must have {2 * size} hexadecimal digits")
        record[key] = base64.b64encode(raw).decode()
