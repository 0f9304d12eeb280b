"""File systems that get nearly full, out of the snapshots."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from bitacora_collectors.contract import Reading
from otel_bitacora.monitor.snapshot import Snapshot

from .event import Event, Watched

NAME = "bitacora.host.filesystem.nearly_full"
_UTILIZATION = "system.filesystem.utilization"
_MOUNT_POINT = "system.filesystem.mountpoint"
_MODE = "system.filesystem.mode"
_ROOM = 0.01  # it must have got this much emptier before it can get nearly full again


class FileSystemsSource:
    """A file system that can be written to is nearly full from *ratio* of what users may use on."""

    name = "file_systems"

    def __init__(self, ratio: float) -> None:
        self._ratio = ratio
        self._full: set[str] = set()

    def open(self) -> list[Watched]:
        return []

    def ready(self, descriptor: int) -> Iterator[Event]:  # noqa: ARG002 - it has none
        yield from ()

    def seen(self, snapshot: Snapshot) -> Iterator[Event]:
        family = snapshot.families.get(_UTILIZATION)
        readings = family.readings if family else ()
        for reading in readings:
            point, ratio = str(reading.attributes.get(_MOUNT_POINT)), reading.value
            if reading.attributes.get(_MODE) == "ro" or not isinstance(ratio, int | float):
                continue
            if ratio >= self._ratio and point not in self._full:
                self._full.add(point)
                yield _event(reading, point, ratio)
            elif ratio < self._ratio - _ROOM:
                self._full.discard(point)

    def close(self) -> None:
        self._full.clear()


def _event(reading: Reading, point: str, ratio: float) -> Event:
    return Event(
        name=NAME,
        level=logging.WARNING,
        message=f"{point} is {ratio:.1%} full",
        attributes={**reading.attributes, _UTILIZATION: round(ratio, 4)},
        subject=point,
        collectors=("disk",),
    )
