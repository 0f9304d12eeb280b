"""Finds the frames in a stretch of bytes, and after damage the next whole one."""

import mmap
from collections.abc import Callable, Iterator
from typing import NamedTuple
from zlib import crc32

from .frame import CRC_BYTES, FRAME_BYTES, FRAME_HEAD, MAX_PAYLOAD_BYTES, SYNC, Kind, seed_of

_INSTANCE_BYTES = 16


class RawFrame(NamedTuple):
    offset: int
    kind: int
    severity: int
    scope_length: int
    resource: int
    sequence: int
    payload: memoryview


class Region(NamedTuple):
    """Bytes that hold no whole frame."""

    start: int
    end: int


class Origin(NamedTuple):
    """What a resource number of a segment stands for."""

    instance: bytes
    resource: bytes
    seed: int


class Scanner:
    """Remembers, from one stretch of a segment to the next, its resources and where damage began."""

    def __init__(self, instance: bytes) -> None:
        self.instance = instance
        self.origins: dict[int, Origin] = {}
        self.offset = 0  # of the first byte not yet understood
        self.sweep: Callable[[], None] | None = None  # finds the resources that lie elsewhere in the segment
        self._bad_from: int | None = None
        self._seed = seed_of(instance)

    def scan(self, data: bytes | mmap.mmap, *, base: int, is_final: bool) -> Iterator[RawFrame | Region]:
        """Yield what lies between `self.offset` and the end of *data*, which begins at *base* in the file.

        A frame that is cut off there is waited for, unless the data is final.
        """
        view = memoryview(data)
        at = self.offset - base
        while at + FRAME_BYTES <= len(view):
            frame = self._frame_at(view, at, base)
            if isinstance(frame, RawFrame):
                if self._bad_from is not None:
                    yield Region(self._bad_from, base + at)
                    self._bad_from = None
                at += FRAME_BYTES + len(frame.payload)
                self.offset = base + at
                yield frame
                continue
            if frame and not is_final:
                return
            if self._bad_from is None:
                self._bad_from = base + at
            found = data.find(SYNC, at + 1)
            at = found if found >= 0 else max(len(view) - len(SYNC) + 1, at + 1)
            self.offset = base + at
        if is_final:
            yield from self._finish(base + len(view))

    def _finish(self, end: int) -> Iterator[Region]:
        start = self.offset if self._bad_from is None else self._bad_from
        self.offset, self._bad_from = end, None
        if start < end:
            yield Region(start, end)

    def _frame_at(self, view: memoryview, at: int, base: int) -> RawFrame | bool:
        """Return the frame there; False if there is none, True if it might go on after the end of *view*."""
        sync, kind, severity, scope_length, number, size, sequence = FRAME_HEAD.unpack_from(view, at)
        if sync != SYNC or size > MAX_PAYLOAD_BYTES:
            return False
        start = at + FRAME_HEAD.size
        end = start + size
        if end + CRC_BYTES > len(view):
            return True
        origin = self.origins.get(number) if kind != Kind.RESOURCE else None
        checksum = int.from_bytes(view[end : end + CRC_BYTES], "little")
        if crc32(view[at:end], origin.seed if origin else self._seed) != checksum and (
            origin is not None or not self._is_of_lost_origin(number, view[at:end], checksum)
        ):
            return False
        payload = view[start:end]
        if kind == Kind.RESOURCE:
            self.learn(number, payload)
        return RawFrame(base + at, kind, severity, scope_length, number, sequence, payload)

    def learn(self, number: int, payload: memoryview) -> None:
        instance = bytes(payload[:_INSTANCE_BYTES])
        self.origins[number] = Origin(instance, bytes(payload[_INSTANCE_BYTES:]), seed_of(instance))

    def _is_of_lost_origin(self, number: int, covered: memoryview, checksum: int) -> bool:
        """In a merged segment the frame that names the instance may be damaged: look for its copy."""
        if self.sweep is None:
            return False
        sweep, self.sweep = self.sweep, None
        sweep()
        origin = self.origins.get(number)
        return origin is not None and crc32(covered, origin.seed) == checksum


def find_resources(scanner: Scanner, data: bytes | mmap.mmap) -> None:
    """Let the scanner know all the resources of a segment, wherever they lie in its bytes."""
    mark = SYNC + bytes([Kind.RESOURCE])
    other = Scanner(scanner.instance)
    view = memoryview(data)
    at = data.find(mark)
    while at >= 0:
        if at + FRAME_BYTES <= len(view):
            frame = other._frame_at(view, at, 0)  # noqa: SLF001 - of the same module
            if isinstance(frame, RawFrame):
                scanner.origins.setdefault(frame.resource, other.origins[frame.resource])
        at = data.find(mark, at + 1)
