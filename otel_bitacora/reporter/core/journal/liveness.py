"""Who is alive: a segment's writer, told by its lock, and this process, told from its forked children."""

import mmap
import os
from collections.abc import Callable
from typing import Protocol

from .host import LOCK_NB, LOCK_SH, LOCK_UN, flock

_MADV_WIPEONFORK = 18  # Linux 4.14; the module mmap doesn't name it


def has_writer(fd: int, flock: Callable[[int, int], None] = flock) -> bool:
    """Return whether a process still holds the segment behind *fd* open for writing.

    A writer takes its lock before its segment gets a name that readers look for, and keeps it until the segment is
    sealed. What was read before a False may lack the writer's last records: read to the end after it.
    """
    try:
        flock(fd, LOCK_SH | LOCK_NB)
    except BlockingIOError:
        return True
    flock(fd, LOCK_UN)
    return False


class ProcessMark(Protocol):
    """Item 0 is true in the process that made the mark and false in a forked child of it."""

    def __getitem__(self, item: int, /) -> int: ...


class _PidMark:
    """The slow form (224 ns against 28), where memory can't be wiped at fork."""

    def __init__(self) -> None:
        self._pid = os.getpid()

    def __getitem__(self, item: int, /) -> int:
        return os.getpid() == self._pid


def mark_process() -> ProcessMark:
    """Return a mark that the kernel itself clears in a child, whatever forked it: os.fork, C code or a thread."""
    try:
        page = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        page.madvise(_MADV_WIPEONFORK)
    except (OSError, ValueError, AttributeError):
        return _PidMark()
    page[0] = 1
    return page
