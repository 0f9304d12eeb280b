"""What the parts of the Reporter ask of each other: the four Protocols, and what passes between them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

from otel_bitacora.errors import BatchRejected, DestinationError

from .entry import LogEntry
from .otlp import decode_resource
from .query import Query

__all__ = [
    "Accepted",
    "BatchRejected",
    "DestinationError",
    "Duplicate",
    "Exporter",
    "LogCollector",
    "LogStorage",
    "Outcome",
    "Processor",
    "Rejected",
    "Retry",
    "StoredRecord",
    "Unattributed",
]


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """One record as the journal holds it: an exporter that speaks OTLP sends *payload* and *resource* as they are.

    *payload* is a serialized `ScopeLogs` with this record alone; its first *scope_length* bytes are the scope, the same
    for all records of a logger. *resource* is a serialized `Resource`. *sequence* counts per instance, without gaps.
    """

    uid: str
    sequence: int
    payload: bytes
    scope_length: int
    resource: bytes

    @property
    def scope(self) -> bytes:
        return self.payload[: self.scope_length]

    @property
    def record(self) -> bytes:
        """The rest after the scope: the `log_records` field, tag and length included."""
        return self.payload[self.scope_length :]

    def entry(self) -> LogEntry:
        """Return it parsed, for exporters that speak anything else.

        Raises:
            ValueError: payload or resource aren't OTLP.
        """
        return LogEntry.from_otlp(self.payload, resource=decode_resource(self.resource))


@dataclass(frozen=True, slots=True)
class Accepted:
    """The destination has it."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The destination had it already: as good as accepted, counted apart."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Not now: to be sent again, not before *after_seconds* where the destination said so."""

    after_seconds: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """Never: this record alone is at fault, and goes to the dead letters with *reason*."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unattributed:
    """One of its batch was refused and the destination didn't say which (OTLP's `partial_success`): never sent again.

    An exporter gives it to as many records as were refused, the last of the batch, for want of better.
    """

    reason: str


Outcome: TypeAlias = Accepted | Duplicate | Retry | Rejected | Unattributed


@runtime_checkable
class Processor(Protocol):
    """Changes records on their way."""

    def process(self, entry: LogEntry) -> LogEntry | None:
        """Return *entry*, changed or not, or None to drop it, which the caller counts."""


@runtime_checkable
class Exporter(Protocol):
    """Sends records to one destination. It neither retries nor remembers: the shipper does, once for all exporters."""

    name: str

    def export(self, batch: Sequence[StoredRecord]) -> Sequence[Outcome]:
        """Return one outcome per record of *batch*, in its order.

        Raises:
            BatchRejected: the destination refused the batch for what is in it; none of its records arrived.
            DestinationError: the batch as a whole could not be sent; nothing is known about its records. With
                *misconfigured*, no batch can be until somebody mends a setting.
        """


@runtime_checkable
class LogCollector(Protocol):
    """Brings records in from somewhere else: a file, a port, an import."""

    def collect(self, write: Callable[[LogEntry], None]) -> None:
        """Pass every record to *write*; return when there are no more, or when closed."""


@runtime_checkable
class LogStorage(Protocol):
    """Keeps records and finds them again."""

    async def store_log(self, entry: LogEntry) -> str:
        """Return the uid under which *entry* is kept: its own, else a new one. The same uid twice is kept once."""

    def query(self, query: Query) -> AsyncIterator[LogEntry]:
        """Yield what matches, oldest first unless the query says otherwise, with uids."""
