"""The journal in the order of time: instances are merged, and each one's own records keep the order they were logged in."""

from __future__ import annotations

import contextlib
import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from .journal.directory import SETTLED
from .journal.frame import Kind
from .journal.index import decode_seal
from .journal.opened import OpenedSegment
from .journal.reader import Chain, Position, Reader
from .journal.retention import SegmentFile, list_segments
from .journal.scan import Frame
from .stored import moment_of

RECORD_ONLY = frozenset({Kind.RECORD})
_SECOND_NS = 1_000_000_000
_SMALL_BYTES = 256 << 10


def by_time(reader: Reader) -> Iterator[Frame]:
    """Yield what *reader* hasn't read, merged by time; of each instance in its order, whatever its clock did.

    A file is opened when its time has come, and a small one closed at once: open are no more than there were processes
    that wrote much, or still run, at one time.
    """
    # Twice: what is merged during the first round lies elsewhere than it did at its beginning.
    for _ in range(2):
        yield from _merged(reader.chains())


def _merged(chains: Iterable[Chain]) -> Iterator[Frame]:
    waiting = sorted(((_begins(chain), n, chain) for n, chain in enumerate(chains)), reverse=True)
    merging: list[tuple[int, int, Frame, Iterator[Frame]]] = []
    while waiting or merging:
        while waiting and (not merging or merging[0][0] >= waiting[-1][0]):
            _, n, chain = waiting.pop()
            frames = _frames(chain)
            for frame in frames:
                heapq.heappush(merging, (moment_of(frame), n, frame, frames))
                break
        if not merging:
            return
        _, n, frame, frames = merging[0]
        yield frame
        if len(merging) == 1 and not waiting:
            yield from frames
            return
        following = next(frames, None)
        if following is None:
            heapq.heappop(merging)
        else:
            heapq.heapreplace(merging, (moment_of(following), n, following, frames))


def in_order(frames: Iterable[Frame]) -> list[Frame]:
    """Return *frames* by time, those of an instance by their numbers."""
    latest: dict[bytes, int] = {}
    timed = []
    for n, frame in enumerate(sorted(frames, key=_sequence)):
        moment = latest[frame.instance] = max(moment_of(frame), latest.get(frame.instance, 0))
        timed.append((moment, n, frame))
    return [frame for _, _, frame in sorted(timed)]


def detached(frame: Frame) -> Frame:
    """Return *frame* with bytes of its own: it no longer keeps its segment mapped and open."""
    return frame._replace(payload=memoryview(bytes(frame.payload)))


def newest(directories: Sequence[Path], count: int, *, before: Mapping[bytes, Position] | None = None) -> list[Frame]:
    """Return the last *count* records in order, reading no more segments than it takes.

    *before*: of each instance only what lies before this position, of others nothing.
    """
    files = [file for directory in directories for file in _present(directory)]
    last = {file.instance: file.index for file in sorted(files, key=lambda file: file.index)}
    found: set[tuple[bytes, int]] = set()
    best: list[tuple[int, int, int, Frame]] = []
    for file in sorted(files, key=lambda file: file.modified, reverse=True):
        # Nothing in a file is newer than its last write, but for clocks that were set.
        if not count or (len(best) == count and best[0][0] > (file.modified + 1) * _SECOND_NS):
            break
        for frame in _records(file, is_last=last[file.instance] == file.index):
            identity, moment = (frame.instance, frame.sequence), moment_of(frame)
            if identity in found or (before is not None and not _is_before(frame, before)):
                continue
            found.add(identity)
            if len(best) < count:
                heapq.heappush(best, (moment, frame.sequence, len(found), detached(frame)))
            elif (moment, frame.sequence) > best[0][:2]:
                heapq.heapreplace(best, (moment, frame.sequence, len(found), detached(frame)))
    return in_order(frame for *_, frame in best)


def superseded(files: Iterable[SegmentFile]) -> set[tuple[bytes, int]]:
    """Return the segments, by instance and index, for which a merged one of *files* stands."""
    found: set[tuple[bytes, int]] = set()
    for file in files:
        if f"/{SETTLED}/" in file.path:
            with contextlib.suppress(OSError), _opened(file) as opened:
                found.update(opened.sources())
    return found


def _present(directory: Path) -> list[SegmentFile]:
    """Return the segments but those for which a merged one stands."""
    files = list_segments(str(directory))
    skipped = superseded(files)
    return [file for file in files if (file.instance, file.index) not in skipped]


def _records(file: SegmentFile, *, is_last: bool) -> Iterator[Frame]:
    with contextlib.suppress(OSError), _opened(file) as opened:
        if opened.is_newer:
            return
        for found in opened.frames(is_last=is_last):
            if isinstance(found, Frame) and found.kind == Kind.RECORD:
                yield found


def _is_before(frame: Frame, ends: Mapping[bytes, Position]) -> bool:
    end = ends.get(frame.segment.instance)
    return end is not None and (frame.segment.number, frame.offset) < end


def _frames(chain: Chain) -> Iterator[Frame]:
    """Return the frames of a chain in order, from memory where that costs little."""
    if chain.is_merged:  # one instance after the other
        return iter(in_order(map(detached, chain.frames)))
    if chain.size_bytes <= _SMALL_BYTES:  # of these there may be thousands at once
        return iter([detached(frame) for frame in chain.frames])
    return chain.frames


def _begins(chain: Chain) -> int:
    """Return a time before the chain's first record, as far as that can be known without reading it."""
    with contextlib.suppress(OSError), _opened(chain.first) as opened:
        if chain.is_merged:
            seal = opened.seal()
            return min((block.first_ns for block in decode_seal(seal.payload).blocks), default=0) if seal else 0
        if opened.header is not None:
            # A segment is created for a record that was made a moment before.
            return max(opened.header.created_ns - _SECOND_NS, 0)
    return 0


@contextlib.contextmanager
def _opened(file: SegmentFile) -> Iterator[OpenedSegment]:
    opened = OpenedSegment(file.path, file.instance, file.index)
    try:
        yield opened
    finally:
        opened.close()


def _sequence(frame: Frame) -> int:
    return frame.sequence
