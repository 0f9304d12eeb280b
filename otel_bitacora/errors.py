"""Every exception that this package raises on purpose, so that one `except BitacoraError` catches them all.

BitacoraError
├── WireError                   what came over the wire isn't what Bitacora writes
└── ReporterError
    ├── ReporterSettingsError   a handler, journal or redactor was told something it can't do
    ├── JournalUnavailable      the journal can't be opened, read or written
    ├── JournalDamaged          bytes of the journal aren't what was written
    ├── QueryError              a query doesn't parse or compares what can't be compared
    └── DestinationError        a destination refused or couldn't be reached, for a whole batch
"""

from __future__ import annotations


class BitacoraError(Exception):
    """The root of all of them."""


class WireError(BitacoraError, ValueError):
    """What came over the wire isn't what Bitacora writes; the message names the model and the key."""


class ReporterError(BitacoraError):
    """Something about log records: taking, keeping, finding or shipping them."""


class ReporterSettingsError(ReporterError):
    """A setting of the Reporter can't be used; the message names it."""


class JournalUnavailable(ReporterError):
    """The journal can't be opened, read or written."""


class JournalDamaged(ReporterError):
    """Bytes of the journal aren't what was written."""


class QueryError(ReporterError):
    """A query doesn't parse, or compares what can't be compared."""


class DestinationError(ReporterError):
    """A destination refused or couldn't be reached, for a whole batch; *retry_after_seconds* where it said so."""

    def __init__(self, message: str, *, retry_after_seconds: float | None = None, misconfigured: bool = False) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
        self.misconfigured = misconfigured
