"""The stat files of all processes, read once for all collectors that want them, through descriptors that stay open."""

from __future__ import annotations

import errno
import os
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from weakref import WeakValueDictionary

from bitacora_collectors.contract import Host, Unavailable
from bitacora_collectors.cpu_clock import CpuClock, cpu_clock_for

from .still import StillProcesses

FRESH_SECONDS = 0.25
"""How old lines may be that another collector has read: as long as one tick takes."""

_LINE_BYTES = 1024  # 52 numbers and a command of at most 64 bytes
_MOST_DESCRIPTORS = 4096
_FULL = (errno.EMFILE, errno.ENFILE)


class StatLines:
    """The content of each /proc/N/stat by N.

    Reading through a kept descriptor costs half of what opening costs. A descriptor belongs to one process, not to
    its number: when that is given to another process, reading fails, and the file is opened anew. A process that has
    not run since is not read at all, as far as *clock_for* returns a clock that says so.
    A file that hasn't changed is the same object as before, so that a reader finds the changes by identity.
    """

    def __init__(
        self,
        host: Host,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        clock_for: Callable[[Host], CpuClock | None] = cpu_clock_for,
    ) -> None:
        self.max_descriptors: int | None = None
        """How many files may be kept open; until it is set, `descriptor_limit` at the first reading."""
        self._host = host
        self.monotonic = monotonic
        self._lock = threading.Lock()
        self._kept: dict[str, int] = {}
        self._directory: list[int] = []
        self._clock_for = clock_for
        self._still: StillProcesses | None = None
        self._lines: Mapping[str, bytes] = {}
        self._sequence = 0
        self.read_at = 0.0
        """When, on the monotonic clock, `read` last read the files."""
        weakref.finalize(self, _close_all, self._kept, self._directory)

    @classmethod
    def of(cls, host: Host) -> StatLines:
        """Return the lines that all collectors of *host* share, as long as one of them lives."""
        found = _shared.get(host)
        if found is None:
            found = _shared[host] = cls(host)
        return found

    @property
    def descriptors(self) -> int:
        """How many files are kept open."""
        return len(self._kept)

    def read(self, after: int = 0) -> tuple[int, Mapping[str, bytes]]:
        """Return the number of a reading, and its lines; to a caller that has seen reading *after*, a later one.

        One that another caller has just made will do, so that the files are read once in a tick.

        Raises:
            Unavailable: there is no /proc.
        """
        with self._lock:
            is_fresh = after < self._sequence and self.monotonic() - self.read_at < FRESH_SECONDS
            if not is_fresh:
                self.read_at = self.monotonic()
                self._lines = self._read()
                self._sequence += 1
            return self._sequence, self._lines

    def cpu_ns(self, name: str) -> int | None:
        """Return the nanoseconds that process *name* has run for, None where there is no clock: as long as they stay the
        same it has done nothing.
        """
        return self._still.cpu_ns(name) if self._still else None

    def close(self) -> None:
        """Close what is open; a later `read` opens it again."""
        # Whoever reads just now may never return, and has no need of a file that is closed under it.
        if self._lock.acquire(blocking=False):
            try:
                _close_all(self._kept, self._directory)
            finally:
                self._lock.release()

    def _read(self) -> dict[str, bytes]:
        if self.max_descriptors is None:
            self.max_descriptors = descriptor_limit()
        if not self._directory:
            self._directory.append(open_proc(self._host))
            clock = self._clock_for(self._host)
            self._still = StillProcesses(clock) if clock else None
        before, still = self._lines, self._still
        unchanged = still.unchanged() if still else dict[str, bytes]()
        lines, ended = {}, set[str]()
        for name in os.listdir(self._directory[0]):  # noqa: PTH208 - by descriptor, which a Path has not
            if name in unchanged:
                lines[name] = unchanged[name]
            elif name.isdigit():
                self._read_one(name, lines, ended)
        for name in self._kept.keys() - lines.keys():
            os.close(self._kept.pop(name))
        if still:
            ended |= before.keys() - lines.keys()
            still.forget(ended - lines.keys())
            for name in still.orphans(ended):
                self._read_one(name, lines, ended)
        return lines

    def _read_one(self, name: str, lines: dict[str, bytes], ended: set[str]) -> None:
        """Add the line of process *name* to *lines*; to *ended* if there is none, or it is a zombie's."""
        cpu_ns = self._still.cpu_ns(name) if self._still else None
        try:
            line = os.pread(self._kept[name], _LINE_BYTES, 0)
        except KeyError:
            line = self._open(name)
        except OSError:  # it has ended; another may have its number by now
            os.close(self._kept.pop(name))
            line = self._open(name)
        if not line:
            lines.pop(name, None)
            ended.add(name)
            if self._still:
                self._still.forget([name])
            return
        last = self._lines.get(name)
        lines[name] = last if last == line else line
        if self._still and self._still.keep(name, cpu_ns, lines[name]):
            ended.add(name)

    def _open(self, name: str) -> bytes:
        """Return the line of a process whose file isn't open; empty if it has ended, or isn't for us to see."""
        try:
            file = self._descriptor(f"{name}/stat")
        except OSError:
            return b""
        try:
            line = os.pread(file, _LINE_BYTES, 0)
        except OSError:  # it ended after it was opened
            line = b""
        if line and len(self._kept) < (self.max_descriptors or 0):
            self._kept[name] = file
        else:
            os.close(file)
        return line

    def _descriptor(self, path: str) -> int:
        directory = self._directory[0]
        try:
            return os.open(path, os.O_RDONLY, dir_fd=directory)
        except OSError as error:
            if error.errno not in _FULL or not self._kept:
                raise
        # The program has come to need its descriptors for something else: give half of ours back, for good.
        self.max_descriptors = len(self._kept) // 2
        while len(self._kept) > self.max_descriptors:
            os.close(self._kept.popitem()[1])
        return os.open(path, os.O_RDONLY, dir_fd=directory)


_shared: WeakValueDictionary[Host, StatLines] = WeakValueDictionary()


def descriptor_limit() -> int:
    """Return how many descriptors may be kept: half of what the program may have, and at most 4,096."""
    import resource  # noqa: PLC0415 - Windows has none, and nothing to read

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST_DESCRIPTORS if soft == resource.RLIM_INFINITY else min(_MOST_DESCRIPTORS, soft // 2)


def open_proc(host: Host) -> int:
    """Return a descriptor of the host's /proc.

    Raises:
        Unavailable: there is none.
    """
    try:
        return os.open(host.path("/proc"), os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise Unavailable("/proc is not on this host") from error


def _close_all(kept: dict[str, int], directory: list[int]) -> None:
    for descriptor in (*kept.values(), *directory):
        os.close(descriptor)
    kept.clear()
    directory.clear()
