"""State that a forked child doesn't share: a lock may have been held, at the moment of the fork, by a thread that isn't in the child."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Generic, TypeVar

State = TypeVar("State")


class PerProcess(Generic[State]):
    """Gives each process a state of its own, made at its first use, whatever forked it: os.fork or C code."""

    def __init__(self, make: Callable[[], State]) -> None:
        self._make = make
        self._by_pid: dict[int, State] = {os.getpid(): make()}

    def get(self) -> State:
        pid = os.getpid()
        found = self._by_pid.get(pid)
        if found is not None:
            return found
        mine = self._by_pid.setdefault(pid, self._make())  # of threads that come here together, one wins
        for other in list(self._by_pid):
            if other != pid:  # a later process may have the pid of an earlier one, and must not find its state
                self._by_pid.pop(other, None)
        return mine
