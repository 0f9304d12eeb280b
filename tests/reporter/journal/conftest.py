"""Fakes for the journal's seams: a disk that refuses, and a clock that stands."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from otel_bitacora.reporter.core.journal.host import HostOs
from otel_bitacora.reporter.core.journal.reader import Damage, Reader
from otel_bitacora.reporter.core.journal.scan import Frame
from otel_bitacora.reporter.core.journal.writer import Writer


class FaultyOs(HostOs):
    """The real calls, except those that a test has told to fail."""

    def __init__(self) -> None:
        self.errors: dict[str, int] = {}  # call -> errno
        self.short_writes: list[int] = []  # sizes of the next writes
        self.free_bytes: int | None = None
        self.calls: list[str] = []
        self.on_call: Callable[[str], None] | None = None

    def __getattribute__(self, name: str) -> Any:
        real = super().__getattribute__(name)
        if name not in vars(HostOs):
            return real

        def call(*args: Any) -> Any:
            self.calls.append(name)
            if self.on_call is not None:
                self.on_call(name)
            if name in self.errors:
                raise OSError(self.errors[name], os.strerror(self.errors[name]))
            return self._write(*args) if name == "write" else real(*args)

        return call

    def _write(self, fd: int, data: bytes) -> int:
        size = len(data)
        if self.short_writes:
            size = min(size, self.short_writes.pop(0))
        if self.free_bytes is not None:
            size = min(size, self.free_bytes)
            if size == 0:
                raise OSError(errno.ENOSPC, "no space left on device")
            self.free_bytes -= size
        return os.write(fd, data[:size])


class Clock:
    """Seconds, monotonic and of the wall, that pass only when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def wall_ns(self) -> int:
        return int((self.now + 1_700_000_000) * 1e9)


class Journal:
    """A journal in a temporary directory, with what a test says most often about it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.host = FaultyOs()
        self.clock = Clock()
        self.damage: list[Damage] = []

    def writer(self, **options: Any) -> Writer:
        settings: dict[str, Any] = {
            "resource": b"resource",
            "host": self.host,
            "monotonic": self.clock.monotonic,
            "wall_ns": self.clock.wall_ns,
            "reserve_bytes": 0,
        }
        return Writer(self.directory, **(settings | options))

    @staticmethod
    def append(writer: Writer, number: int, *, severity: int = 9, size: int = 40) -> int:
        return writer.append(b"%d:" % number, b":" + b"x" * size, scope_length=0, severity=severity)

    def frames(self) -> list[Frame]:
        self.damage = []
        return [frame for frame in Reader(self.directory, on_damage=self.damage.append) if frame.kind == 1]

    def sequences(self) -> list[int]:
        return [frame.sequence for frame in self.frames()]

    def numbers(self) -> list[int]:
        """Return what `append` put in front of its records, in order."""
        return [int(bytes(frame.payload).split(b":")[0]) for frame in self.frames()]

    def segments(self) -> list[Path]:
        return sorted(self.directory.glob("*.seg"))


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal")
