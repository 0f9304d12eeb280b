"""Who ships for an exporter: one process at a time, told by a POSIX lock on `exporters/NAME/lock`."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from otel_bitacora.errors import JournalUnavailable
from otel_bitacora.reporter.core.journal.host import LOCK_EX, LOCK_NB, lockf

from .checkpoint import open_to_write

LOCK = "lock"
_HELD: set[tuple[int, int]] = (
    set()
)  # locks are the process's: a second one of its own would be granted, and lost with it
_GUARD = threading.Lock()


def _begin_anew() -> None:
    """A forked child holds none of its parent's locks, nor the guard that another thread may have had."""
    global _GUARD  # noqa: PLW0603 - as logging does with its locks
    _GUARD = threading.Lock()
    _HELD.clear()


os.register_at_fork(after_in_child=_begin_anew)


class LeaseTaken(JournalUnavailable):
    """Another process ships for this exporter; the message says which."""


class Lease:
    """Held until it is released or the process ends; a forked child has none of it."""

    def __init__(self, folder: Path, *, wall: Callable[[], float] = time.time) -> None:
        """Take the lease of the exporter whose files are in *folder*.

        Raises:
            LeaseTaken: somebody has it.
            JournalUnavailable: the lock can't be made.
        """
        self.folder = folder
        path = folder / LOCK
        with _GUARD:
            self._identity = _identity(path)
            if self._identity in _HELD:  # not even opened: closing it would release the lock
                raise LeaseTaken(f"{folder.name}: this process ships for it already")
            try:
                self._fd = open_to_write(path, os.O_RDWR)
            except OSError as error:
                raise JournalUnavailable(f"{path}: {error.strerror}") from error
            try:
                lockf(self._fd, LOCK_EX | LOCK_NB)
                os.ftruncate(self._fd, 0)
                os.pwrite(self._fd, f"{os.getpid()} {wall():.3f}\n".encode(), 0)
            except (BlockingIOError, PermissionError) as error:
                holder = _text(self._fd)
                os.close(self._fd)
                raise LeaseTaken(f"{folder.name}: {holder} ships for it; end that, or choose another --name") from error
            except OSError as error:
                os.close(self._fd)
                raise JournalUnavailable(f"{path}: {error.strerror}") from error
            self._identity = _identity(path)
            if self._identity is not None:
                _HELD.add(self._identity)
        self._pid = os.getpid()

    @property
    def is_held(self) -> bool:
        """Whether the lock is still the file that others look at: somebody may have deleted the directory."""
        return self._fd >= 0 and self._pid == os.getpid() and _identity(self.folder / LOCK) == self._identity

    def release(self) -> None:
        with _GUARD:
            if self._fd >= 0 and self._pid == os.getpid():
                os.close(self._fd)
                if self._identity is not None:
                    _HELD.discard(self._identity)
            self._fd = -1


def holder_of(folder: Path) -> str | None:
    """Return who ships for the exporter, such as `process 42 since 2026-11-24 08:15:00`; None if nobody does."""
    path = folder / LOCK
    with _GUARD:
        if _identity(path) in _HELD:
            return f"process {os.getpid()}"
        try:
            fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            lockf(fd, LOCK_EX | LOCK_NB)
        except (BlockingIOError, PermissionError):
            return _text(fd)
        except OSError:
            return None
        finally:
            os.close(fd)
    return None


def _identity(path: Path) -> tuple[int, int] | None:
    with contextlib.suppress(OSError):
        found = path.lstat()
        return found.st_dev, found.st_ino
    return None


def _text(fd: int) -> str:
    pid, _, since = os.pread(fd, 64, 0).decode(errors="replace").strip().partition(" ")
    try:
        return f"process {int(pid)} since {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(float(since)))}"
    except (ValueError, OverflowError, OSError):
        return "another process"
