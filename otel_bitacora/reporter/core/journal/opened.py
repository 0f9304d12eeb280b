"""One segment from its readers' side: mapped when nobody writes it any more, read piece by piece while someone does."""

import contextlib
import mmap
import os
from collections.abc import Iterator
from typing import Any, overload

from otel_bitacora.errors import JournalDamaged

from .directory import SETTLED
from .frame import SYNC, HeaderError, Kind, SegmentHeader, VersionError, decode_header, decode_sources, seed_of
from .liveness import has_writer
from .scan import Frame, Origin, Region, Run, RunLimit, Scanner, SegmentRef

_PIECE_BYTES = 1 << 20
_TAIL_BYTES = 64 << 10
_HEADER_BYTES = 64 << 10
_MAX_HEADER_BYTES = 64 << 20
_SEAL_MARK = SYNC + bytes([Kind.SEAL])


class OpenedSegment:
    """Reads only; raises OSError when the file can't be opened."""

    def __init__(self, path: str, instance: bytes, number: int) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        self.ref = SegmentRef(path, instance, number)
        self.header: SegmentHeader | None = None
        self.reason = ""  # why there is no header
        self.is_newer = False
        self.is_started = False
        self.is_finished = False  # read to its end, after which nothing can come
        self.is_settled = f"/{SETTLED}/" in path
        self.scanner = Scanner(self.ref, self._whole)
        self._read_header()

    def _read_header(self) -> None:
        data = os.pread(self._fd, _HEADER_BYTES, 0)
        size = int.from_bytes(data[12:16], "little")
        if _HEADER_BYTES < size < _MAX_HEADER_BYTES:
            data = os.pread(self._fd, size, 0)
        try:
            self.header, self.scanner.offset = decode_header(data)
        except HeaderError as exc:
            self.reason = str(exc)
            self.is_newer = isinstance(exc, VersionError)
            return
        if not self.header.is_merged:
            seed = seed_of(self.ref.instance)
            self.scanner.origins[0] = Origin(self.ref.instance, self.header.resource, seed)

    @property
    def is_merged(self) -> bool:
        return self.header.is_merged if self.header is not None else self.is_settled

    def has_writer(self) -> bool:
        return has_writer(self._fd)

    def seek(self, offset: int) -> None:
        """Go on at a position from an earlier reading."""
        self.is_started = True
        self.scanner.offset = max(self.scanner.offset, offset)

    @overload
    def frames(self, *, is_last: bool, runs: None = None) -> Iterator[Frame | Region]: ...

    @overload
    def frames(self, *, is_last: bool, runs: RunLimit | None) -> Iterator[Frame | Region | Run]: ...

    def frames(self, *, is_last: bool, runs: RunLimit | None = None) -> Iterator[Any]:
        """Yield what isn't read yet; records as runs, where a limit for them is given.

        The writer is asked for first: what it wrote before it was found dead is read after.
        """
        self.is_finished = self.is_settled or not is_last or not self.has_writer()
        if self.is_finished:
            yield from self.scanner.scan(self._whole(), base=0, is_final=True, runs=runs)
            return
        wanted = _PIECE_BYTES
        while True:
            offset = self.scanner.offset
            piece = os.pread(self._fd, wanted, offset)
            yield from self.scanner.scan(piece, base=offset, is_final=False, runs=runs)
            if len(piece) < wanted:
                return
            wanted = wanted * 2 if self.scanner.offset == offset else _PIECE_BYTES

    def finished_frames(self) -> Iterator[Frame]:
        """Yield all frames of a segment without a writer.

        Raises:
            JournalDamaged: a region holds no whole frame, or the header is damaged.
        """
        if self.header is None:
            raise JournalDamaged(f"{self.ref.path}: {self.reason}")
        for found in self.frames(is_last=False):
            if isinstance(found, Region):
                raise JournalDamaged(f"{self.ref.path}: no whole frame from byte {found.start} to {found.end}")
            yield found

    def ends_in_seal(self) -> bool:
        """Return whether the writer finished the segment; for segments without a writer."""
        for _ in self.frames(is_last=False):
            pass
        return self.scanner.is_sealed

    def seal(self) -> Frame | None:
        """Return the seal of a complete segment, found from its end without reading what lies before."""
        start = size = self.size_bytes()
        wanted, at, data = _TAIL_BYTES, -1, b""
        while at < 0 and start > 0:
            start = max(size - wanted, 0)
            data = os.pread(self._fd, size - start, start)
            at = data.rfind(_SEAL_MARK)
            wanted *= 8
        if at < 0:
            return None
        scanner = Scanner(self.ref, self._whole)
        scanner.origins[0] = Origin(self.ref.instance, None, seed_of(self.ref.instance))
        scanner.offset = start + at
        found = next(scanner.scan(data, base=start, is_final=True), None)
        return found if isinstance(found, Frame) and found.kind == Kind.SEAL else None

    def size_bytes(self) -> int:
        return os.fstat(self._fd).st_size

    def sources(self) -> list[tuple[bytes, int]]:
        """Return the segments that this merged one stands for."""
        for found in Scanner(self.ref, self._whole).scan(self._whole(), base=0, is_final=True):
            if isinstance(found, Frame) and found.kind == Kind.SOURCES:
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
