"""One round of reading: what is due, one collector after the other in a guarded thread, each with a deadline of its own.

Handing each of them to the thread by itself costs a switch there and one back, which is more than most of them cost.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from .schedule import Clock

T = TypeVar("T")


class Task(NamedTuple, Generic[T]):
    """What is to be called, and how long it may take."""

    function: Callable[[], T]
    deadline_seconds: float


class Moment(NamedTuple):
    """When something began, by both clocks."""

    monotonic_seconds: float
    unix_nano: int


class Outcome(NamedTuple, Generic[T]):
    """What a task returned, or the error that it raised."""

    result: T | None
    error: Exception | None
    began: Moment
    duration_seconds: float


class Round(Generic[T]):
    """Calls *tasks* in the thread that calls `run`, while another waits for them in `wait`."""

    def __init__(self, tasks: Sequence[Task[T]], clock: Clock) -> None:
        self._tasks = tasks
        self._clock = clock
        self._lock = threading.Lock()
        self._is_given_up = False
        self._outcomes: list[Outcome[T]] = []
        self._begin_next()

    @property
    def began(self) -> Moment:
        """When the task that was called last began."""
        return self._began

    def run(self) -> None:
        """Call the tasks, until one has outlasted its deadline."""
        self._begin_next()
        for task in self._tasks:
            outcome = self._outcome_of(task)
            with self._lock:
                if self._is_given_up:  # the late answer is dropped
                    return
                self._outcomes.append(outcome)
                self._begin_next()

    def wait(self, finished: threading.Event) -> list[Outcome[T]]:
        """Return the outcomes once *finished* is set, or the first of them if the task behind them hangs."""
        while not finished.wait(max(0.0, self._until - time.monotonic())):
            with self._lock:
                if len(self._outcomes) < len(self._tasks) and time.monotonic() >= self._until:
                    self._is_given_up = True
                    break
        return self._outcomes

    def _begin_next(self) -> None:
        number = min(len(self._outcomes), len(self._tasks) - 1)
        self._until = time.monotonic() + self._tasks[number].deadline_seconds
        self._began = Moment(self._clock.monotonic(), self._clock.time_ns())

    def _outcome_of(self, task: Task[T]) -> Outcome[T]:
        began = self._began
        result, error = None, None
        try:
            result = task.function()
        except Exception as raised:  # noqa: BLE001 - whatever one raises, the others go on
            error = raised
        return Outcome(result, error, began, self._clock.monotonic() - began.monotonic_seconds)
