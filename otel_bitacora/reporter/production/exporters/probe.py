"""What `doctor` asks of an exporter that can try its destination out: steps, each good or with what to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from otel_bitacora.reporter.core.contract import StoredRecord
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.foreign import new_uid
from otel_bitacora.reporter.core.level import LogLevel
from otel_bitacora.reporter.core.otlp import encode_resource, scope_field


@dataclass(frozen=True, slots=True)
class Step:
    """*name* says what was tried: connect, authenticate, write, read, remove. *fix* is what to do where it failed."""

    name: str
    detail: str
    fix: str = ""
    is_minor: bool = False
    """Whether records arrive in spite of it."""
    is_unreachable: bool = False
    """Whether it failed because nobody answers."""

    @property
    def is_good(self) -> bool:
        return not self.fix


@runtime_checkable
class Probing(Protocol):
    """An exporter with this method is tried out: a canary is written, read back and removed."""

    def probe(self, now_unix_nano: int) -> Iterator[Step]:
        """Yield what was tried, until something fails."""


def canary(now_unix_nano: int) -> StoredRecord:
    """Return a record that harms nobody if it stays."""
    entry = LogEntry(
        timestamp_unix_nano=now_unix_nano,
        observed_unix_nano=now_unix_nano,
        severity_number=int(LogLevel.TRACE),
        severity_text="TRACE",
        body="otel-bitacora doctor was here",
        logger="otel_bitacora.doctor",
        uid=new_uid(),
        resource={"service.name": "otel-bitacora"},
    )
    return StoredRecord(entry.uid, 0, entry.to_otlp(), len(scope_field(entry)), encode_resource(entry.resource))
