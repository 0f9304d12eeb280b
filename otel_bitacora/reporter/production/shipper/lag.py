"""How far an exporter is behind, in records, bytes and seconds: from sizes, seals and heads of frames, without reading the journal."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from otel_bitacora.reporter.core.journal.frame import CRC_BYTES, FRAME_HEAD, MAX_PAYLOAD_BYTES, SYNC, Kind
from otel_bitacora.reporter.core.journal.index import decode_seal
from otel_bitacora.reporter.core.journal.opened import OpenedSegment
from otel_bitacora.reporter.core.journal.reader import Position
from otel_bitacora.reporter.core.journal.retention import SegmentFile, list_segments, merged_at
from otel_bitacora.reporter.core.journal.scan import Frame
from otel_bitacora.reporter.core.stored import moment_of

from .checkpoint import Progress

_RECORD = int(Kind.RECORD)
_unpack_head = FRAME_HEAD.unpack_from
_HEAD_BYTES = FRAME_HEAD.size
_MOST_LOOKED_INTO = 64  # segments in which the oldest record is looked for


@dataclass(frozen=True, slots=True)
class Lag:
    records: int
    size_bytes: int
    seconds: float
    """Age of the oldest record that isn't delivered; 0 if all are."""


class LagMeter:
    """Measures exporters of one journal; what it learnt of complete segments it keeps. Not for several threads at once."""

    def __init__(self, journal: Path, *, wall: Callable[[], float]) -> None:
        self._journal = str(journal)
        self._wall = wall
        self._sealed: dict[str, int | None] = {}  # path -> records, by the seal
        self._merged: dict[str, int | None] = {}
        self._counted: dict[tuple[str, int], tuple[int, int]] = {}  # (path, from) -> (to, records)
        self.segments: list[SegmentFile] = []

    def look(self) -> None:
        """Look which segments there are, for the measurements that follow."""
        self.segments = list_segments(self._journal)
        present = {segment.path for segment in self.segments}
        self._sealed = {path: found for path, found in self._sealed.items() if path in present}
        self._merged = {path: found for path, found in self._merged.items() if path in present}
        self._counted = {key: found for key, found in self._counted.items() if key[0] in present}

    def measure(self, progress: Progress) -> Lag:
        records = size_bytes = 0
        oldest = float("inf")
        behind = list(self._behind(progress))
        for number, (segment, offset) in enumerate(behind):
            count = self._records_from(segment, offset)
            if not count:
                continue
            records += count
            size_bytes += segment.size_bytes - offset
            if number < _MOST_LOOKED_INTO:
                oldest = min(oldest, _first_moment(segment, offset) or oldest)
        seconds = max(0.0, self._wall() - oldest / 1e9) if records and oldest < float("inf") else 0.0
        return Lag(records, size_bytes, seconds)

    def _behind(self, progress: Progress) -> Iterator[tuple[SegmentFile, int]]:
        positions = progress.positions
        for segment in self.segments:
            at = positions.get(segment.instance, Position(-1, 0))
            if at >= (segment.index, segment.size_bytes):
                continue
            if (merged_ns := self._merged_at(segment)) is not None and merged_ns >= progress.registered_ns:
                continue
            yield segment, at.offset if at.segment == segment.index else 0

    def _merged_at(self, segment: SegmentFile) -> int | None:
        if "/settled/" not in segment.path:
            return None
        if segment.path not in self._merged:
            self._merged[segment.path] = merged_at(segment.path)
        return self._merged[segment.path]

    def _records_from(self, segment: SegmentFile, offset: int) -> int:
        if not offset and (sealed := self._by_seal(segment)) is not None:
            return sealed
        to, records = self._counted.get((segment.path, offset), (offset, 0))
        if to < segment.size_bytes:
            more, to = _count(segment.path, to, segment.size_bytes)
            records += more
            for key in [key for key in self._counted if key[0] == segment.path]:
                del self._counted[key]
            self._counted[segment.path, offset] = (to, records)
        return records

    def _by_seal(self, segment: SegmentFile) -> int | None:
        if (known := self._sealed.get(segment.path)) is not None:
            return known
        try:
            opened = OpenedSegment(segment.path, segment.instance, segment.index)
        except OSError:
            return None
        try:
            seal = None if opened.is_newer or opened.has_writer() else opened.seal()
            if seal is not None:
                self._sealed[segment.path] = decode_seal(seal.payload).records
        except (OSError, ValueError, IndexError):
            return None
        finally:
            opened.close()
        return self._sealed.get(segment.path)


def _read(path: str, start: int, end: int) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.pread(fd, end - start, start)
    finally:
        os.close(fd)


def _count(path: str, start: int, end: int) -> tuple[int, int]:
    """Return how many records lie between two places, told by their heads alone, and up to where they were whole."""
    data = _read(path, start, end)
    records, at = 0, data.find(SYNC)
    whole = 0
    while 0 <= at <= len(data) - _HEAD_BYTES:
        sync, kind, _, _, _, length, _ = _unpack_head(data, at)
        after = at + _HEAD_BYTES + length + CRC_BYTES
        if sync != SYNC or length > MAX_PAYLOAD_BYTES:
            at = data.find(SYNC, at + 1)
            continue
        if after > len(data):
            break
        records += kind == _RECORD
        at = whole = after
    return records, start + whole


def _first_moment(segment: SegmentFile, offset: int) -> int | None:
    """Return when the first record behind *offset* was logged, in nanoseconds since 1970."""
    try:
        opened = OpenedSegment(segment.path, segment.instance, segment.index)
    except OSError:
        return None
    try:
        opened.seek(offset)
        for found in opened.frames(is_last=True):
            if isinstance(found, Frame) and found.kind == _RECORD:
                return moment_of(found)
    finally:
        opened.close()
    return None
