"""Puts records on the disk before their callers go on: outside the write lock, one caller for all that wait."""

import os
import threading
from collections.abc import Callable
from typing import Literal, Protocol

from .host import Os, raise_unless_refused, sync_directory
from .segment import Segment

SyncMode = Literal["error", "always", "never"]
ERROR_SEVERITY = 17
_PAUSE_SECONDS = 1.0
_BURST_SECONDS = 1.0  # of fdatasync that may be saved up while none was asked for


def sync_floor(mode: SyncMode) -> int:
    """Return the severity number from which append waits for the disk."""
    return {"error": ERROR_SEVERITY, "always": 0, "never": 1 << 30}[mode]


class Dirty(Protocol):
    """What the syncer needs of the writer; each call takes the write lock for a moment."""

    def begin_sync(self) -> tuple[list[tuple[Segment, int]], int]:
        """Return the segments with unsynced records, their lengths, and the last sequence that lies there or before."""
        ...

    def end_sync(self, dirty: list[tuple[Segment, int]], done: int, error: OSError | None) -> None:
        """Take note that the first *done* of them are safe, and that with an error the others may be lost."""
        ...


class SyncCounts:
    def __init__(self) -> None:
        self.done = 0
        self.shared = 0  # callers who found that another's fdatasync had covered them
        self.deferred = 0  # over the budget: committed with a later group
        self.failed = 0

    def copy(self) -> "SyncCounts":
        """Return them as they are now."""
        copied = SyncCounts()
        vars(copied).update(vars(self))
        return copied


class Syncer:
    def __init__(
        self, owner: Dirty, *, directory: str, budget: float, host: Os, monotonic: Callable[[], float]
    ) -> None:
        self._owner, self._directory, self._budget, self._host = owner, directory, budget, host
        self._monotonic = monotonic
        self._lock = threading.RLock()  # re-entrant, because a signal handler may log while this thread leads
        self._leading = False
        self._credit_seconds = _BURST_SECONDS * budget
        self._credited_at = monotonic()
        self._synced = 0
        self._not_before = 0.0
        self.is_pending = False
        self.counts = SyncCounts()

    def within_budget(self) -> bool:
        """Return whether a caller may wait for the disk now; counted, and left to a later group, if not."""
        now = self._monotonic()
        earned = (now - self._credited_at) * self._budget
        self._credited_at = now
        self._credit_seconds = min(self._credit_seconds + earned, _BURST_SECONDS * max(self._budget, 0.01))
        return self._credit_seconds > 0 and not self.has_failed_lately()

    def has_failed_lately(self) -> bool:
        """Each failure costs a new segment: only flush tries again at once."""
        return self._monotonic() < self._not_before

    def defer(self) -> None:
        self.counts.deferred += 1
        self.is_pending = True

    def commit(self, sequence: int) -> bool:
        """Return whether everything up to *sequence* is on the disk, after having waited for it.

        Callers who come while one leads wait for its lock, and one of them then leads for all the others.
        """
        with self._lock:
            if self._synced >= sequence:
                self.counts.shared += 1
                return True
            if self._leading:
                self.is_pending = True
                return False
            self._leading = True
            try:
                return self._lead() >= sequence
            finally:
                self._leading = False

    def _lead(self) -> int:
        """Sync all that is dirty; return the last sequence that is then safe."""
        dirty, last = self._owner.begin_sync()
        self.is_pending = False
        started = self._monotonic()
        done = 0
        error: OSError | None = None
        try:
            for segment, _ in dirty:
                self._sync(segment)
                done += 1
        except OSError as exc:
            raise_unless_refused(exc)
            error = exc
        finally:
            self._credit_seconds -= self._monotonic() - started
            self._owner.end_sync(dirty, done, error)
        if error is not None:
            self.counts.failed += 1
            self.is_pending = True
            self._not_before = self._monotonic() + _PAUSE_SECONDS
            return -1
        self.counts.done += 1
        self._synced = max(self._synced, last)
        return last

    def _sync(self, segment: Segment) -> None:
        if not segment.is_named_durably:
            sync_directory(self._host, self._directory)
            segment.is_named_durably = True
        if segment.fd >= 0:
            self._host.fdatasync(segment.fd)
            return
        try:
            fd = self._host.open(segment.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:  # retention was here
            return
        try:
            self._host.fdatasync(fd)
        finally:
            self._host.close(fd)
