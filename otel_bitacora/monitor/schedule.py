"""When each collector is due: on a grid of its own period, without a burst after a delay."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Protocol


class Clock(Protocol):
    """The two clocks that sampling needs; tests bring their own."""

    def monotonic(self) -> float:
        """Return seconds that only grow, for periods and rates."""
        ...

    def time_ns(self) -> int:
        """Return nanoseconds since the Unix epoch, for what people read."""
        ...


class SystemClock:
    """The machine's."""

    def monotonic(self) -> float:
        return time.monotonic()

    def time_ns(self) -> int:
        return time.time_ns()


class Schedule:
    """Due times of named things with a period each, in seconds of a monotonic clock.

    All periods share one origin, so that what has the same period is read in the same tick.
    """

    def __init__(self, periods: Mapping[str, float], start: float) -> None:
        self._periods = dict(periods)
        self._start = start
        self._due = dict.fromkeys(periods, start)

    def due(self, now: float) -> list[str]:
        """Return what is due, and book its next time: the first one on the grid that lies after *now*."""
        names = [name for name, due in self._due.items() if due <= now]
        for name in names:
            period = self._periods[name]
            due = self._start + period * ((now - self._start) // period + 1)
            self._due[name] = due if due > now else due + period  # the division rounds, sometimes down to now
        return names

    def seconds_until_due(self, now: float) -> float:
        """Return how long nothing is due; 0 when something is."""
        return max(0.0, min(self._due.values(), default=now + 1.0) - now)

    def seconds_overdue(self, now: float) -> float:
        """Return how long something has been due; 0 when nothing is."""
        return max(0.0, now - min(self._due.values(), default=now))
