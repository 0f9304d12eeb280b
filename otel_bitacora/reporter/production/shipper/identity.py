"""The uid under which a stored record is delivered: its sender's where it has one, else the journal's own."""

from __future__ import annotations

from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.journal.scan import Frame
from otel_bitacora.reporter.core.names import UID
from otel_bitacora.reporter.core.stored import uid_of

_KEY = UID.encode()


def uid_in(payload: bytes, frame: Frame) -> str:
    """Return the uid of the record that is *payload*, from *frame*; parsed only where another program sent it."""
    uid = uid_of(frame)
    if uid.encode() in payload or _KEY not in payload:
        return uid
    try:
        return LogEntry.from_otlp(payload).uid or uid
    except ValueError:
        return uid
