"""Finds the frames in a stretch of bytes, and after damage the next whole one."""

import mmap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from struct import Struct
from typing import Any, NamedTuple, overload
from zlib import crc32

from .frame import CRC_BYTES, FRAME_BYTES, FRAME_HEAD, MAX_PAYLOAD_BYTES, SYNC, Kind, seed_of

_INSTANCE_BYTES = 16
_HEAD_BYTES = FRAME_HEAD.size
_unpack_head = FRAME_HEAD.unpack_from
_unpack_crc = Struct("<I").unpack_from
_NUMBER_AT, _SEQUENCE_AT = 8, 14  # in the head of a frame
_RECORD = int(Kind.RECORD)
_RESOURCE = int(Kind.RESOURCE)
_SEAL = int(Kind.SEAL)


class SegmentRef(NamedTuple):
    path: str
    instance: bytes
    number: int  # within its instance, from 0


class Frame(NamedTuple):
    """One frame, whose payload is a view of a mapped segment or of a buffer: copy what is to outlive the batch."""

    instance: bytes
    sequence: int
    kind: int
    severity: int
    payload: memoryview
    scope_length: int
    resource: bytes | None  # OTLP Resource; None: lost to damage
    segment: SegmentRef
    offset: int
    end: int  # with the segment's number the position after this frame


class Run(NamedTuple):
    """Records of one instance and resource with consecutive numbers, which lie behind each other: many frames for the price of one."""

    instance: bytes
    first_sequence: int
    payloads: list[bytes]
    scope_lengths: list[int]
    resource: bytes | None
    segment: SegmentRef
    end: int
    kind: int = int(Kind.RECORD)


@dataclass(slots=True)
class RunLimit:
    """A run ends at the first of these; whoever reads may change them between two runs."""

    records: int
    size_bytes: int


class Region(NamedTuple):
    """Bytes that hold no whole frame."""

    start: int
    end: int
    is_at_end: bool = False  # no frame of the segment follows


class Origin(NamedTuple):
    """What a resource number of a segment stands for."""

    instance: bytes
    resource: bytes | None
    seed: int


class Scanner:
    """Remembers, from one stretch of a segment to the next, its resources and where damage began.

    *read_all* returns the segment's bytes, for a resource whose frame lies before the stretch, or is damaged and has a
    copy behind it.
    """

    def __init__(self, ref: SegmentRef, read_all: Callable[[], bytes | mmap.mmap]) -> None:
        self.ref = ref
        self.offset = 0  # of the first byte not yet understood
        self.is_sealed = False  # a seal was met
        self.origins: dict[int, Origin] = {}
        self._read_all = read_all
        self._unknown: set[int] = set()  # numbers that no frame explains
        self._bad_from: int | None = None
        self._seed = seed_of(ref.instance)

    def jump(self, offset: int) -> None:
        """Go on at a place where a frame begins, whatever lies before it."""
        self.offset, self._bad_from = offset, None

    @overload
    def scan(
        self, data: bytes | mmap.mmap, *, base: int, is_final: bool, runs: None = None
    ) -> Iterator[Frame | Region]: ...

    @overload
    def scan(
        self, data: bytes | mmap.mmap, *, base: int, is_final: bool, runs: RunLimit | None
    ) -> Iterator[Frame | Region | Run]: ...

    # Inlined as far as it goes: a reader of a full journal comes by here two million times.
    def scan(
        self, data: bytes | mmap.mmap, *, base: int, is_final: bool, runs: RunLimit | None = None
    ) -> Iterator[Any]:
        """Yield what lies between `self.offset` and the end of *data*, which begins at *base* in the file.

        A frame that is cut off there is waited for, unless the data is final. With *runs*, records come as runs.
        """
        view, size, ref, origins = memoryview(data), len(data), self.ref, self.origins
        at = self.offset - base
        while at + FRAME_BYTES <= size:
            sync, kind, severity, scope_length, number, length, sequence = _unpack_head(data, at)
            end = at + _HEAD_BYTES + length
            is_frame = sync == SYNC and length <= MAX_PAYLOAD_BYTES
            if is_frame and end + CRC_BYTES > size and not is_final:
                return
            if is_frame and end + CRC_BYTES <= size:
                origin = origins.get(number)
                checksum = _unpack_crc(data, end)[0]
                if origin is None or kind == _RESOURCE or crc32(view[at:end], origin.seed) != checksum:
                    origin = self._origin_of(view[at:end], kind, number, checksum)
                if origin is not None:
                    if self._bad_from is not None:
                        yield Region(self._bad_from, base + at)
                        self._bad_from = None
                    if runs is not None and kind == _RECORD:
                        run, at = self._run(data, at, base=base, origin=origin, limit=runs)
                        self.offset = base + at
                        yield run
                        continue
                    start, at = at, end + CRC_BYTES
                    self.offset = base + at
                    self.is_sealed |= kind == _SEAL
                    payload = view[start + _HEAD_BYTES : end]
                    yield _new_frame(
                        Frame,
                        (
                            origin.instance,
                            sequence,
                            kind,
                            severity,
                            payload,
                            scope_length,
                            origin.resource,
                            ref,
                            base + start,
                            base + at,
                        ),
                    )
                    continue
            if self._bad_from is None:
                self._bad_from = base + at
            found = data.find(SYNC, at + 1)
            at = found if found >= 0 else max(size - len(SYNC) + 1, at + 1)
            self.offset = base + at
        if is_final:
            yield from self._finish(base + size)

    def _run(self, data: bytes | mmap.mmap, at: int, *, base: int, origin: Origin, limit: RunLimit) -> tuple[Run, int]:
        """Return the run that begins with the whole frame at *at*, and where it ends in *data*."""
        view = memoryview(data)
        payloads: list[bytes] = []
        scope_lengths: list[int] = []
        size, seed, most = len(data), origin.seed, max(1, limit.records)
        stop = at + max(1, limit.size_bytes)
        first = expected = int.from_bytes(view[at + _SEQUENCE_AT : at + _HEAD_BYTES], "little")
        wanted_number = int.from_bytes(view[at + _NUMBER_AT : at + _NUMBER_AT + 2], "little")
        while at + FRAME_BYTES <= size:
            sync, kind, _, scope_length, number, length, sequence = _unpack_head(data, at)
            end = at + _HEAD_BYTES + length
            if (
                sequence != expected
                or kind != _RECORD
                or sync != SYNC
                or number != wanted_number
                or length > MAX_PAYLOAD_BYTES
                or end + CRC_BYTES > size
                or crc32(view[at:end], seed) != _unpack_crc(data, end)[0]
            ):
                break
            payloads.append(data[at + _HEAD_BYTES : end])
            scope_lengths.append(scope_length)
            expected += 1
            at = end + CRC_BYTES
            if len(payloads) == most or at >= stop:
                break
        run = Run(origin.instance, first, payloads, scope_lengths, origin.resource, self.ref, base + at)
        return run, at

    def _finish(self, end: int) -> Iterator[Region]:
        start = self.offset if self._bad_from is None else self._bad_from
        self.offset, self._bad_from = end, None
        if start < end:
            yield Region(start, end, is_at_end=True)

    def _origin_of(self, covered: memoryview, kind: int, number: int, checksum: int) -> Origin | None:
        """Return whose the frame is, or None if its checksum is wrong whoever it is of."""
        if kind == _RESOURCE:
            if crc32(covered, self._seed) != checksum:
                return None
            self.origins[number] = origin = _origin(covered[_HEAD_BYTES:])
            return origin
        known = self.origins.get(number)
        if known is not None or number in self._unknown:
            return self._lost_origin() if known is None and crc32(covered, self._seed) == checksum else None
        self._learn_all()
        known = self.origins.get(number)
        if known is None:
            self._unknown.add(number)
            known = self._lost_origin()
        return known if crc32(covered, known.seed) == checksum else None

    def _lost_origin(self) -> Origin:
        """A record stays one though every frame that names its resource is damaged."""
        return Origin(self.ref.instance, None, self._seed)

    def _learn_all(self) -> None:
        """Find the resources of the segment wherever they lie in it."""
        data = self._read_all()
        view = memoryview(data)
        at = data.find(_RESOURCE_MARK)
        while at >= 0:
            if at + FRAME_BYTES <= len(view):
                _, _, _, _, number, length, _ = _unpack_head(data, at)
                end = at + _HEAD_BYTES + length
                is_whole = end + CRC_BYTES <= len(view) and length <= MAX_PAYLOAD_BYTES
                if is_whole and crc32(view[at:end], self._seed) == _unpack_crc(data, end)[0]:
                    self.origins.setdefault(number, _origin(view[at + _HEAD_BYTES : end]))
            at = data.find(_RESOURCE_MARK, at + 1)


_RESOURCE_MARK = SYNC + bytes([Kind.RESOURCE])
_new_frame = tuple.__new__  # what Frame(...) ends in, two calls earlier


def _origin(payload: memoryview) -> Origin:
    instance = bytes(payload[:_INSTANCE_BYTES])
    return Origin(instance, bytes(payload[_INSTANCE_BYTES:]), seed_of(instance))
