"""What a session amounts to so far: its state, times and counts, followed event by event."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from otel_bitacora.domain.action import ACTION_TYPE
from otel_bitacora.domain.events import (
    ActionEnded,
    ActionRecorded,
    ActionStarted,
    SessionCreated,
    SessionEnded,
    SessionEvent,
    SessionPaused,
    SessionRecovered,
    SessionResumed,
    SessionStarted,
    SparkCaptured,
    TopicChanged,
)
from otel_bitacora.domain.session import SessionStatus

UNKNOWN_TYPE = "unknown"
"""Of actions whose events don't say what they were."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionMetrics:
    """One session in numbers; durations in seconds, `None` where nothing says it."""

    session_id: str
    user_id: str | None = None
    project_id: str | None = None
    topic_id: str | None = None
    branch: str | None = None
    description: str | None = None
    status: SessionStatus = SessionStatus.CREATED
    started_at: datetime | None = None
    ended_at: datetime | None = None
    duration_seconds: float = 0.0
    """From start to end, or until now; pauses count."""
    active_seconds: float = 0.0
    """The same without the pauses."""
    paused_seconds: float = 0.0
    pause_count: int = 0
    event_count: int = 0
    action_count: int = 0
    actions_by_type: Mapping[str, int] = field(default_factory=dict)
    spark_count: int = 0
    topic_change_count: int = 0
    """How often work went on to another topic."""
    records_by_level: Mapping[str, int] = field(default_factory=dict)
    """Log records of the session other than its events, by level: ERROR, WARN, INFO, DEBUG, TRACE."""


class SessionFollower:
    """Follows one session through its events, in the order of their times; what it can't place changes nothing."""

    def __init__(self, session_id: str) -> None:
        self._id = session_id
        self._said: dict[str, str] = {}
        self._status = SessionStatus.CREATED
        self._started_at: datetime | None = None
        self._ended_at: datetime | None = None
        self._paused_at: datetime | None = None
        self._paused_seconds = 0.0
        self._pauses = 0
        self._events = 0
        self._actions: dict[str, str] = {}
        self._sparks: set[str] = set()
        self._topics = 0

    def follow(self, event: SessionEvent) -> None:
        self._events += 1
        self._note(event)
        match event:
            case SessionCreated():
                self._begin(event.timestamp)
            case SessionStarted() | SessionResumed() | SessionRecovered():
                self._go_on(event.timestamp)
            case SessionPaused():
                self._pause(event.timestamp)
            case SessionEnded():
                self._end(event.timestamp)
            case ActionRecorded() | ActionStarted() | ActionEnded():
                self._act(event)
            case SparkCaptured():
                self._sparks.add(event.spark_id)
            case TopicChanged():
                self._topics += 1

    def describe(self, **attributes: str | None) -> None:
        """Take note of what the records of the events say beside them: project, topic, branch."""
        self._said.update({key: value for key, value in attributes.items() if value})

    def metrics(self, *, now: datetime, records_by_level: Mapping[str, int]) -> SessionMetrics:
        """Return the figures as of *now*, or of the end if that was earlier."""
        until = self._ended_at or now
        paused = self._paused_seconds
        if self._paused_at is not None:
            paused += _seconds(self._paused_at, until)
        total = _seconds(self._started_at or until, until)
        return SessionMetrics(
            session_id=self._id,
            user_id=self._said.get("user_id"),
            project_id=self._said.get("project_id"),
            topic_id=self._said.get("topic_id"),
            branch=self._said.get("branch"),
            description=self._said.get("description"),
            status=self._status,
            started_at=self._started_at,
            ended_at=self._ended_at,
            duration_seconds=total,
            active_seconds=max(total - paused, 0.0),
            paused_seconds=paused,
            pause_count=self._pauses,
            event_count=self._events,
            action_count=len(self._actions),
            actions_by_type=dict(Counter(self._actions.values())),
            spark_count=len(self._sparks),
            topic_change_count=self._topics,
            records_by_level=dict(records_by_level),
        )

    def _note(self, event: SessionEvent) -> None:
        for key in ("user_id", "topic_id"):
            self.describe(**{key: getattr(event, key, None)})
        if isinstance(event, SessionCreated):
            self.describe(description=event.description)

    def _begin(self, at: datetime) -> None:
        self._started_at = min(self._started_at or at, at)

    def _go_on(self, at: datetime) -> None:
        self._begin(at)
        if self._paused_at is not None:
            self._paused_seconds += _seconds(self._paused_at, at)
            self._paused_at = None
        self._ended_at, self._status = None, SessionStatus.ACTIVE

    def _pause(self, at: datetime) -> None:
        self._begin(at)
        if self._paused_at is None:
            self._paused_at = at
            self._pauses += 1
        self._status = SessionStatus.PAUSED

    def _end(self, at: datetime) -> None:
        self._begin(at)
        if self._paused_at is not None:
            self._paused_seconds += _seconds(self._paused_at, at)
            self._paused_at = None
        self._ended_at, self._status = at, SessionStatus.ENDED

    def _act(self, event: ActionRecorded | ActionStarted | ActionEnded) -> None:
        """Count an action once, whichever of its events tell of it."""
        kind = getattr(event, "action_type", None) or event.unknown.get("action_type")
        known = self._actions.get(event.action_id, UNKNOWN_TYPE)
        self._actions[event.action_id] = str(ACTION_TYPE.read(kind)) if isinstance(kind, str) else known


def _seconds(start: datetime, end: datetime) -> float:
    return max((end.astimezone(UTC) - start.astimezone(UTC)).total_seconds(), 0.0)
