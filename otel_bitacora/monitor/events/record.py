"""Events as log records: so many at a time, and no more of one thing than somebody can read."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator

from bitacora_collectors.contract import FAST_SECONDS, Group, Kind, Metric, Reading

from .event import Event

NAME = "otel.event.name"
"""The extra that becomes the event name of an OpenTelemetry log record."""
SUPPRESSED = "bitacora.event.suppressed"
_EVENT = "event.name"
_OUTCOME = "bitacora.event.outcome"

EVENTS = Metric(
    "bitacora.monitor.events",
    Kind.COUNTER,
    "{event}",
    "Events of the host, by what became of them: a log record, or nothing, as they came too close to others.",
    Group.PROCESS,
    (_EVENT, _OUTCOME),
)

_BURST, _PER_SECOND = 20, 1 / 3
_REMEMBERED = 1000
log = logging.getLogger("otel_bitacora.monitor")


class EventLog:
    """Logs events: one of a name and subject every *min_interval_seconds*, and of a name 20, then 20 in a minute. The
    next record of the same says how many there were since. Safe to use from any thread.
    """

    def __init__(self, min_interval_seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._min_interval_seconds = min_interval_seconds
        self._monotonic = monotonic
        self._last: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._suppressed: Counter[tuple[str, str]] = Counter()
        self._room: dict[str, tuple[float, float]] = {}
        self._counts: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def add(self, event: Event) -> bool:
        """Log *event*, unless it comes too close to others; returns whether it was logged."""
        with self._lock:
            suppressed = self._admit(event.name, event.subject)
            self._counts[event.name, "suppressed" if suppressed is None else "recorded"] += 1
        if suppressed is None:
            return False
        extra = {NAME: event.name, **event.attributes, **({SUPPRESSED: suppressed} if suppressed else {})}
        log.log(event.level, event.message, extra=extra)
        return True

    def readings(self) -> Iterator[Reading]:
        with self._lock:
            counts = self._counts.copy()
        for (name, outcome), count in counts.items():
            yield Reading(EVENTS, count, {_EVENT: name, _OUTCOME: outcome})

    def _admit(self, name: str, subject: str) -> int | None:
        """Return how many like it were suppressed since the last record; None if this one is to be as well."""
        now, key = self._monotonic(), (name, subject)
        room, counted_at = self._room.get(name, (_BURST, now))
        room = min(_BURST, room + (now - counted_at) * _PER_SECOND)
        self._room[name] = room, now
        last = self._last.get(key)
        if room < 1 or (last is not None and now - last < self._min_interval_seconds):
            self._suppressed[key] += 1
            if len(self._suppressed) > _REMEMBERED:
                del self._suppressed[next(iter(self._suppressed))]
            return None
        self._room[name] = room - 1, now
        self._last[key] = now
        self._last.move_to_end(key)
        if len(self._last) > _REMEMBERED:
            self._suppressed.pop(self._last.popitem(last=False)[0], None)
        return self._suppressed.pop(key, 0)


class EventsCollector:
    """How many events there were, as readings like any other."""

    name = "events"
    group = Group.PROCESS
    metrics = (EVENTS,)
    interval_seconds = FAST_SECONDS

    def __init__(self, events: EventLog) -> None:
        self._events = events

    def collect(self) -> list[Reading]:
        return list(self._events.readings())
