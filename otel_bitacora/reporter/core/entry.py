"""One log record as everything behind the journal sees it: storages, queries, exporters, the viewer."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from .level import LogLevel
from .names import PROJECT_ID, SESSION_ID, USER_ID
from .protobuf import Plain
from .values import value

if TYPE_CHECKING:
    from otel_bitacora.domain.events import SessionEvent

    from .safe import Cleaner

NO_ATTRIBUTES: Mapping[str, Plain] = MappingProxyType({})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@value
class LogEntry:
    """A log record with everything OTLP says about it; times in nanoseconds since 1970, ids of traces in hex.

    *body* is text, or a mapping where the message was one. *attributes* are plain values by their full names; the uid
    stands apart, because it belongs to the place where a record was taken and not to what it says.
    """

    timestamp_unix_nano: int = 0
    observed_unix_nano: int = 0
    severity_number: int = 0
    severity_text: str = ""
    body: Plain = None
    attributes: Mapping[str, Plain] = NO_ATTRIBUTES
    dropped_attributes_count: int = 0
    trace_flags: int = 0
    trace_id: str = ""
    span_id: str = ""
    event_name: str = ""
    uid: str = ""
    logger: str = ""
    scope_version: str = ""
    scope_attributes: Mapping[str, Plain] = NO_ATTRIBUTES
    schema_url: str = ""
    resource: Mapping[str, Plain] = NO_ATTRIBUTES

    @classmethod
    def from_record(cls, record: logging.LogRecord, *, cleaner: Cleaner | None = None) -> LogEntry:
        """Return what *record*, logged here and now, says; the record isn't changed, and nothing raises."""
        from .mapping import map_record  # noqa: PLC0415  # the mapping builds entries

        return map_record(record) if cleaner is None else map_record(record, cleaner=cleaner)

    @classmethod
    def from_session_event(cls, session_id: str, event: SessionEvent) -> LogEntry:
        """Return the record of something that happened to a session, with the event itself as its body."""
        from .session_events import event_entry  # noqa: PLC0415  # as above

        return event_entry(session_id, event)

    @classmethod
    def from_otlp(cls, scope_logs: bytes, *, resource: Mapping[str, Plain] = NO_ATTRIBUTES) -> LogEntry:
        """Return the first record of a serialized OTLP `ScopeLogs`, which is what the journal holds per record.

        Raises:
            ValueError: these aren't the bytes of one, or it has no record.
        """
        from .otlp import decode  # noqa: PLC0415  # as above

        return decode(scope_logs, resource)

    def to_otlp(self) -> bytes:
        """Return the serialized `ScopeLogs` of this record alone, as the handler would have written it."""
        from .otlp import encode  # noqa: PLC0415  # as above

        return encode(self)

    @property
    def level(self) -> LogLevel:
        return LogLevel.from_severity(self.severity_number)

    @property
    def timestamp(self) -> datetime:
        """When it was logged, else when it was observed, in UTC and cut to microseconds."""
        return _EPOCH + timedelta(microseconds=(self.timestamp_unix_nano or self.observed_unix_nano) // 1000)

    @property
    def message(self) -> str:
        """The body in one piece of text: a structured one by its `message` or `msg`, else its event name, else as JSON-like text."""
        if isinstance(self.body, str):
            return self.body
        if isinstance(self.body, Mapping):
            said = self.body.get("message", self.body.get("msg"))
            return said if isinstance(said, str) else self.event_name or str(self.body)
        return self.event_name if self.body is None else str(self.body)

    @property
    def session_id(self) -> str:
        return _text(self.attributes.get(SESSION_ID))

    @property
    def project_id(self) -> str:
        return _text(self.attributes.get(PROJECT_ID))

    @property
    def user_id(self) -> str:
        return _text(self.attributes.get(USER_ID))

    def to_dict(self) -> dict[str, object]:
        """Return it as JSON can hold it, with the names of OTLP; what is empty is left out."""
        from .otlp import to_dict  # noqa: PLC0415  # as above

        return to_dict(self)


def _text(value: Plain) -> str:
    return "" if value is None else str(value)
