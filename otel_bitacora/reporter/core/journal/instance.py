"""The stream of records of one process: sequence numbers, the one write per record, and what happens when it fails."""

import errno
import os
import threading
from collections.abc import Callable
from zlib import crc32

from .drops import Drops
from .frame import FRAME_HEAD, MAX_PAYLOAD_BYTES, SYNC, Kind, encode_frame, seed_of
from .liveness import mark_process
from .memory import Entry, Ring
from .reserve import Reserve
from .segment import Segment
from .segments import Segments
from .settings import Counts, WriterSettings

_CHECK_SECONDS = 1.0
_CHECK_MASK = 255  # records between two looks at whether the segment still has a name
_RECORD = int(Kind.RECORD)
_RETRY_SECONDS = 1.0
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
        self.segments = Segments(settings, self.id, self.counts)
        self.ring = Ring(settings.memory_bytes)
        self.reserve = Reserve(
            settings.directory, size_bytes=settings.reserve_bytes, mode=settings.modes.file, host=settings.host
        )
        self.severity_floor = 0
        self.is_upkeep_due = False
        self._settings = settings
        self._host = settings.host
        self._write = settings.host.write
        self._monotonic = settings.monotonic
        self._seed = seed_of(self.id)
        self._uid_prefix = self.id.hex().encode() + b"-"
        self._drops = Drops(self.counts.dropped)
        self._postponed: list[Callable[[], object]] = []
        self._is_plain = False  # an open segment, nothing waiting in memory, no drops to tell: the short way
        self._check_at = 0.0
        self._retry_at = 0.0

    def append(
        self,
        before: bytes,
        after: bytes | None,
        scope_length: int,
        severity: int,
        session: str,
        logger: str,
        time_ns: int,
        resource: bytes,
    ) -> int:
        """Write one record and return its sequence number; 0 if a signal handler came amid another append."""
        with self.lock:
            if self.busy:
                entry = Entry(before, after, scope_length, severity, session, logger, time_ns, resource)
                return self._postpone(lambda: self._append_next(entry))
            self.busy = True
            self.sequence = sequence = self.sequence + 1
            try:
                if self._is_plain and severity >= self.severity_floor and not resource and after is not None:
                    self._append_plain(sequence, before, after, scope_length, severity, session, logger, time_ns)
                else:
                    entry = Entry(before, after, scope_length, severity, session, logger, time_ns, resource)
                    self._append_entry(sequence, entry)
            except BaseException:
                self._interrupted(sequence)
                raise
            finally:
                self.busy = False
            if self._postponed:
                self._run_postponed()
        return sequence

    def _append_plain(
        self,
        sequence: int,
        before: bytes,
        after: bytes,
        scope_length: int,
        severity: int,
        session: str,
        logger: str,
        time_ns: int,
    ) -> None:
        if not sequence & _CHECK_MASK or self._monotonic() >= self._check_at:
            self._check()
        segments = self.segments
        segment = segments.current
        payload = b"%b%b%016x%b" % (before, self._uid_prefix, sequence, after)
        head = FRAME_HEAD.pack(SYNC, _RECORD, severity, scope_length, 0, len(payload), sequence)
        frame = head + crc32(payload, crc32(head, self._seed)).to_bytes(4, "little") + payload
        try:
            written = -1 if segment is None else self._write(segment.fd, frame)
        except OSError as exc:
            self._note(exc)
            written = -1
        if segment is None or written != len(frame):
            self._torn(written)
            self._append_entry(sequence, Entry(before, after, scope_length, severity, session, logger, time_ns, b""))
            return
        segment.length += written
        self._count(segment, severity, session, logger, time_ns, written)

    def _count(self, segment: Segment, severity: int, session: str, logger: str, time_ns: int, size: int) -> None:
        self.counts.journalled += 1
        self.counts.bytes_written += size
        block = self.segments.block
        block.levels |= 1 << severity
        if block.keys is not None:
            block.keys.add((session, logger))
        block.first_ns = min(block.first_ns, time_ns)
        block.last_ns = max(block.last_ns, time_ns)
        if segment.length >= self.segments.block_end:
            self.segments.start_block()
        if segment.length >= self.segments.limit:
            self._roll()

    # The long way: memory, drops, other resources, rolls.

    def _append_entry(self, sequence: int, entry: Entry) -> None:
        if entry.severity < self.severity_floor:
            self._drop("journal_full", sequence)
        elif not (self._is_ready() and self._write_entry(sequence, entry)):
            self._keep_in_memory(sequence, entry)
        self._is_plain = not (self.ring or self._drops) and self.segments.current is not None

    def _is_ready(self) -> bool:
        """Return whether a segment is open and nothing waits in memory that must be written before."""
        if self.segments.current is None or self.ring:
            if self._monotonic() < self._retry_at:
                return False
            return self._open() and self._drain()
        return True

    def _open(self) -> bool:
        """Have a segment open; on a full disk by giving up the reserve."""
        if self.segments.current is not None and not self.segments.current.is_torn:
            return True
        first = self.ring.first_sequence if self.ring else max(self.sequence, 1)
        if not self.segments.open_next(first):
            released = self.segments.refused_for_space and self.reserve.release()
            if not (released and self.segments.open_next(first)):
                self._retry_at = self._monotonic() + _RETRY_SECONDS
                return False
        self._check_at = self._monotonic() + _CHECK_SECONDS
        self.is_upkeep_due = True
        return True

    def _drain(self) -> bool:
        while self.ring:
            sequence, entry = self.ring.peek()
            if not self._write_entry(sequence, entry):
                self._retry_at = self._monotonic() + _RETRY_SECONDS
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
            number, announcement = self.segments.resource_number(entry.resource, sequence)
            tombstone = self._drops.frame(sequence=sequence, seed=self._seed)
            data = tombstone + announcement + self._encode(sequence, entry, number)
            if self._write_whole(segment, data):
                self._drops.clear()
                self._count(segment, entry.severity, entry.session, entry.logger, entry.time_ns, len(data))
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
            seed=self._seed,
            severity=entry.severity,
            scope_length=entry.scope_length,
            resource=number,
        )

    def _write_whole(self, segment: Segment, data: bytes) -> bool:
        try:
            written = self._write(segment.fd, data)
        except OSError as exc:
            written = -1
            self._note(exc)
        if written == len(data):
            segment.length += written
            return True
        self._torn(written)
        return False

    def _torn(self, written: int) -> None:
        """The open segment ends in bytes that nobody can vouch for: they stay, and nothing is added to them."""
        if self.segments.current is not None:
            self.segments.current.is_torn = True
        if written >= 0:
            self.counts.torn_writes += 1
            self.reserve.release()  # a short write is how a full disk shows first
        self._is_plain = False

    def _note(self, error: OSError) -> None:
        self.counts.write_errors += 1
        self.counts.last_error = str(error)
        if error.errno == errno.ENOSPC:
            self.reserve.release()

    def _keep_in_memory(self, sequence: int, entry: Entry) -> None:
        for gone in self.ring.push(sequence, entry):
            self._drop("memory_full", gone)

    def _drop(self, reason: str, first: int, count: int = 1) -> None:
        self._drops.add(reason, first, count)
        self._is_plain = False
        if self._drops.are_many and not self.ring:
            self._write_drops()

    def _write_drops(self) -> None:
        if self._drops and self._open() and (segment := self.segments.current):
            if self._write_whole(segment, self._drops.frame(sequence=self.sequence, seed=self._seed)):
                self._drops.clear()

    def _roll(self) -> None:
        if self.segments.open_next(self.sequence + 1):
            self.is_upkeep_due = True
        else:  # no new one to be had: go on in this one for a while
            self.segments.limit += self._settings.segment_bytes // 8

    def _check(self) -> None:
        """Notice that the segment lost its name, and ask for upkeep now and then."""
        self._check_at = self._monotonic() + _CHECK_SECONDS
        segment = self.segments.current
        if segment is None:
            return
        try:
            is_gone = self._host.fstat(segment.fd).st_nlink == 0
        except OSError:
            is_gone = True
        if is_gone:
            self.counts.segments_lost += 1
            self.segments.forget()
            self._is_plain = False
        self.is_upkeep_due = True

    # Signal handlers and other interruptions.

    def _postpone(self, action: Callable[[], object]) -> int:
        self.counts.reentered += 1
        self._postponed.append(action)
        return 0

    def _run_postponed(self) -> None:
        while self._postponed:
            action = self._postponed.pop(0)
            self.busy = True
            try:
                action()
            finally:
                self.busy = False

    def _append_next(self, entry: Entry) -> None:
        self.sequence += 1
        self._append_entry(self.sequence, entry)

    def _interrupted(self, sequence: int) -> None:
        """An exception came out of a signal handler, or memory ran out: whether the record was written is unknown."""
        self._torn(-1)
        self._drop("interrupted", sequence)

    # For others.

    def drop(self, reason: str, count: int = 1) -> int:
        """Take *count* sequence numbers for calls that aren't kept; return the last, or 0 as append does."""
        with self.lock:
            if self.busy:
                return self._postpone(lambda: self._take_drop(reason, count))
            self.busy = True
            try:
                self._take_drop(reason, count)
            finally:
                self.busy = False
            if self._postponed:
                self._run_postponed()
            return self.sequence

    def _take_drop(self, reason: str, count: int) -> None:
        first = self.sequence + 1
        self.sequence += count
        self._drop(reason, first, count)

    def write_pending(self, *, seal: bool = False) -> None:
        """Write what waits in memory, without waiting for the next record; then let go of the segment if asked."""
        with self.lock:
            if self.busy:
                return
            self.busy = True
            try:
                self._retry_at = 0.0
                if self.ring and self._open():
                    self._drain()
                self._write_drops()
                if seal:
                    self.segments.retire(self.sequence)
                self._is_plain = not (self.ring or self._drops) and self.segments.current is not None
            finally:
                self.busy = False
            if self._postponed:
                self._run_postponed()

    def dirty(self) -> tuple[list[Segment], int]:
        with self.lock:
            current = self.segments.current
            last = self.ring.first_sequence - 1 if self.ring else self.sequence
            return [*self.segments.unsynced, *([current] if current else [])], last

    def was_synced(self, segments: list[Segment]) -> None:
        with self.lock:
            for segment in segments:
                if segment in self.segments.unsynced:
                    self.segments.unsynced.remove(segment)
                    self.segments.close(segment)

    def sync_failed(self, segment: Segment, error: OSError) -> None:
        """What lies unsynced in the segment may be lost though it reads well: nothing more goes there."""
        with self.lock:
            self.counts.last_error = str(error)
            if segment is self.segments.current:
                self._torn(-1)
            self.was_synced([segment])

    def abandon(self) -> None:
        """In a forked child: let go of the parent's files. Takes no lock: its holder may not exist here."""
        self.segments.abandon(in_write=self.busy)
