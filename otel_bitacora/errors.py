"""Every exception that otel-bitacora raises on purpose, in one tree, so that `except BitacoraError` is enough.

BitacoraError
├── MissingExtra              an optional dependency isn't installed
├── SettingsError             a setting is wrong; the command line exits with 3
│   ├── CollectorUnavailable  a collector asked for by name finds nothing to read
│   └── ReporterSettingsError is a ReporterError, too
├── MonitorError
│   ├── PortInUse             somebody else listens there
│   ├── StateUnavailable      the state directory or the token in it can't be used
│   ├── NotSampledYet         no snapshot has been published so far
│   ├── MonitorUnreachable    nobody answers at the endpoint, or the connection broke
│   ├── MonitorTimeout        no answer came in time
│   ├── MonitorUnauthorised   the token is missing, or wrong
│   ├── MonitorProtocolError  the answer isn't what a sidecar says
│   ├── RecordingUnusable     a recorded host can't be read, or can't be written
│   ├── MonitorVersionMismatch  client and sidecar don't understand each other's version
│   └── MonitorUnsupported    the sidecar doesn't have what is asked for
├── ReporterError
│   ├── JournalUnavailable    the journal can't be opened, read or written
│   ├── JournalDamaged        bytes of the journal aren't what was written
│   ├── QueryError            a query doesn't parse, or compares what can't be compared
│   └── DestinationError      a destination refused a batch, or couldn't be reached
│       └── BatchRejected     … for what is in it: halved until the culprit is alone
├── SessionError              an event doesn't fit its session
│   └── SessionNotFound       nothing is known of the session
└── WireError                 what came over the wire isn't what Bitacora writes
"""

from __future__ import annotations


class BitacoraError(Exception):
    """The root: whatever this package raises on purpose."""


class MissingExtra(BitacoraError):
    """An optional dependency isn't installed; the message holds the command that installs it."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature}: pip install 'otel-bitacora[{extra}]'")
        self.extra = extra


class SettingsError(BitacoraError):
    """A setting is wrong. Each problem names the key, the value, where it came from and what is allowed."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class CollectorUnavailable(SettingsError):
    """A collector that was asked for by name finds nothing to read on this host."""


class MonitorError(BitacoraError):
    """Something about watching the host went wrong."""


class PortInUse(MonitorError):
    """Somebody else listens on the address; the message names the owner where it is known."""


class StateUnavailable(MonitorError):
    """The state directory, or a file in it, can't be read or written."""


class NotSampledYet(MonitorError):
    """No snapshot has been published so far."""


class MonitorUnreachable(MonitorError):
    """Nobody answers at the endpoint, or the connection broke; the message says what to start or to look at."""


class MonitorTimeout(MonitorError):
    """No answer came in time."""


class MonitorUnauthorised(MonitorError):
    """The token is missing, or wrong; the message says where one was looked for."""


class MonitorProtocolError(MonitorError):
    """The answer isn't what a sidecar says: something else listens there, or it is damaged."""


class RecordingUnusable(MonitorError):
    """A recorded host can't be read, or can't be written; the message says where and what to do."""


class MonitorVersionMismatch(MonitorError):
    """Client and sidecar don't understand each other's version; the message names both."""


class MonitorUnsupported(MonitorError):
    """The sidecar doesn't have what is asked for, at least not in its version."""


class SessionError(BitacoraError):
    """An event doesn't fit the session that it is told of."""


class SessionNotFound(SessionError):
    """Nothing is known of the session."""


class WireError(BitacoraError, ValueError):
    """What came over the wire isn't what Bitacora writes; the message names the model and the key."""


class ReporterError(BitacoraError):
    """Something about log records: taking, keeping, finding or shipping them."""


class ReporterSettingsError(ReporterError, SettingsError):
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


class BatchRejected(DestinationError):
    """The destination refused a batch for what is in it (400, 413, 422): the shipper halves it until the culprit is alone."""
