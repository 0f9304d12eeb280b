"""A handler that encodes what it gets and parses the bytes again: what a reader of the journal would see."""

from __future__ import annotations

import logging

from otel_bitacora.reporter.core.encode import RecordEncoder
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.redact import Redactor

UID = "0" * 32 + "-" + "0" * 16


class Kept(logging.Handler):
    def __init__(self, *, keep_arguments: bool = False) -> None:
        super().__init__()
        self.encoder = RecordEncoder(redactor=Redactor(), keep_arguments=keep_arguments)
        self.records: list[logging.LogRecord] = []
        self.raw: list[bytes] = []

    def emit(self, record: logging.LogRecord) -> None:
        before, after, _ = self.encoder.encode_record(record)
        self.records.append(record)
        self.raw.append(before + UID.encode() + after)

    @property
    def entries(self) -> list[LogEntry]:
        return [LogEntry.from_otlp(raw) for raw in self.raw]

    @property
    def entry(self) -> LogEntry:
        return self.entries[-1]


def logger_for(handler: logging.Handler) -> logging.Logger:
    """Return a logger with this handler alone, of which no other test hears."""
    logger = logging.Logger("app.web", level=1)  # noqa: LOG001  # as the docstring says
    logger.addHandler(handler)
    return logger
