"""Reads journals, while they are written or after: in order per instance, past damage, never raising for it."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, cast

from .directory import SETTLED
from .frame import Kind
from .opened import OpenedSegment
from .retention import SegmentFile, list_segments
from .scan import Frame, Region, Run, RunLimit, SegmentRef
from .seen import Seen

RECORDS = frozenset({Kind.RECORD, Kind.TOMBSTONE})
EVERY_KIND = frozenset(Kind)
_RECORD = int(Kind.RECORD)


@dataclass(frozen=True, slots=True)
class Damage:
    """A region of a segment that holds no whole frame. A write that was cut short by a crash or a full disk looks the
    same and is told by `is_torn_tail`: nothing that was acknowledged lies in it. *is_unread*: the whole segment could
    not be opened or is of a newer version, and nothing is known of what it holds.
    """

    segment: SegmentRef
    start: int
    end: int
    reason: str
    is_torn_tail: bool = False
    is_unread: bool = False


class Chain(NamedTuple):
    """What wasn't read yet of one instance, or of one merged segment, whose frames are of several instances."""

    first: SegmentFile
    size_bytes: int
    is_merged: bool
    frames: Iterator[Frame]


class RunChain(NamedTuple):
    """The same, with records as runs."""

    is_merged: bool
    frames: Iterator[Frame | Run]


class Position(NamedTuple):
    segment: int  # its number within the instance
    offset: int


def _ignore(_: Damage) -> None:
    pass


def _new_in(run: Run, seen: Seen) -> Iterator[Run]:
    """Yield what wasn't met before: almost always all of it."""
    if seen.is_new_run(run.first_sequence, len(run.payloads)):
        yield run
        return
    for offset, (payload, scope_length) in enumerate(zip(run.payloads, run.scope_lengths, strict=True)):
        if seen.is_new(run.first_sequence + offset):
            yield run._replace(
                first_sequence=run.first_sequence + offset, payloads=[payload], scope_lengths=[scope_length]
            )


def _sources_of(segment: SegmentFile) -> list[tuple[bytes, int]]:
    try:
        opened = OpenedSegment(segment.path, segment.instance, segment.index)
    except OSError:
        return []
    try:
        return opened.sources() if opened.is_merged and not opened.is_newer else []
    finally:
        opened.close()


def _is_settled(segment: SegmentFile) -> bool:
    return f"/{SETTLED}/" in segment.path


class Reader:
    """Iterates over the frames of one or several journals.

    *positions* is where to go on, by instance. *registered_ns* is when the one for whom is read began to read: what was
    merged since then was settled for it before. *on_damage* is told of every region without frames. With *runs* it is for
    `chains_of_runs` alone.
    """

    def __init__(
        self,
        *directories: Path,
        positions: Mapping[bytes, Position] | None = None,
        registered_ns: int | None = None,
        on_damage: Callable[[Damage], None] = _ignore,
        kinds: frozenset[Kind] = RECORDS,
        runs: RunLimit | None = None,
    ) -> None:
        self._directories = [str(directory) for directory in directories]
        self._positions = dict(positions or {})
        self._registered_ns = registered_ns
        self._on_damage = on_damage
        self._kinds = kinds
        self._runs = runs
        self._open: dict[str, OpenedSegment] = {}
        self._finished: set[str] = set()
        self._unread_told: set[str] = set()
        self._seen: dict[bytes, Seen] = defaultdict(Seen)
        self._sources: dict[str, list[tuple[bytes, int]]] = {}  # of merged segments, by path

    @property
    def positions(self) -> dict[bytes, Position]:
        """Where reading stands, by instance, after the last frame yielded."""
        reading = (opened for opened in self._open.values() if opened.is_started)
        return self._positions | {o.ref.instance: Position(o.ref.number, o.scanner.offset) for o in reading}

    def __iter__(self) -> Iterator[Frame]:
        return self.poll()

    def poll(self) -> Iterator[Frame]:
        """Yield what came since the last time. It may be left at any frame; the next call goes on after it."""
        for chain in self.chains():
            yield from chain.frames

    def chains(self) -> Iterator[Chain]:
        """Yield what poll would, instance by instance, the longest silent first. Several may be read by turns."""
        for files, frames in self._instances():
            size_bytes = sum(file.size_bytes for file in files)
            yield Chain(files[0], size_bytes, _is_settled(files[0]), cast("Iterator[Frame]", frames))

    def chains_of_runs(self) -> Iterator[RunChain]:
        """Yield the same, with records that lie behind each other taken together: for who passes them on as they are."""
        for files, frames in self._instances():
            yield RunChain(_is_settled(files[0]), frames)

    def _instances(self) -> Iterator[tuple[list[SegmentFile], Iterator[Frame | Run]]]:
        for directory in self._directories:
            for files, skipped in self._unread(directory):
                yield files, self._read_instance(files[0].instance, files, skipped)

    def skip_to_end(self) -> None:
        """Take all that is there for read, so that poll yields what comes from now on.

        Only the last segment of each instance is looked into; what is merged later is known again.
        """
        on_damage, self._on_damage = self._on_damage, _ignore
        try:
            for directory in self._directories:
                for files, skipped in self._unread(directory):
                    self._skip(files, skipped)
        finally:
            self._on_damage = on_damage

    def _skip(self, files: list[SegmentFile], skipped: set[tuple[bytes, int]]) -> None:
        last = files[-1]
        self._finished.update(file.path for file in files[:-1])
        if _is_settled(last):  # complete, and never merged again
            self._finished.add(last.path)
        elif (last.instance, last.index) not in skipped and (opened := self._opened(last)) is not None:
            if opened.header is not None:
                self._seen[last.instance].skip_to(opened.header.first_sequence - 1)
            for _ in self._read(opened, 0, following=None):
                pass

    def _unread(self, directory: str) -> Iterator[tuple[list[SegmentFile], set[tuple[bytes, int]]]]:
        by_instance: dict[bytes, list[SegmentFile]] = defaultdict(list)
        segments = list_segments(directory)
        self._forget_deleted(directory, segments)
        for segment in segments:
            by_instance[segment.instance].append(segment)
        skipped = self._superseded(segments)
        for files in by_instance.values():
            files.sort(key=lambda segment: segment.index)
            if any(file.path not in self._finished for file in files):
                yield files, skipped

    def _forget_deleted(self, directory: str, segments: list[SegmentFile]) -> None:
        present = {segment.path for segment in segments}
        within = f"{directory}/"
        gone = [path for path in (*self._finished, *self._open) if path.startswith(within) and path not in present]
        for path in gone:
            self._finished.discard(path)
            if opened := self._open.pop(path, None):
                opened.close()

    def _superseded(self, segments: Iterable[SegmentFile]) -> set[tuple[bytes, int]]:
        """Return the segments that a merged one stands for: a crash may have left them beside it."""
        skipped: set[tuple[bytes, int]] = set()
        for segment in segments:
            if not _is_settled(segment):
                continue
            sources = self._sources.get(segment.path)
            if sources is None:
                sources = self._sources[segment.path] = _sources_of(segment)
            skipped.update(sources)
        return skipped

    def _read_instance(
        self, instance: bytes, files: list[SegmentFile], skipped: set[tuple[bytes, int]]
    ) -> Iterator[Frame | Run]:
        position = self._positions.get(instance, Position(-1, 0))
        for number, file in enumerate(files):
            if file.index < position.segment or file.path in self._finished:
                continue
            if (instance, file.index) in skipped:
                continue
            opened = self._opened(file)
            if opened is None or self._was_merged_since(opened):
                continue
            start = position.offset if file.index == position.segment else 0
            yield from self._read(opened, start, following=files[number + 1] if number + 1 < len(files) else None)

    def _was_merged_since(self, opened: OpenedSegment) -> bool:
        if not opened.is_merged or self._registered_ns is None or opened.header is None:
            return False
        return opened.header.created_ns >= self._registered_ns

    def _opened(self, file: SegmentFile) -> OpenedSegment | None:
        opened = self._open.get(file.path)
        if opened is None:
            try:
                opened = OpenedSegment(file.path, file.instance, file.index)
            except FileNotFoundError:  # deleted since
                return None
            except OSError as exc:
                self._tell_unread(file, f"can't be read: {exc.strerror}")
                return None
            if opened.is_newer:
                self._tell_unread(file, opened.reason)
                self._finished.add(file.path)
                opened.close()
                return None
            self._open[file.path] = opened
        return opened

    def _tell_unread(self, file: SegmentFile, reason: str) -> None:
        if file.path not in self._unread_told:
            self._unread_told.add(file.path)
            ref = SegmentRef(file.path, file.instance, file.index)
            self._on_damage(Damage(ref, 0, file.size_bytes, reason, is_unread=True))

    def _read(self, opened: OpenedSegment, start: int, *, following: SegmentFile | None) -> Iterator[Frame | Run]:
        kinds, seen = self._kinds, self._seen
        opened.seek(start)
        for found in opened.frames(is_last=following is None, runs=self._runs):
            if isinstance(found, Region):
                self._report(opened, found, following)
            elif isinstance(found, Run):
                yield from _new_in(found, seen[found.instance])
            elif found.kind != _RECORD:
                if found.kind in kinds:
                    yield found
            elif _RECORD in kinds and seen[found.instance].is_new(found.sequence):
                yield found
        if opened.is_finished:
            self._positions[opened.ref.instance] = Position(opened.ref.number, opened.scanner.offset)
            self._finished.add(opened.ref.path)
            self._open.pop(opened.ref.path, None)
            opened.close()

    def _report(self, opened: OpenedSegment, region: Region, following: SegmentFile | None) -> None:
        is_tail = region.is_at_end and not opened.scanner.is_sealed
        next_opened = self._opened(following) if following is not None else None
        if is_tail and next_opened is not None and next_opened.header is not None:
            is_tail = region.start >= next_opened.header.previous_length
        reason = "the write was cut off" if is_tail else "no whole frame"
        if region.start == 0 and opened.reason:
            reason = opened.reason
        self._on_damage(Damage(opened.ref, region.start, region.end, reason, is_tail))
