"""What a receiver of OTLP answers."""

from __future__ import annotations

import json

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # protobuf brings no types
from google.rpc import status_pb2  # type: ignore[import-untyped]  # nor does this
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

from otel_bitacora.reporter.core.contract import Accepted, Outcome, Unattributed

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
_ACCEPTED = Accepted()
_NO_REASON = "the receiver doesn't say why"


def outcomes_of(body: bytes, count: int, content_type: str = PROTOBUF) -> list[Outcome]:
    """Return what became of *count* records, out of the body of a good answer; one that isn't OTLP has taken them all."""
    rejected, reason = _partial_json(body) if content_type == JSON else _partial(body)
    rejected = min(max(0, rejected), count)
    outcomes: list[Outcome] = [_ACCEPTED] * (count - rejected)
    return outcomes + [Unattributed(reason or _NO_REASON)] * rejected


def _partial(body: bytes) -> tuple[int, str]:
    try:
        partial = ExportLogsServiceResponse.FromString(body).partial_success
    except DecodeError:
        return 0, ""
    return partial.rejected_log_records, partial.error_message


def _partial_json(body: bytes) -> tuple[int, str]:
    try:
        partial = json.loads(body)["partialSuccess"]
        return int(partial["rejectedLogRecords"]), str(partial.get("errorMessage", ""))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return 0, ""


def refusal_of(body: bytes, content_type: str = "") -> str:
    """Return what a refusal says, for people: the message of a `google.rpc.Status`, else the text as it is."""
    message = _message(body, content_type)
    return "".join(letter if letter.isprintable() else " " for letter in message).strip()


def _message(body: bytes, content_type: str) -> str:
    try:
        if content_type == JSON:
            return str(json.loads(body)["message"])
        if content_type == PROTOBUF:
            return str(status_pb2.Status.FromString(body).message)
    except (ValueError, KeyError, TypeError, RecursionError, DecodeError):
        pass
    return body.decode("utf-8", "replace")
