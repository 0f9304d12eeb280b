"""A journal on a disk that fails when it is told to, and with a clock that stands."""

from pathlib import Path
from typing import Any

import pytest

from otel_bitacora.reporter.core.journal.reader import Damage, Reader
from otel_bitacora.reporter.core.journal.scan import Frame
from otel_bitacora.reporter.core.journal.writer import Writer
from otel_bitacora.testing import FakeClock, FaultyDisk


class Journal:
    """A journal in a temporary directory, with what a test says most often about it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.host = FaultyDisk()
        self.clock = FakeClock()
        self.damage: list[Damage] = []

    def writer(self, **options: Any) -> Writer:
        settings: dict[str, Any] = {
            "resource": b"resource",
            "host": self.host,
            "monotonic": self.clock.monotonic,
            "wall_ns": self.clock.time_ns,
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
