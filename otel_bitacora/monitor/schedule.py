"""When each collector is due: on a grid of its own period, or of a faster one for a while, without a burst after a delay."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be read now."""

    names: tuple[str, ...]
    periodic: frozenset[str]
    """Those among them whose own turn it is, whoever else has sped them up or called for them."""


class Schedule:
    """Due times of named things with a period each, in seconds of a monotonic clock; any thread may call.

    All are due first at *first*, or at the *start* that the grids begin with.

    All periods share one origin, so that what has the same period is read in the same tick. What is sped up is read
    on the faster grid alone, its own turn being the first of these that comes after its time, so that nothing is read
    twice within a moment.
    """

    def __init__(self, periods: Mapping[str, float], start: float, first: float | None = None) -> None:
        self._periods = dict(periods)
        self._start = start
        self._due = dict.fromkeys(periods, start if first is None else first)
        self._fast: dict[str, float] = {}
        self._fast_due: dict[str, float] = {}
        self._called: set[str] = set()
        self._lock = threading.Lock()

    def due(self, now: float) -> Due:
        """Return what is due, and book its next time: the first one on the grid that lies after *now*."""
        with self._lock:
            names = tuple(name for name in self._periods if name in self._called or self._next(name) <= now)
            periodic = frozenset(name for name in names if self._due[name] <= now)
            for name in periodic:
                self._due[name] = self._after(now, self._periods[name])
            for name in names:
                if name in self._fast:
                    self._fast_due[name] = self._after(now, self._fast[name])
            self._called.clear()
            return Due(names, periodic)

    def seconds_until_due(self, now: float) -> float:
        """Return how long nothing is due; 0 when something is."""
        with self._lock:
            if self._called:
                return 0.0
            return max(0.0, min(map(self._next, self._periods), default=now + 1.0) - now)

    def seconds_overdue(self, now: float) -> float:
        """Return how long something has been due; 0 when nothing is."""
        with self._lock:
            return max(0.0, now - min(map(self._next, self._periods), default=now))

    def call(self, names: Iterable[str]) -> None:
        """Have *names* read at once, without moving their own turns; names that nobody has are left out."""
        with self._lock:
            self._called.update(name for name in names if name in self._periods)

    def speed_up(self, periods: Mapping[str, float], now: float) -> bool:
        """Have each name of *periods* read that often, and every other one as before.

        Returns whether that is news for any of them: such a one is due before long.
        """
        with self._lock:
            fast = {name: period for name, period in periods.items() if period < self._periods.get(name, 0.0)}
            news = {name for name, period in fast.items() if self._fast.get(name) != period}
            self._fast_due = {
                # Never later than its own turn, which may be the very first.
                name: min(self._due[name], self._after(now, period)) if name in news else self._fast_due[name]
                for name, period in fast.items()
            }
            self._fast = fast
            return bool(news)

    def _next(self, name: str) -> float:
        return self._fast_due[name] if name in self._fast else self._due[name]

    def _after(self, now: float, period: float) -> float:
        due = self._start + period * ((now - self._start) // period + 1)
        # The division rounds, sometimes down to now or to a hair after it.
        return due if due - now > period / 1000 else due + period
