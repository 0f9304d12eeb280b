"""Makes one segment of the many small ones that short-lived processes leave behind. For the housekeeper."""

import contextlib
import errno
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from otel_bitacora.errors import JournalDamaged

from .directory import NEW_SUFFIX, PRIVATE, SETTLED, Modes, segment_name
from .frame import (
    FLAG_MERGED,
    NO_INDEX,
    Kind,
    SegmentHeader,
    encode_frame,
    encode_resource,
    encode_sources,
    seed_of,
)
from .host import HOST, LOCK_EX, LOCK_NB, Os, sync_directory
from .index import Block, SealIndex, decode_seal, encode_seal
from .opened import OpenedSegment
from .retention import Checkpoint, SegmentFile, list_segments, read_checkpoints
from .scan import Frame
from .seen import Seen

_SMALL_BYTES = 256 << 10
_TARGET_BYTES = 8 << 20
_ENOUGH = 16  # fewer small segments aren't worth a merge


@dataclass(slots=True)
class _Merged:
    """A merged segment while it is gathered: frames keep the instance, sequence and payload that they had."""

    instance: bytes
    now_ns: int
    sources: list[SegmentFile] = field(default_factory=list)
    numbers: dict[tuple[bytes, bytes], int] = field(default_factory=dict)  # (instance, resource) -> its number
    resources: list[bytes] = field(default_factory=list)  # their frames
    frames: list[bytes] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    records: int = 0
    size_bytes: int = 0

    def add_instance(self, files: list[SegmentFile]) -> None:
        """Take in all of an instance's segments, or nothing.

        Raises:
            JournalDamaged: one of them has damage.
            OSError: one of them can't be read.
        """
        part = _Merged(self.instance, self.now_ns, numbers=dict(self.numbers), size_bytes=self.size_bytes)
        for file in files:
            part._add_segment(file)
        self.numbers = part.numbers
        self.size_bytes = part.size_bytes
        self.records += part.records
        self.sources += files
        self.resources += part.resources
        self.frames += part.frames
        self.blocks += part.blocks

    def _add_segment(self, file: SegmentFile) -> None:
        opened, seen = OpenedSegment(file.path, file.instance, file.index), Seen()
        first = opened.header.first_sequence if opened.header else 0
        block = Block(self.size_bytes)
        block.be_any()
        try:
            for frame in opened.finished_frames():
                if frame.kind == Kind.SEAL:
                    _summarise(block, decode_seal(frame.payload).blocks)
                elif frame.kind == Kind.TOMBSTONE or (frame.kind == Kind.RECORD and seen.is_new(frame.sequence)):
                    self._add_frame(frame, first)
        finally:
            opened.close()
        self.blocks.append(block)

    def _add_frame(self, frame: Frame, first_sequence: int) -> None:
        if frame.resource is None:
            raise JournalDamaged(frame.segment.path)
        number = self.numbers.get((frame.instance, frame.resource))
        if number is None:
            number = self.numbers[frame.instance, frame.resource] = len(self.numbers) + 1
            self.resources.append(
                encode_resource(
                    frame.resource,
                    instance=frame.instance,
                    number=number,
                    sequence=first_sequence,
                    seed=seed_of(self.instance),
                )
            )
        data = encode_frame(
            bytes(frame.payload),
            kind=frame.kind,
            sequence=frame.sequence,
            seed=seed_of(frame.instance),
            severity=frame.severity,
            scope_length=frame.scope_length,
            resource=number,
        )
        self.frames.append(data)
        self.size_bytes += len(data)
        self.records += frame.kind == Kind.RECORD

    def encode(self) -> bytes:
        """Return the whole file. What a flipped bit could take from many records, it holds twice."""
        header = SegmentHeader(self.instance, 0, 0, self.now_ns, flags=FLAG_MERGED, previous_index=NO_INDEX)
        seed = seed_of(self.instance)
        sources = encode_frame(
            encode_sources([(file.instance, file.index) for file in self.sources]),
            kind=Kind.SOURCES,
            sequence=0,
            seed=seed,
        )
        start = b"".join((header.encode(), sources, *self.resources))
        data = b"".join((start, *self.frames, *self.resources, sources))
        for block in self.blocks:
            block.offset += len(start)
        seal = encode_seal(SealIndex(0, self.records, len(data), self.blocks))
        return data + encode_frame(seal, kind=Kind.SEAL, sequence=0, seed=seed)


def _summarise(block: Block, blocks: list[Block]) -> None:
    """Let the block say what the source's own index said."""
    block.keys = set().union(*(each.keys for each in blocks))
    block.is_any = any(each.is_any for each in blocks)
    block.records = sum(each.records for each in blocks)
    block.levels = 0
    for each in blocks:
        block.levels |= each.levels
    block.first_ns = min((each.first_ns for each in blocks), default=0)
    block.last_ns = max((each.last_ns for each in blocks), default=0)


def merge_segments(
    directory: Path,
    *,
    small_bytes: int = _SMALL_BYTES,
    target_bytes: int = _TARGET_BYTES,
    enough: int = _ENOUGH,
    modes: Modes = PRIVATE,
    wall_ns: Callable[[], int] = time.time_ns,
    host: Os = HOST,
) -> Path | None:
    """Put the small settled segments of ended instances into one, and return it; None when there are too few.

    It may be interrupted anywhere: until the merged segment has its name nothing has changed, and from then on its
    sources, which readers skip, are deleted by this run or the next.
    """
    _delete_superseded(str(directory), host)
    merged = _Merged(os.urandom(16), wall_ns())
    for files in _candidates(str(directory), small_bytes):
        if merged.size_bytes >= target_bytes:
            break
        with contextlib.suppress(JournalDamaged, OSError):
            merged.add_instance(files)
    if len(merged.sources) < enough:
        return None
    path = _write(directory / SETTLED, merged, modes, host)
    _delete_superseded(str(directory), host)
    return path


def _candidates(directory: str, small_bytes: int) -> Iterator[list[SegmentFile]]:
    """Yield the segments of each instance that has ended, is small, and lies behind every exporter."""
    checkpoints = read_checkpoints(directory)
    by_instance: dict[bytes, list[SegmentFile]] = defaultdict(list)
    for file in list_segments(directory):
        if f"/{SETTLED}/" not in file.path:
            by_instance[file.instance].append(file)
    for files in by_instance.values():
        files.sort(key=lambda file: file.index)
        if sum(file.size_bytes for file in files) <= small_bytes and _are_settled(files, checkpoints):
            yield files


def _are_settled(files: list[SegmentFile], checkpoints: list[Checkpoint]) -> bool:
    if not all(checkpoint.is_past(file, None) for checkpoint in checkpoints for file in files):
        return False
    with contextlib.suppress(OSError):
        opened = OpenedSegment(files[-1].path, files[-1].instance, files[-1].index)
        try:
            return not opened.has_writer()
        finally:
            opened.close()
    return False


def _write(folder: Path, merged: _Merged, modes: Modes, host: Os) -> Path:
    with contextlib.suppress(FileExistsError):
        host.mkdir(str(folder), modes.directory)
    path = folder / segment_name(merged.instance, 0)
    new = f"{path}{NEW_SUFFIX}"
    data = merged.encode()
    fd = host.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, modes.file)
    try:
        _fill(fd, new, data, max(file.modified for file in merged.sources), host)
        host.rename(new, str(path))
    except BaseException:
        with contextlib.suppress(OSError):
            host.unlink(new)
        raise
    finally:
        host.close(fd)
    sync_directory(host, str(folder))
    sync_directory(host, str(folder.parent))
    return path


def _fill(fd: int, path: str, data: bytes, modified: float, host: Os) -> None:
    host.flock(fd, LOCK_EX | LOCK_NB)
    if host.write(fd, data) != len(data):
        raise OSError(errno.ENOSPC, "the merged segment was written only in part", path)
    os.utime(fd, (modified, modified))  # retention goes by the age of the records
    host.fsync(fd)


def _delete_superseded(directory: str, host: Os) -> None:
    segments = {(file.instance, file.index): file for file in list_segments(directory)}
    for merged in [file for file in segments.values() if f"/{SETTLED}/" in file.path]:
        with contextlib.suppress(OSError):
            opened = OpenedSegment(merged.path, merged.instance, merged.index)
            try:
                sources = opened.sources() if opened.is_merged else []
            finally:
                opened.close()
            doomed = [segments[source] for source in sources if source in segments]
            if doomed:
                sync_directory(host, os.path.dirname(merged.path))  # noqa: PTH120 - a string from list_segments
            for file in doomed:
                host.unlink(file.path)
