"""What a storage knows of sessions: their events, read back from their records, and the figures that follow from them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from otel_bitacora.domain.events import SessionEvent
from otel_bitacora.errors import SessionNotFound, WireError
from otel_bitacora.reporter.core import names
from otel_bitacora.reporter.core.contract import LogStorage
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.query import All, AnyOf, Compare, Operator, Query
from otel_bitacora.reporter.core.session_events import LOGGER

from .figures import SessionFollower, SessionMetrics


def now_utc() -> datetime:
    return datetime.now(UTC)


def event_of(entry: LogEntry) -> SessionEvent | None:
    """Return the event that *entry* records; None for any other record, and for one that redaction or a cut made unreadable."""
    if not entry.event_name.startswith("bitacora.") or not isinstance(entry.body, dict):
        return None
    try:
        return SessionEvent.from_wire(entry.body)
    except WireError:
        return None


async def session_figures(
    storage: LogStorage, session_id: str, *, clock: Callable[[], datetime] = now_utc
) -> SessionMetrics:
    """Return the figures of one session so far.

    Raises:
        SessionNotFound: the storage has no event of it.
    """
    is_of_session = Compare("session", Operator.EQUAL, session_id)
    entries = [entry async for entry in storage.query(Query(where=is_of_session)) if entry.session_id == session_id]
    found = _figures(session_id, entries, clock())
    if not found.event_count:
        raise SessionNotFound(f"no session {session_id!r}: `otel-bitacora session list` shows those that there are")
    return found


async def all_sessions(storage: LogStorage, *, clock: Callable[[], datetime] = now_utc) -> list[SessionMetrics]:
    """Return the figures of every session that the storage has events of, the latest first; without log records."""
    subjects = ("session", "action", "spark", "topic")
    is_event = AnyOf(tuple(Compare("event", Operator.EQUAL, f"bitacora.{subject}.*") for subject in subjects))
    by_session: dict[str, list[LogEntry]] = defaultdict(list)
    async for entry in storage.query(Query(where=All((Compare("session", Operator.EQUAL, "*"), is_event)))):
        by_session[entry.session_id].append(entry)
    now = clock()
    found = [_figures(session_id, entries, now) for session_id, entries in by_session.items()]
    return sorted((one for one in found if one.event_count), key=lambda one: one.started_at or now, reverse=True)


def _figures(session_id: str, entries: Iterable[LogEntry], now: datetime) -> SessionMetrics:
    follower, levels, seen = SessionFollower(session_id), Counter[str](), set[str]()
    events: list[tuple[datetime, LogEntry, SessionEvent]] = []
    for entry in entries:
        event = event_of(entry)
        if event is None:
            if entry.logger != LOGGER:
                levels[entry.level.name] += 1
            continue
        identity = str(entry.attributes.get(names.EVENT_ID, entry.uid))
        if identity not in seen:
            seen.add(identity)
            events.append((event.timestamp, entry, event))
    for _, entry, event in sorted(events, key=lambda item: item[0]):
        follower.follow(event)
        follower.describe(
            user_id=entry.user_id,
            project_id=entry.project_id,
            topic_id=_text(entry, names.TOPIC_ID),
            branch=_text(entry, names.BRANCH),
        )
    return follower.metrics(now=now, records_by_level=levels)


def _text(entry: LogEntry, name: str) -> str | None:
    value = entry.attributes.get(name)
    return None if value is None else str(value)
