"""What happens to a session, as Bitacora tells it: `{"SessionEnded": {…}}`, one key that names the event and its data."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from otel_bitacora.errors import WireError

from .action import ACTION_TYPE, ActionType
from .wire import ID, TEXT, TIME, Codec, Model, Source, decoded, folded, wire

_NANOS = 1_000_000_000
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+")


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    """A length of time as Rust writes it: whole seconds, and nanoseconds below one second."""

    secs: int
    nanos: int = 0

    @classmethod
    def from_timedelta(cls, length: timedelta) -> Duration:
        return cls(length.days * 86_400 + length.seconds, length.microseconds * 1000)

    @property
    def seconds(self) -> float:
        return self.secs + self.nanos / _NANOS

    def __str__(self) -> str:
        minutes, secs = divmod(self.secs, 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours} h {minutes} min" if hours else f"{minutes} min {secs} s" if minutes else f"{self.seconds:g} s"


def _read_duration(value: object) -> Duration:
    """Return a duration from Rust's pair, or from a plain number of seconds."""
    if isinstance(value, dict) and isinstance(value.get("secs"), int):
        nanos = value.get("nanos", 0)
        if value["secs"] >= 0 and isinstance(nanos, int) and 0 <= nanos < _NANOS:
            return Duration(value["secs"], nanos)
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e15:
        return Duration(int(value), round(value % 1 * _NANOS) % _NANOS)
    raise ValueError(f"no duration: {value!r}")


DURATION = Codec(_read_duration, lambda length: {"secs": length.secs, "nanos": length.nanos})


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEvent(Model):
    """The root of all events. `SessionEvent.from_wire` reads any of them; one that nobody knows is an `UnknownEvent`."""

    session_id: str = wire(ID)
    timestamp: datetime = wire(TIME)

    @classmethod
    def from_wire(cls, source: Source) -> SessionEvent:
        """Return the event that *source* tells, tagged from outside.

        Raises:
            WireError: there isn't exactly one tag, a required key is missing, or a value can't be read.
        """
        tagged = decoded(source)
        if len(tagged) != 1:
            raise WireError(f"expected one event as {{name: data}}, got {len(tagged)} keys")
        ((tag, data),) = tagged.items()
        kind = EVENTS.get(folded(tag))
        if kind is None:
            return UnknownEvent.with_tag(tag, data)
        return super(SessionEvent, kind).from_wire(data)

    def to_wire(self) -> dict[str, Any]:
        """Return what Bitacora writes: one key with the name of the event."""
        return {self.tag: super(SessionEvent, self).to_wire()}

    def to_json(self) -> str:
        return json.dumps(self.to_wire(), ensure_ascii=False)

    @property
    def tag(self) -> str:
        """The event's name on the wire."""
        return type(self).__name__

    @property
    def event_name(self) -> str:
        """The event's name among OpenTelemetry's: `SessionEnded` is `bitacora.session.ended`."""
        subject, *happened = [word.lower() for word in _WORD.findall(self.tag)] or ["unknown"]
        return ".".join(["bitacora", subject, *(["_".join(happened)] if happened else [])])


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionCreated(SessionEvent):
    user_id: str = wire(ID)
    description: str | None = wire(TEXT, default=None, rare=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStarted(SessionEvent):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPaused(SessionEvent):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionResumed(SessionEvent):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnded(SessionEvent):
    duration: Duration = wire(DURATION)
    summary: str | None = wire(TEXT, default=None, rare=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRecovered(SessionEvent):
    """Of older code only."""

    user_id: str | None = wire(ID, default=None, rare=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRecorded(SessionEvent):
    action_id: str = wire(ID)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionStarted(SessionEvent):
    action_id: str = wire(ID)
    action_type: ActionType | str | None = wire(ACTION_TYPE, default=None, rare=True)
    description: str | None = wire(TEXT, default=None, rare=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionEnded(SessionEvent):
    action_id: str = wire(ID)
    action_type: ActionType | str | None = wire(ACTION_TYPE, default=None, rare=True)
    duration: Duration | None = wire(DURATION, default=None, rare=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class SparkCaptured(SessionEvent):
    spark_id: str = wire(ID)
    title: str | None = wire(TEXT, default=None, rare=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicChanged(SessionEvent):
    topic_id: str = wire(ID)
    previous_topic_id: str | None = wire(ID, default=None, rare=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownEvent(SessionEvent):
    """An event of a newer Bitacora, kept whole; it must say which session and when, as all do."""

    given_tag: str

    @classmethod
    def with_tag(cls, tag: str, data: object) -> UnknownEvent:
        left = dict(decoded(data if isinstance(data, dict) else {}))
        missing = [key for key in ("session_id", "timestamp") if left.get(key) is None]
        if missing:
            raise WireError(f"{tag}: no {missing[0]!r}")
        plain = SessionStarted.from_wire({"SessionStarted": left})
        return cls(given_tag=tag, session_id=plain.session_id, timestamp=plain.timestamp, unknown=plain.unknown)

    @property
    def tag(self) -> str:
        return self.given_tag


KNOWN = (
    SessionCreated,
    SessionStarted,
    SessionPaused,
    SessionResumed,
    SessionEnded,
    SessionRecovered,
    ActionRecorded,
    ActionStarted,
    ActionEnded,
    SparkCaptured,
    TopicChanged,
)
"""All events that this version knows: first those of Bitacora, then ours."""

EVENTS: dict[str, type[SessionEvent]] = {folded(kind.__name__): kind for kind in KNOWN}
