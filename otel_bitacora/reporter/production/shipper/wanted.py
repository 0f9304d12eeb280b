"""Which records an exporter is to have: from a level on, and those that a query wants."""

from __future__ import annotations

from otel_bitacora.reporter.core.journal.scan import Frame
from otel_bitacora.reporter.core.level import LogLevel
from otel_bitacora.reporter.core.query import Query
from otel_bitacora.reporter.core.stored import FrameDecoder


class Wanted:
    """*severity_floor* is an OTLP severity number, 0 for all; without a query no record is parsed."""

    def __init__(self, *, severity_floor: int = 0, query: Query | None = None) -> None:
        self.severity_floor = severity_floor
        self._query = query
        self._decoder = FrameDecoder()

    @property
    def is_all(self) -> bool:
        return not self.severity_floor and self._query is None

    def takes(self, frame: Frame) -> bool:
        """Return whether *frame* is wanted; one that can't be parsed is, so that whoever refuses it says why."""
        if (frame.severity or LogLevel.INFO) < self.severity_floor:
            return False
        if self._query is None:
            return True
        try:
            return self._query.matches(self._decoder.entry(frame))
        except ValueError:
            return True
