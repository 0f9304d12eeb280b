"""Time as a worker knows it: two clocks, and a wait that ends when it is told to stop. Tests bring one of their own."""

from __future__ import annotations

import threading
import time
from random import random
from typing import Protocol


class Pace(Protocol):
    def monotonic(self) -> float: ...
    def wall_ns(self) -> int: ...
    def random(self) -> float: ...

    def wait(self, seconds: float) -> None:
        """Return after *seconds*, or when somebody calls `stop` or `nudge`."""

    def nudge(self) -> None:
        """End the wait that is going on, or else the next one."""

    def stop(self, within_seconds: float) -> None:
        """Have the worker end when nothing is left to send, and in *within_seconds* at the latest."""

    @property
    def is_stopping(self) -> bool: ...

    @property
    def is_over(self) -> bool:
        """Whether it is to end now, whatever is left."""


class RealPace:
    def __init__(self) -> None:
        self._woken = threading.Event()
        self._deadline: float | None = None

    @staticmethod
    def monotonic() -> float:
        return time.monotonic()

    @staticmethod
    def wall_ns() -> int:
        return time.time_ns()

    @staticmethod
    def random() -> float:
        return random()  # noqa: S311 - it spreads attempts

    def wait(self, seconds: float) -> None:
        if self._deadline is not None:
            seconds = min(seconds, self._deadline - time.monotonic())
        if seconds > 0:
            self._woken.wait(seconds)
        self._woken.clear()

    def nudge(self) -> None:
        self._woken.set()

    def stop(self, within_seconds: float) -> None:
        self._deadline = time.monotonic() + within_seconds
        self._woken.set()

    @property
    def is_stopping(self) -> bool:
        return self._deadline is not None

    @property
    def is_over(self) -> bool:
        return self._deadline is not None and time.monotonic() >= self._deadline
