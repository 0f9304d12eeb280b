"""One segment from its readers' side: mapped when nobody writes it any more, read piece by piece while someone does."""

import contextlib
import mmap
import os
from collections.abc import Iterator
from typing import NamedTuple

from otel_bitacora.errors import JournalDamaged

from .directory import SETTLED
from .frame import HeaderError, Kind, SegmentHeader, VersionError, decode_header, decode_sources
from .liveness import has_writer
from .scan import RawFrame, Region, Scanner, find_resources

_PIECE_BYTES = 1 << 20
_HEADER_BYTES = 64 << 10


class SegmentRef(NamedTuple):
    path: str
    instance: bytes
    number: int  # within its instance, from 0


class OpenedSegment:
    """Reads only; raises OSError when the file can't be opened."""

    def __init__(self, path: str, instance: bytes, number: int) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        self.ref = SegmentRef(path, instance, number)
        self.header: SegmentHeader | None = None
        self.reason = ""
        self.is_newer = False
        self.is_sealed = False
        self.is_finished = False
        self.is_settled = f"/{SETTLED}/" in path
        self.scanner = Scanner(instance)
        self._read_header()

    def _read_header(self) -> None:
        data = os.pread(self._fd, _HEADER_BYTES, 0)
        size = int.from_bytes(data[12:16], "little")
        if _HEADER_BYTES < size < 64 << 20:
            data = os.pread(self._fd, size, 0)
        try:
            self.header, self.scanner.offset = decode_header(data)
        except HeaderError as exc:
            self.reason = str(exc)
            self.is_newer = isinstance(exc, VersionError)

    @property
    def is_merged(self) -> bool:
        return self.header.is_merged if self.header is not None else self.is_settled

    def seek(self, offset: int) -> None:
        """Go on at a position from an earlier reading."""
        if offset > self.scanner.offset:
            self.scanner.offset = offset
            find_resources(self.scanner, self._whole())

    def resource(self, number: int) -> bytes | None:
        """Return the Resource behind a frame's number; None if every frame that told it is damaged."""
        origin = self.scanner.origins.get(number)
        if origin is None:
            find_resources(self.scanner, self._whole())
            origin = self.scanner.origins.get(number)
        if origin is not None:
            return origin.resource
        return self.header.resource if self.header is not None and number == 0 else None

    def instance_of(self, number: int) -> bytes:
        origin = self.scanner.origins.get(number)
        return origin.instance if origin is not None else self.ref.instance

    def frames(self, *, is_last: bool) -> Iterator[RawFrame | Region]:
        """Yield what isn't read yet; sets `is_finished` when nothing can follow.

        The writer is asked for first: what it wrote before it was found dead is read after.
        """
        self.is_finished = self.is_settled or not is_last or not has_writer(self._fd)
        if self.is_finished:
            whole = self._whole()
            self.scanner.sweep = (lambda: find_resources(self.scanner, whole)) if self.is_merged else None
            yield from self._noting_seal(self.scanner.scan(whole, base=0, is_final=True))
            return
        wanted = _PIECE_BYTES
        while True:
            offset = self.scanner.offset
            piece = os.pread(self._fd, wanted, offset)
            yield from self._noting_seal(self.scanner.scan(piece, base=offset, is_final=False))
            if len(piece) < wanted:
                return
            wanted = wanted * 2 if self.scanner.offset == offset else _PIECE_BYTES

    def finished_frames(self) -> Iterator[RawFrame]:
        """Yield all frames of a segment without a writer.

        Raises:
            JournalDamaged: a region holds no whole frame, or the header is damaged.
        """
        if self.header is None:
            raise JournalDamaged(f"{self.ref.path}: {self.reason}")
        self.is_finished = True
        data = self._whole()
        for found in self._noting_seal(self.scanner.scan(data, base=0, is_final=True)):
            if isinstance(found, RawFrame):
                yield found
            else:
                raise JournalDamaged(f"{self.ref.path}: no whole frame from byte {found.start} to {found.end}")

    def has_writer(self) -> bool:
        return has_writer(self._fd)

    def ends_in_seal(self) -> bool:
        """Return whether the writer finished the segment; for segments without a writer."""
        self.is_finished = True
        for _ in self._noting_seal(Scanner.scan(self.scanner, self._whole(), base=0, is_final=True)):
            pass
        return self.is_sealed

    def _noting_seal(self, frames: Iterator[RawFrame | Region]) -> Iterator[RawFrame | Region]:
        for frame in frames:
            if isinstance(frame, RawFrame) and frame.kind == Kind.SEAL:
                self.is_sealed = True
            yield frame

    def sources(self) -> list[tuple[bytes, int]]:
        """Return the segments that this merged one stands for."""
        scanner = Scanner(self.ref.instance)
        for found in scanner.scan(self._whole(), base=0, is_final=True):
            if isinstance(found, RawFrame) and found.kind == Kind.SOURCES:
                return decode_sources(found.payload)
        return []

    def _whole(self) -> bytes | mmap.mmap:
        if self.is_finished or self.is_settled:
            with contextlib.suppress(
                ValueError, OSError
            ):  # empty files can't be mapped, nor those of some file systems
                return mmap.mmap(self._fd, 0, prot=mmap.PROT_READ)
        return os.pread(self._fd, os.fstat(self._fd).st_size, 0)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
