"""Work that takes a CPU for a while, in one thread beside the event loop, fairly shared among those who cause it."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import NamedTuple

_PER_CALLER = 64
_IN_ALL = 1024


class TooMany(Exception):
    """So much is waiting already that more is refused."""


class _Job(NamedTuple):
    work: Callable[[], bool]
    future: Future[bool]


class Turns:
    """Does one job at a time, and one of each caller in turn: who brings many waits for himself.

    The thread is a daemon, as no job is worth waiting for at the exit, and is started by the first job.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: OrderedDict[str, deque[_Job]] = OrderedDict()
        self._count = 0
        self._thread: threading.Thread | None = None

    async def run(self, caller: str, work: Callable[[], bool]) -> bool:
        """Return what *work* returns, once it was the turn of *caller*.

        Raises:
            TooMany: 64 jobs of this caller are waiting, or 1,024 in all.
        """
        job = _Job(work, Future())
        with self._changed:
            jobs = self._waiting.get(caller) or deque()
            if len(jobs) >= _PER_CALLER or self._count >= _IN_ALL:
                raise TooMany
            jobs.append(job)
            self._waiting.setdefault(caller, jobs)
            self._count += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="bitacora-passwords", daemon=True)
                self._thread.start()
            self._changed.notify()
        return await asyncio.wrap_future(job.future)

    def _work(self) -> None:
        while True:
            job = self._next()
            if not job.future.set_running_or_notify_cancel():
                continue
            try:
                job.future.set_result(job.work())
            except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits for the result
                job.future.set_exception(error)

    def _next(self) -> _Job:
        with self._changed:
            while not self._waiting:
                self._changed.wait()
            caller, jobs = self._waiting.popitem(last=False)
            job = jobs.popleft()
            if jobs:
                self._waiting[caller] = jobs
            self._count -= 1
            return job
