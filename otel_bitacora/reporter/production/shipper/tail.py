"""Reads a journal for one exporter, batch by batch, and minds which numbers it has met: the reading side of the ledger."""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from otel_bitacora.reporter.core.contract import StoredRecord
from otel_bitacora.reporter.core.journal.directory import segment_name
from otel_bitacora.reporter.core.journal.frame import NO_INDEX, HeaderError, Kind, SegmentHeader, decode_header
from otel_bitacora.reporter.core.journal.reader import EVERY_KIND, Chain, Damage, Position, Reader
from otel_bitacora.reporter.core.journal.runs import Runs
from otel_bitacora.reporter.core.journal.scan import Frame, SegmentRef

from .batch import Batch, Passage
from .checkpoint import Progress
from .identity import uid_in
from .wanted import Wanted

_RECORD = int(Kind.RECORD)
_RESOURCE = int(Kind.RESOURCE)
_TURN = 4096  # records of one instance before the others have theirs: a busy writer keeps nobody waiting
_RELIST_SECONDS = 1.0  # while there is more to read than can be sent, new processes are looked for this often
_HEADER_BYTES = 1 << 20
_LEAST_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class Limits:
    """A batch is full at the first of these; *age_seconds* is how long its first record waits for others."""

    records: int = 5000
    size_bytes: int = 1 << 20
    age_seconds: float = 0.5

    def halved(self, records: int, size_bytes: int) -> Limits:
        """Return the limits after a batch of that size was too large for the destination."""
        return replace(self, records=max(1, records // 2), size_bytes=max(_LEAST_BYTES, size_bytes // 2))


class Tail:
    """Goes on where *progress* stands. `fill` reads into `batch`; `take` hands it over."""

    def __init__(
        self,
        journal: Path,
        progress: Progress,
        *,
        monotonic: Callable[[], float],
        limits: Limits | None = None,
        wanted: Wanted | None = None,
        on_damage: Callable[[Damage], None] = lambda _: None,
    ) -> None:
        self.limits = limits or Limits()
        self.batch = Batch()
        self._journal = str(journal)
        self._monotonic = monotonic
        self._wanted = wanted or Wanted()
        self._reader = Reader(
            journal,
            positions=progress.positions,
            registered_ns=progress.registered_ns,
            on_damage=on_damage,
            kinds=EVERY_KIND,
        )
        self._through = {instance: account.through for instance, account in progress.accounts.items()}
        self._gaps: dict[bytes, Runs] = {}
        for instance, account in progress.accounts.items():
            if account.gaps:
                self._gaps[instance] = copied = Runs()
                for first, count in account.gaps:
                    copied.add(first, count)
        self._segments: dict[bytes, Position] = dict(progress.positions)
        self._chains: deque[Chain] = deque()
        self._listed = float("-inf")

    def fill(self) -> bool:
        """Read until the batch is full, and return True, or until there is nothing more, and return False."""
        while not self._is_full():
            if self._monotonic() >= self._listed + _RELIST_SECONDS:
                self._chains.clear()
            if not self._chains:
                self._listed = self._monotonic()
                self._chains.extend(self._reader.chains())
                if not self._chains:
                    return False
            if not self._read_in_turns():
                return self._is_full()
        return True

    def take(self) -> Batch:
        """Return what was read, to be committed before anything that is read later."""
        batch, self.batch = self.batch, Batch()
        batch.positions = self._reader.positions
        return batch

    def _is_full(self) -> bool:
        return self.batch.size_bytes >= self.limits.size_bytes or len(self.batch.records) >= self.limits.records

    def _read_in_turns(self) -> bool:
        """Return False when every instance has been read to its end."""
        while self._chains and not self._is_full():
            chain = self._chains.popleft()
            if self._read(chain.frames, is_merged=chain.is_merged):
                self._chains.append(chain)
        return bool(self._chains)

    def _read(self, frames: Iterator[Frame], *, is_merged: bool) -> bool:
        """Take one turn; return whether there may be more."""
        batch, wanted, is_all = self.batch, self._wanted, self._wanted.is_all
        records, instances = batch.records, batch.instances
        size, room = batch.size_bytes, self.limits.size_bytes
        turn = max(1, min(_TURN, self.limits.records - len(records)))
        segment: SegmentRef | None = None
        instance, expected, passage = b"", -1, Passage(0, 0)
        count = 0
        for frame in itertools.islice(frames, turn):
            count += 1
            if frame.segment is not segment:
                segment = frame.segment
                if not is_merged:
                    self._enter(segment)
                expected = -1
            if frame.kind != _RECORD:
                self._pass_other(frame)
                expected = -1
                continue
            if frame.sequence != expected or frame.instance != instance:
                instance = frame.instance
                if not self._meet(instance, frame.sequence):
                    expected = -1
                    continue
                passage = batch.passages[instance]
            expected = frame.sequence + 1
            if expected > passage.through:
                passage.through = self._through[instance] = frame.sequence
            if not is_all and not wanted.takes(frame):
                passage.filtered += 1
                continue
            payload = bytes(frame.payload)
            records.append(
                StoredRecord(uid_in(payload, frame), frame.sequence, payload, frame.scope_length, frame.resource or b"")
            )
            instances.append(instance)
            passage.sent += 1
            size += len(payload)
            if size >= room:
                break
        if segment is not None:
            self._segments[segment.instance] = Position(segment.number, frame.end)
        if records and not batch.begun:
            batch.begun = self._monotonic()
        batch.size_bytes = size
        return count == turn or size >= room

    def _passage(self, instance: bytes, after: int) -> Passage:
        passage = self.batch.passages.get(instance)
        if passage is None:
            through = self._through.setdefault(instance, after)
            passage = self.batch.passages[instance] = Passage(through, through)
        return passage

    def _meet(self, instance: bytes, sequence: int) -> bool:
        """Return whether a record with this number is new, after having noted what lies between it and the last one."""
        passage = self._passage(instance, sequence - 1)
        if sequence <= self._through[instance]:
            gaps = self._gaps.get(instance)
            if gaps is None or not gaps.discard(sequence):
                return False
            passage.late.append(sequence)
            return True
        self._reach(instance, sequence - 1, expired=False)
        return True

    def _reach(self, instance: bytes, last: int, *, expired: bool) -> None:
        """Every number up to *last* was taken; those not met have no record, or none any more."""
        passage = self._passage(instance, last)
        through = self._through[instance]
        if last <= through:
            return
        count = last - through
        if expired:
            passage.expired += count
        else:
            passage.gaps.append((through + 1, count))
            self._gaps.setdefault(instance, Runs()).add(through + 1, count)
            self._gaps[instance].keep_last(64)
        passage.through = self._through[instance] = last

    def _pass_other(self, frame: Frame) -> None:
        if not frame.sequence:  # a merged segment's own
            return
        if frame.kind == _RESOURCE:
            self._reach(frame.instance, frame.sequence - 1, expired=False)
        elif frame.kind == Kind.SEAL:
            self._reach(frame.instance, frame.sequence, expired=False)

    def _enter(self, segment: SegmentRef) -> None:
        """Note what lay in segments between the last one read and this one, if they are gone."""
        last = self._segments.get(segment.instance)
        if last is None or last.segment == segment.number:
            return
        try:
            with open(segment.path, "rb") as file:  # noqa: PTH123 - strings in the journal
                header, _ = decode_header(file.read(_HEADER_BYTES))
        except (OSError, HeaderError):
            return
        if header.previous_index != NO_INDEX and self._is_unread(segment.instance, last, header):
            self._reach(segment.instance, header.first_sequence - 1, expired=True)

    def _is_unread(self, instance: bytes, last: Position, header: SegmentHeader) -> bool:
        """Return whether records before the segment with *header* went without having been read."""
        if header.previous_index != last.segment:
            return header.previous_index > last.segment
        is_there = os.path.exists(f"{self._journal}/{segment_name(instance, last.segment)}")  # noqa: PTH110 - as above
        return last.offset < header.previous_length and not is_there
