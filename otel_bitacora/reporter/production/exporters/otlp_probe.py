"""Tries a receiver of OTLP out, as far as that goes: it takes records, and gives none back."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from otel_bitacora.reporter.core.contract import (
    Accepted,
    BatchRejected,
    DestinationError,
    Outcome,
    StoredRecord,
)

from .probe import Step, canary

Export = Callable[[Sequence[StoredRecord]], list[Outcome]]
_VERDICT = re.compile(r"(\d{3}|[A-Z_]{2,})\b")
"""What a refusal begins with: the status of HTTP, or gRPC's."""
_UNANSWERED = frozenset(("", "UNAVAILABLE", "DEADLINE_EXCEEDED", "UNKNOWN", "TLS"))
_UNAUTHORISED = frozenset(("401", "403", "407", "UNAUTHENTICATED", "PERMISSION_DENIED"))
_CERTIFICATES = (
    "name the certificate of the authority that signed the receiver's (PEM): certificate_file in [exporters.NAME], "
    "or OTEL_EXPORTER_OTLP_LOGS_CERTIFICATE"
)
_HEADERS = "send what it asks for in headers: headers_file in [exporters.NAME], or OTEL_EXPORTER_OTLP_LOGS_HEADERS"
_PLACE = "name the URL of its OTLP receiver, and have a pipeline of logs behind that; over HTTP /v1/logs is added"
_BUSY = "wait until it is less busy, or give it more memory"
_FIXES = {
    "404": _PLACE,
    "405": _PLACE,
    "NOT_FOUND": _PLACE,
    "UNIMPLEMENTED": _PLACE,
    "415": "it doesn't take the compression, or no protobuf: compression in [exporters.NAME]",
    "413": "have it take larger requests, or send less at once: batch_bytes in [exporters.NAME]",
    "429": _BUSY,
    "503": _BUSY,
    "RESOURCE_EXHAUSTED": _BUSY,
}


def probe(export: Export, shown: str, now_unix_nano: int) -> Iterator[Step]:
    """Yield what was tried, until something fails: connect, authenticate, write; read and remove say that they can't be.

    A request without records tells who can't be reached, or refuses us, from who refuses records.
    """
    try:
        export([])
    except BatchRejected:
        pass  # some want at least one record
    except DestinationError as error:
        yield from _refused(error, shown)
        return
    yield Step("connect", "answers")
    yield Step("authenticate", "accepted")
    record = canary(now_unix_nano)
    step = _write(export, shown, record)
    yield step
    if step.is_good:
        yield Step("read", f"a receiver of OTLP gives nothing back: look for {record.uid} where it puts records")
        yield Step(
            "remove",
            "nor does it remove anything: the canary stays there (TRACE, otel_bitacora.doctor), and harms nobody",
        )


def _refused(error: DestinationError, shown: str) -> Iterator[Step]:
    said, verdict = _parts(error, shown)
    if verdict in _UNANSWERED:
        yield Step("connect", said, *_connection(error, said))
        return
    yield Step("connect", "answers")
    if verdict in _UNAUTHORISED:
        yield Step("authenticate", said, _HEADERS)
    else:
        yield Step("write", said, _fix(said, verdict))


def _connection(error: DestinationError, said: str) -> tuple[str, bool, bool]:
    """Return the rest of a step."""
    low = said.lower()
    if "link-local" in low:
        return "name another address", False, False
    if "certificate" in low:
        return _CERTIFICATES, False, False
    if error.misconfigured:
        return "try the scheme without s (otlp+http:, otlp+grpc:) if it speaks no TLS", False, False
    return (
        "start it, correct host and port, or try the scheme with s (otlp+https:, otlp+grpcs:) if it speaks TLS",
        False,
        True,
    )


def _write(export: Export, shown: str, record: StoredRecord) -> Step:
    try:
        (outcome,) = export([record])
    except DestinationError as error:
        said, verdict = _parts(error, shown)
        return Step(
            "write", said, _fix(said, verdict), is_unreachable=verdict in _UNANSWERED and not error.misconfigured
        )
    if isinstance(outcome, Accepted):
        return Step("write", f"a canary, {record.uid}")
    reason = getattr(outcome, "reason", "")
    return Step("write", f"refused: {reason}", _fix("", ""))


def _fix(said: str, verdict: str) -> str:
    if "redirects" in said:
        return "name that URL, if it is right"
    return _FIXES.get(verdict, "the receiver's own log says why")


def _parts(error: DestinationError, shown: str) -> tuple[str, str]:
    """Return what is said of *error*, and the status that it begins with; "" where there was no answer."""
    said = str(error).removeprefix(f"{shown}: ")
    found = _VERDICT.match(said)
    return said, found[1] if found else ""
