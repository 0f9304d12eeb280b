"""The door for programs that tell what happens in a session: one record per event, in whatever storage they keep."""

from __future__ import annotations

from dataclasses import replace

from otel_bitacora.domain.events import SessionEvent
from otel_bitacora.errors import SessionError
from otel_bitacora.reporter.core.context import LogContext
from otel_bitacora.reporter.core.contract import LogStorage
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.mapping import current_trace
from otel_bitacora.reporter.core.session_events import event_id
from otel_bitacora.reporter.core.storage import JournalStorage


class BitacoraReportingSystem:
    """Records the events of sessions in *storage*, by default the journal that handlers write to.

    A record is the same as one that goes through the logger: `logging.getLogger("otel_bitacora.session").info(
    event.to_wire(), extra=event_extra(session_id, event))`.
    """

    def __init__(self, storage: LogStorage | None = None) -> None:
        self.storage = storage if storage is not None else JournalStorage()

    async def log_session_event(self, session_id: str, event: SessionEvent) -> str:
        """Return the uid of the record of *event*. The same event again, told by its id, is kept once.

        Raises:
            SessionError: the event is one of another session.
        """
        if event.session_id != session_id:
            raise SessionError(f"an event of session {event.session_id!r} can't be logged in session {session_id!r}")
        entry = LogEntry.from_session_event(session_id, event)
        identity = event_id(session_id, event)
        complete = replace(
            entry,
            **current_trace(),
            attributes={**LogContext.current(), **entry.attributes},
            uid=f"{identity.replace('-', '')}-{0:016x}",
        )
        return await self.storage.store_log(complete)
