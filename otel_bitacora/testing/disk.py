"""A disk below a journal that fails as a test says: full, read-only, short of space, or with errors on any call."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from otel_bitacora.reporter.core.journal.host import HOST, HostOs

_WRITING = ("open", "write", "mkdir", "rename", "unlink", "fallocate")
_SYNCING = ("fdatasync", "fsync")


class FaultyDisk(HostOs):
    """The system calls of a journal: the real ones, except those that have been told to fail.

    A `Writer` takes it as *host*; `under_every_journal` puts it under handlers and storages, too. It begins healthy,
    and is so again after `heal`. Calls by name are those of `otel_bitacora.reporter.core.journal.host.Os`.
    """

    def __init__(self) -> None:
        self.errors: dict[str, int] = {}
        """The errno that a call fails with, by its name."""
        self.short_writes: list[int] = []
        """How many bytes each of the next writes takes."""
        self.free_bytes: int | None = None
        """How much may still be written before ENOSPC; None: as much as there is."""
        self.calls: list[str] = []
        """Every call that was made, failed or not."""
        self.on_call: Callable[[str], None] | None = None
        """Is told each call before it is made; what it raises, the journal gets."""

    def fill(self, free_bytes: int = 0) -> None:
        """Have room for *free_bytes* more and then say ENOSPC, for new files as for old ones."""
        self.free_bytes = free_bytes

    def make_read_only(self) -> None:
        """Say EROFS to whatever would change something."""
        self.fail(errno.EROFS, *_WRITING)

    def fail_syncs(self, code: int = errno.EIO) -> None:
        """Take writes, and say *code* when asked whether they have arrived."""
        self.fail(code, *_SYNCING)

    def fail(self, code: int, *calls: str) -> None:
        """Have *calls* fail with the errno *code*.

        Raises:
            ValueError: the journal makes no such call.
        """
        if unknown := [call for call in calls if call not in vars(HostOs)]:
            raise ValueError(f"{', '.join(unknown)}: no call of a journal's; there are {', '.join(_names())}")
        self.errors |= dict.fromkeys(calls, code)

    def heal(self) -> None:
        """Let everything succeed again."""
        self.errors, self.short_writes, self.free_bytes, self.on_call = {}, [], None, None

    @contextmanager
    def under_every_journal(self) -> Iterator[FaultyDisk]:
        """Be the disk of every journal that this process opens in the block; healthy again at its end."""
        for name in _names():
            setattr(HOST, name, getattr(self, name))
        try:
            yield self
        finally:
            self.heal()
            for name in _names():
                delattr(HOST, name)

    def __getattribute__(self, name: str) -> Any:
        real = super().__getattribute__(name)
        if name not in vars(HostOs) or name.startswith("_"):
            return real

        def call(*arguments: Any) -> Any:
            self.calls.append(name)
            if self.on_call is not None:
                self.on_call(name)
            if name in self.errors:
                raise OSError(self.errors[name], f"{os.strerror(self.errors[name])} (a FaultyDisk)")
            return self._write(*arguments) if name == "write" else real(*arguments)

        return call

    def _write(self, fd: int, data: bytes) -> int:
        size = len(data)
        if self.short_writes:
            size = min(size, self.short_writes.pop(0))
        if self.free_bytes is not None:
            size = min(size, self.free_bytes)
            if size == 0:
                raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)} (a FaultyDisk)")
            self.free_bytes -= size
        return os.write(fd, data[:size])


def _names() -> list[str]:
    return [name for name in vars(HostOs) if not name.startswith("_")]
