"""The stream of records of one process: sequence numbers, the one write per record, and what happens when it fails."""

import errno
import math
import os
import threading
from collections.abc import Callable

from .drops import Drops
from .frame import Kind, encode_frame, seed_of
from .host import raise_unless_refused
from .liveness import mark_process
from .memory import Entry, Ring
from .reserve import Reserve
from .segment import Segment
from .segments import Segments
from .settings import Counts, WriterSettings

_CHECK_SECONDS = 1.0
BATCH_BITS = 8  # the last of a sequence number, two hex digits: for each batch, a look whether the segment has its name
_RECORD = int(Kind.RECORD)
_RETRY_SECONDS = 1.0
_TELL_SECONDS = 60.0  # between two complaints that the disk refuses
_INSTANCE_BYTES = 16


class Instance:
    """All of it is used under `lock`; what may wait for the disk is in upkeep.py and runs outside."""

    def __init__(self, settings: WriterSettings) -> None:
        self.id = os.urandom(_INSTANCE_BYTES)
        self.mark = mark_process()
        self.lock = threading.RLock()  # re-entrant for signal handlers; `busy` says that they came in the middle
        self.busy = False
        self.sequence = 0
        self.counts = Counts()
        self.segments = Segments(settings, self.id, self.counts, self.mark)
        self.ring = Ring(settings.memory_bytes)
        self.reserve = Reserve(
            settings.directory,
            size_bytes=settings.reserve_bytes,
            mode=settings.modes.file,
            host=settings.host,
            monotonic=settings.monotonic,
        )
        self.severity_floor = 0
        self.is_upkeep_due = False
        self.has_refusal_to_tell = False
        self._tell_at = -math.inf
        self._settings = settings
        self._host = settings.host
        self.write = settings.host.write
        self.monotonic = settings.monotonic
        self.seed = seed_of(self.id)
        self._uid_prefix = self.id.hex().encode() + b"-"
        self.batch = -1  # the bits of the sequence above BATCH_BITS, as of the last look
        self.batch_uid = b""  # what the uids of its records start with: all but two digits
        self._drops = Drops(self.counts.dropped)
        self.postponed: list[Callable[[], object]] = []
        self.plain: Segment | None = None  # the open segment, while records can go there without further ado
        self.check_at = 0.0
        self._retry_at = 0.0

    @property
    def journalled(self) -> int:
        """How many records are in the journal's files."""
        return self.sequence - sum(self.counts.dropped.values()) - len(self.ring)

    def append_entry(self, entry: Entry) -> int:
        """Write a record that has a Resource of its own, or its sender's uid."""
        with self.lock:
            if self.busy:
                return self.postpone_entry(entry)
            self._run(lambda: self._append_next(entry))
            return self.sequence

    def drop(self, reason: str, count: int = 1) -> int:
        """Take *count* sequence numbers for calls that aren't kept; return the last, or 0 as append does."""
        with self.lock:
            if self.busy:
                return self._postpone(lambda: self._take_drop(reason, count))
            self._run(lambda: self._take_drop(reason, count))
            return self.sequence

    def _run(self, action: Callable[[], object]) -> None:
        self.busy = True
        try:
            action()
        except BaseException:
            self.end_interrupted(self.sequence)
            raise
        finally:
            self.busy = False
            if self.postponed:
                self.run_postponed()

    def _write_whole(self, segment: Segment, data: bytes) -> bool:
        try:
            written = self.write(segment.fd, data)
        except OSError as exc:
            self.end_refused(exc, None)
            return False
        if written != len(data):
            self.end_torn(written)
            return False
        segment.length += written
        return True

    def pass_stop(self, segment: Segment, sequence: int) -> None:
        """The record that was written last filled the block or the segment."""
        if segment.length < segment.limit:
            self.segments.start_block(segment)
        elif self.segments.open_next(sequence + 1):
            self.is_upkeep_due = True
        else:  # no new one to be had: go on in this one for a while
            segment.limit += self._settings.segment_bytes // 8
            self.segments.start_block(segment)
        self._choose_way()

    def _choose_way(self) -> None:
        """Take the short way while a segment is open, nothing waits in memory, nothing is refused or has to be told."""
        segment = self.segments.current
        is_plain = segment is not None and not (segment.is_torn or self.ring or self._drops or self.severity_floor)
        self.plain = segment if is_plain else None

    # The long way: memory, drops, other resources, rolls.

    def append_the_long_way(self, sequence: int, entry: Entry) -> None:
        if sequence >> BATCH_BITS != self.batch:
            self.batch_uid = b"%b%014x" % (self._uid_prefix, sequence >> BATCH_BITS)
            self.batch = sequence >> BATCH_BITS  # last: an interruption in between must not leave another's uid
            self._check()
        elif self.monotonic() >= self.check_at:
            self._check()
        if entry.is_too_large:
            self._drop("too_large", sequence)
        elif entry.severity < self.severity_floor:
            self._drop("journal_full", sequence)
        elif not (self._is_ready() and self._write_entry(sequence, entry)):
            self._keep_in_memory(sequence, entry)
        self._choose_way()

    def _is_ready(self) -> bool:
        """Return whether a segment is open and nothing waits in memory that must be written before."""
        if self.segments.current is None or self.ring:
            if self.monotonic() < self._retry_at:
                return False
            return self._open() and self._drain()
        return True

    def _open(self) -> bool:
        """Have a segment open; on a full disk by giving up the reserve."""
        if self.segments.current is not None and not self.segments.current.is_torn:
            return True
        first = self._first_unwritten()
        if not self.segments.open_next(first):
            released = self.segments.refused_for_space and self.reserve.release()
            if not (released and self.segments.open_next(first)):
                self._retry_at = self.monotonic() + _RETRY_SECONDS
                return False
        self.check_at = self.monotonic() + _CHECK_SECONDS
        self.is_upkeep_due = True
        return True

    def _first_unwritten(self) -> int:
        first = max(self.sequence, 1)  # whose append is going on
        if self.ring:
            first = min(first, self.ring.first_sequence)
        if self.segments.suspects:
            first = min(first, *(segment.first_sequence for segment in self.segments.suspects))
        return min(first, self._drops.first) if self._drops else first

    def _drain(self) -> bool:
        while self.ring:
            sequence, entry = self.ring.peek()
            if not self._write_entry(sequence, entry):
                self._retry_at = self.monotonic() + _RETRY_SECONDS
                return False
            self.ring.pop()
        return True

    def _write_entry(self, sequence: int, entry: Entry) -> bool:
        """Write the record with all that must stand before it; once more in a new segment if the first try fails."""
        for _ in range(2):
            if not self._open():
                return False
            segment = self.segments.current
            assert segment is not None
            if self.segments.is_crowded(entry.resource):
                segment.is_torn = True  # go on in the next one
                continue
            number, announcement = self.segments.resource_number(entry.resource, sequence)
            tombstone = self._drops.frame(sequence=sequence, seed=self.seed)
            data = tombstone + announcement + self._encode(sequence, entry, number)
            if self._write_whole(segment, data):
                self._drops.clear()
                segment.block.note(entry.severity, entry.key, entry.time_ns)
                if segment.length >= segment.stop:
                    self.pass_stop(segment, sequence)
                return True
        return False

    def _encode(self, sequence: int, entry: Entry, number: int) -> bytes:
        payload = entry.before
        if entry.after is not None:
            payload = b"%b%b%016x%b" % (entry.before, self._uid_prefix, sequence, entry.after)
        return encode_frame(
            payload,
            kind=_RECORD,
            sequence=sequence,
            seed=self.seed,
            severity=entry.severity,
            scope_length=entry.scope_length,
            resource=number,
        )

    def end_refused(self, error: OSError, sequence: int | None) -> None:
        """The disk refused a write."""
        if error.errno is None and sequence is not None:
            self.end_interrupted(sequence)
        raise_unless_refused(error)
        self.counts.write_errors += 1
        self.counts.last_error = str(error)
        self.end_torn(-1)
        if error.errno == errno.ENOSPC:
            self.reserve.release()

    def end_torn(self, written: int) -> None:
        """The open segment ends in bytes that nobody can vouch for: they stay, and nothing is added to them."""
        if self.segments.current is not None:
            self.segments.current.is_torn = True
        if written >= 0:
            self.counts.torn_writes += 1
            self.reserve.release()  # a short write is how a full disk shows first
        self.plain = None

    def _keep_in_memory(self, sequence: int, entry: Entry) -> None:
        for gone in self.ring.push(sequence, entry):
            self._drop("memory_full", gone)
        if self.monotonic() >= self._tell_at:
            self._tell_at = self.monotonic() + _TELL_SECONDS
            self.has_refusal_to_tell = self.is_upkeep_due = True

    def _drop(self, reason: str, first: int, count: int = 1) -> None:
        self._drops.add(reason, first, count)
        self.plain = None
        if self._drops.are_many and not self.ring:
            self._write_drops()

    def _write_drops(self) -> None:
        is_waiting = self.segments.current is None and self.monotonic() < self._retry_at
        if not self._drops or is_waiting or not self._open():
            return
        segment = self.segments.current
        if segment and self._write_whole(segment, self._drops.frame(sequence=self.sequence, seed=self.seed)):
            self._drops.clear()

    def _check(self) -> None:
        """Notice that the segment lost its name, and ask for upkeep now and then."""
        self.check_at = self.monotonic() + _CHECK_SECONDS
        segment = self.segments.current
        if segment is None:
            return
        try:
            is_gone = self._host.fstat(segment.fd).st_nlink == 0
        except OSError as exc:
            raise_unless_refused(exc)
            is_gone = True
        if is_gone:
            self.counts.segments_lost += 1
            self.segments.forget()
            self.plain = None
        self.is_upkeep_due = True

    # Signal handlers and other interruptions.

    def _postpone(self, action: Callable[[], object]) -> int:
        self.counts.reentered += 1
        self.postponed.append(action)
        return 0

    def postpone_entry(self, entry: Entry) -> int:
        return self._postpone(lambda: self._append_next(entry))

    def run_postponed(self) -> None:
        while self.postponed:
            self._run(self.postponed.pop(0))

    def _append_next(self, entry: Entry) -> None:
        self.sequence += 1
        self.append_the_long_way(self.sequence, entry)

    def end_interrupted(self, sequence: int) -> None:
        """An exception came out of a signal handler, or memory ran out: whether the record was written is unknown."""
        self.end_torn(-1)
        self._drop("interrupted", sequence)

    # For others.

    def _take_drop(self, reason: str, count: int) -> None:
        first = self.sequence + 1
        self.sequence += count
        self._drop(reason, first, count)

    def write_pending(self, *, seal: bool = False) -> None:
        """Write what waits in memory, without waiting for the next record; then let go of the segment if asked."""
        with self.lock:
            if not self.busy:
                self._run(lambda: self._write_pending(seal=seal))

    def _write_pending(self, *, seal: bool) -> None:
        self._retry_at = 0.0
        if (self.ring or self.segments.suspects) and self._open():
            self._drain()
        self._write_drops()
        if seal:
            self.segments.retire(self.sequence)
        self._choose_way()

    def refuse_below(self, severity_floor: int) -> None:
        with self.lock:
            self.severity_floor = severity_floor
            if not self.busy:
                self._choose_way()

    def begin_sync(self) -> tuple[list[tuple[Segment, int]], int]:
        with self.lock:
            current = self.segments.current
            last = self.ring.first_sequence - 1 if self.ring else self.sequence
            dirty = [*self.segments.unsynced, *([current] if current else [])]
            for segment in dirty:
                segment.is_syncing = True
            return [(segment, segment.length) for segment in dirty], 0 if self.segments.suspects else last

    def end_sync(self, dirty: list[tuple[Segment, int]], done: int, error: OSError | None) -> None:
        with self.lock:
            for number, (segment, length) in enumerate(dirty):
                segment.is_syncing = False
                if number < done and segment.length == length:  # else it was written to meanwhile
                    self.segments.let_go(segment)
            if error is not None:
                self.counts.last_error = str(error)
                self.plain = None
                for segment, _ in dirty[done:]:
                    self.segments.suspect(segment)

    def abandon(self) -> None:
        """In a forked child: let go of the parent's files. Takes no lock: its holder may not exist here.

        The fork may have come out of a signal handler amid an append, which then goes on here. Its record is the
        parent's, who writes it; here it ends in memory.
        """
        self.plain = None
        self._retry_at = math.inf
        self.segments.abandon(in_write=self.busy)
