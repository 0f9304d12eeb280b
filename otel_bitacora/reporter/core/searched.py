"""One segment as a search sees it: blocks with a span of time each, from the seal, or where there is none, from a first reading."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

from .journal.frame import Kind
from .journal.index import BLOCK_BYTES, Block, decode_seal
from .journal.opened import OpenedSegment
from .journal.reader import Damage
from .journal.retention import SegmentFile
from .journal.scan import Frame, Region, Scanner, SegmentRef
from .stored import moment_of

TellDamage = Callable[[Damage], None]


class Piece(NamedTuple):
    """A block of a segment, up to *end*."""

    segment: SearchedSegment
    block: Block
    end: int

    @property
    def size_bytes(self) -> int:
        return self.end - self.block.offset


class SearchedSegment:
    """Raises OSError when the file can't be opened; damage that is met is told, once each."""

    def __init__(self, file: SegmentFile, following: SegmentFile | None, tell_damage: TellDamage) -> None:
        self.ref = SegmentRef(file.path, file.instance, file.index)
        self._tell_damage = tell_damage
        self._told: set[int] = set()
        self.pieces: list[Piece] = []
        self._fd = -1
        self._scanner = Scanner(self.ref, self._whole)
        opened = OpenedSegment(file.path, file.instance, file.index)
        try:
            if opened.is_newer:
                tell_damage(Damage(self.ref, 0, file.size_bytes, opened.reason, is_unread=True))
                return
            if not self._take_from_seal(opened):
                self._take_from_frames(opened, following)
            self._scanner.origins.update(opened.scanner.origins)
        finally:
            opened.close()

    def open(self) -> None:
        """Raises OSError: it is gone, or can't be read."""
        if self._fd < 0:
            self._fd = os.open(self.ref.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def read(self, piece: Piece) -> bytes:
        """Return the bytes of a piece; raises OSError."""
        self.open()
        return os.pread(self._fd, piece.size_bytes, piece.block.offset)

    def frame_at(self, data: bytes, base: int, start: int) -> Frame | None:
        """Return the frame that starts at *start* in *data*, which begins at *base*; None if it is damaged."""
        self._scanner.jump(base + start)
        found = next(self._scanner.scan(data, base=base, is_final=True), None)
        if isinstance(found, Region):
            self._tell(found)
        return found if isinstance(found, Frame) else None

    def frames(self, data: bytes, base: int) -> Iterator[Frame]:
        """Yield each whole frame in *data*."""
        self._scanner.jump(base)
        for found in self._scanner.scan(data, base=base, is_final=True):
            if isinstance(found, Region):
                self._tell(found)
            else:
                yield found

    def _take_from_seal(self, opened: OpenedSegment) -> bool:
        frame = opened.seal() if opened.header is not None else None
        if frame is None or frame.end != opened.size_bytes():
            return False
        seal = decode_seal(frame.payload)
        if seal.data_end != frame.offset:
            return False
        ends = [*(block.offset for block in seal.blocks[1:]), seal.data_end]
        self.pieces = [Piece(self, block, end) for block, end in zip(seal.blocks, ends, strict=False)]
        return True

    def _take_from_frames(self, opened: OpenedSegment, following: SegmentFile | None) -> None:
        block, end = Block(-1), 0
        for found in opened.frames(is_last=following is None):
            if isinstance(found, Region):
                self._tell(found, is_tail=_is_torn_tail(opened, found, following), reason=opened.reason)
                continue
            if block.offset < 0 or found.offset - block.offset >= BLOCK_BYTES:
                self._take(block, found.offset)
                block = Block(found.offset)
                block.is_any = True
            if found.kind == Kind.RECORD:
                block.note(found.severity, ("", ""), moment_of(found))
            end = found.end
        self._take(block, end)

    def _take(self, block: Block, end: int) -> None:
        if block.records:
            self.pieces.append(Piece(self, block, end))

    def _tell(self, region: Region, *, is_tail: bool = False, reason: str = "") -> None:
        if region.start in self._told:
            return
        self._told.add(region.start)
        why = "the write was cut off" if is_tail else "no whole frame"
        if region.start == 0 and reason:
            why = reason
        self._tell_damage(Damage(self.ref, region.start, region.end, why, is_tail))

    def _whole(self) -> bytes:
        self.open()
        return os.pread(self._fd, os.fstat(self._fd).st_size, 0)


def _is_torn_tail(opened: OpenedSegment, region: Region, following: SegmentFile | None) -> bool:
    if not region.is_at_end or opened.scanner.is_sealed:
        return False
    if following is None:
        return True
    try:
        after = OpenedSegment(following.path, following.instance, following.index)
    except OSError:
        return True
    try:
        return after.header is None or region.start >= after.header.previous_length
    finally:
        after.close()
