"""Finds in journals what a query wants, in the order of time and as it comes, reading as little as it takes.

The blocks of all segments are read in the order in which they begin; what was found is given out once nothing older can
come. Blocks and frames that can't hold a match aren't parsed. `Query.matches` on every record would find the same.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from .candidates import Candidates
from .entry import LogEntry
from .glance import glancing
from .journal.frame import Kind
from .journal.reader import Damage
from .journal.retention import SegmentFile, list_segments
from .journal.scan import Frame, SegmentRef
from .predicate import compiled
from .query import Query
from .searched import Piece, SearchedSegment
from .stored import FrameDecoder, moment_of
from .timeline import detached, superseded
from .uids import Uids

_CHUNK = 512  # entries, or pieces, after which the caller gets what there is
_PIECES = 16
_KEPT_OPEN = 8
_KEPT_PARSED = 4096
_LISTINGS = 8


@dataclass(slots=True)
class Progress:
    """How far a search is: bytes of the journal that are done with, of how many, and matches."""

    bytes_seen: int = 0
    bytes_total: int = 0
    matches: int = 0


_Key = tuple[int, bytes, int, int]
"""Time, instance, sequence number (both negative when the newest come first), and a number of its own."""


class Search:
    """One search; not for several threads at once.

    *on_damage* is told of regions without frames in what was read: what the index rules out isn't.
    """

    def __init__(self, query: Query, *directories: Path, on_damage: Callable[[Damage], None] = lambda _: None) -> None:
        self._query = query
        self._directories = [str(directory) for directory in directories]
        self._on_damage = on_damage
        self._candidates = Candidates(query.where)
        self._is_wanted = compiled(query)
        self._glance = glancing(query.where, compiled(Query(where=query.where)))
        self._decoder = FrameDecoder()
        self._sign = -1 if query.newest_first else 1
        self._known: set[str] = set()
        self._pieces: list[tuple[int, int, Piece]] = []
        self._open: dict[str, SearchedSegment] = {}
        self._found: list[tuple[_Key, LogEntry | Frame]] = []
        self._uids = Uids()
        self._given = self._count = 0
        self._is_stopped = False
        self.progress = Progress()

    def stop(self) -> None:
        """Have `chunks` end soon, with what was found so far. To be called from any thread or signal handler."""
        self._is_stopped = True

    def __iter__(self) -> Iterator[LogEntry]:
        for chunk in self.chunks():
            yield from chunk

    def chunks(self) -> Iterator[list[LogEntry]]:
        """Yield what is found by and by, an empty list now and then, so that who waits can do something else."""
        try:
            yield from self._chunks()
        finally:
            for segment in self._open.values():
                segment.close()

    def _chunks(self) -> Iterator[list[LogEntry]]:
        yield from self._list_segments()
        count = 0
        while self._pieces and not self._is_stopped and not self._is_full():
            begin, _, piece = heapq.heappop(self._pieces)
            due = self._due(begin)
            while chunk := list(islice(due, _CHUNK)):
                yield chunk
            if self._is_full():
                break
            self._search(piece)
            self.progress.bytes_seen += piece.size_bytes
            count += 1
            if count % _PIECES == 0:
                yield []
        due = self._due(None)
        while chunk := list(islice(due, _CHUNK)):
            yield chunk

    def _is_full(self) -> bool:
        return self._query.limit is not None and self._given >= self._query.limit

    # What there is to read.

    def _list_segments(self) -> Iterator[list[LogEntry]]:
        """List the segments, again where one has gone meanwhile: what was in it is in a merged one now, or deleted."""
        is_missing, listings = True, 0
        while is_missing and listings < _LISTINGS:
            is_missing, listings = False, listings + 1
            for directory in self._directories:
                for file, following in _readable(directory):
                    if file.path not in self._known and not self._is_stopped:
                        is_missing |= not self._take_segment(file, following)
                        yield []

    def _take_segment(self, file: SegmentFile, following: SegmentFile | None) -> bool:
        try:
            segment = SearchedSegment(file, following, self._on_damage)
        except FileNotFoundError:
            return False
        except OSError as exc:
            self._tell_unread(SegmentRef(file.path, file.instance, file.index), file.size_bytes, exc)
            self._known.add(file.path)
            return True
        self._known.add(file.path)
        self.progress.bytes_total += file.size_bytes
        wanted = 0
        for piece in segment.pieces:
            if self._may_hold_matches(piece):
                wanted += piece.size_bytes
                begin = -piece.block.last_ns if self._sign < 0 else piece.block.first_ns
                self._count += 1
                heapq.heappush(self._pieces, (begin, self._count, piece))
        segment.pieces = []
        segment.close()
        self.progress.bytes_seen += file.size_bytes - wanted
        return True

    def _may_hold_matches(self, piece: Piece) -> bool:
        query, block = self._query, piece.block
        if query.since_unix_nano is not None and block.last_ns < query.since_unix_nano:
            return False
        if query.until_unix_nano is not None and block.first_ns >= query.until_unix_nano:
            return False
        return self._candidates.levels_of(block) != 0

    def _tell_unread(self, ref: SegmentRef, size_bytes: int, exc: OSError) -> None:
        reason = f"can't be read: {exc.strerror}"
        self._on_damage(Damage(ref, 0, size_bytes, reason, is_unread=True))

    # Reading it.

    def _search(self, piece: Piece) -> None:
        data = self._read(piece)
        block, segment = piece.block, piece.segment
        levels = self._candidates.levels_of(block)
        starts = self._candidates.starts(data, block, levels)
        if starts is None:
            for frame in segment.frames(data, block.offset):
                self._look_at(frame, levels, data, block.offset, self._glance)
            return
        for start in starts:
            found = segment.frame_at(data, block.offset, start)
            if found is not None:
                self._look_at(found, levels, data, block.offset)

    def _read(self, piece: Piece) -> bytes:
        segment = piece.segment
        path = segment.ref.path
        try:
            data = segment.read(piece)
        except FileNotFoundError:
            for _ in self._list_segments():
                pass
            return b""
        except OSError as exc:
            self._tell_unread(segment.ref, piece.end, exc)
            return b""
        self._open.pop(path, None)
        self._open[path] = segment
        if len(self._open) > _KEPT_OPEN:
            self._open.pop(next(iter(self._open))).close()
        return data

    def _look_at(
        self, frame: Frame, levels: int, data: bytes, base: int, glance: Callable[[Frame], bool] | None = None
    ) -> None:
        if frame.kind != Kind.RECORD or not self._candidates.may_match(frame, levels, data, base):
            return
        if glance and not glance(frame):
            return
        try:
            entry = self._decoder.entry(frame)
        except ValueError:  # what another program sent isn't OTLP
            return
        if not self._is_wanted(entry):
            return
        self._count += 1
        sign = self._sign
        instance = frame.instance if sign > 0 else bytes(255 - byte for byte in frame.instance)
        key = sign * moment_of(frame), instance, sign * frame.sequence, self._count
        # Encoded it takes a tenth of the memory.
        heapq.heappush(self._found, (key, entry if len(self._found) < _KEPT_PARSED else detached(frame)))
        self._keep_within_limit()

    # Giving it out.

    def _due(self, before: int | None) -> Iterator[LogEntry]:
        """Yield what comes before *before*, each uid once."""
        while self._found and not self._is_full() and (before is None or self._found[0][0][0] < before):
            _, held = heapq.heappop(self._found)
            entry = held if isinstance(held, LogEntry) else self._decoder.entry(held)
            if self._uids.is_new(entry.uid):
                self._given += 1
                self.progress.matches += 1
                yield entry

    def _keep_within_limit(self) -> None:
        """Let go of what comes after the limit in any case."""
        limit = self._query.limit
        if limit is None or len(self._found) < 2 * limit + _CHUNK:
            return
        kept: list[tuple[_Key, LogEntry | Frame]] = []
        uids: set[str] = set()
        for key, held in sorted(self._found, key=lambda found: found[0]):
            if len(uids) >= limit:  # of which no more than were given out were given out already
                break
            uid = held.uid if isinstance(held, LogEntry) else self._decoder.entry(held).uid
            if uid not in uids:
                uids.add(uid)
                kept.append((key, held))
        self._found = kept  # sorted, and so a heap


def _readable(directory: str) -> Sequence[tuple[SegmentFile, SegmentFile | None]]:
    """Return the segments but those for which a merged one stands, each with the next of its instance."""
    by_instance: dict[bytes, list[SegmentFile]] = defaultdict(list)
    files = list_segments(directory)
    for file in files:
        by_instance[file.instance].append(file)
    skipped = superseded(files)
    found: list[tuple[SegmentFile, SegmentFile | None]] = []
    for instance, own in by_instance.items():
        own.sort(key=lambda file: file.index)
        found += [pair for pair in zip(own, [*own[1:], None], strict=True) if (instance, pair[0].index) not in skipped]
    return found
