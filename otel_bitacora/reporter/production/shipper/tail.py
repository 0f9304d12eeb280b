"""Reads a journal for one exporter, batch by batch, and minds which numbers it has met: the reading side of the ledger."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from otel_bitacora.reporter.core.journal.directory import segment_name
from otel_bitacora.reporter.core.journal.frame import NO_INDEX, HeaderError, Kind, SegmentHeader, decode_header
from otel_bitacora.reporter.core.journal.reader import EVERY_KIND, Chain, Damage, Position, Reader, RunChain
from otel_bitacora.reporter.core.journal.runs import Runs
from otel_bitacora.reporter.core.journal.scan import Frame, Run, RunLimit, SegmentRef

from .batch import Batch, Passage
from .checkpoint import Progress
from .record import JournalRecord
from .wanted import Wanted

_RECORD = int(Kind.RECORD)
_RESOURCE = int(Kind.RESOURCE)
_MOST_FILTERED = 50_000  # in one batch
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
        self._runs = RunLimit(self.limits.records, self.limits.size_bytes)
        self._reader = Reader(
            journal,
            positions=progress.positions,
            registered_ns=progress.registered_ns,
            on_damage=on_damage,
            kinds=EVERY_KIND,
            runs=self._runs if self._wanted.is_all else None,
        )
        self._through = {instance: account.through for instance, account in progress.accounts.items()}
        self._gaps: dict[bytes, Runs] = {}
        for instance, account in progress.accounts.items():
            if account.gaps:
                self._gaps[instance] = copied = Runs()
                for first, count in account.gaps:
                    copied.add(first, count)
        self._segments: dict[bytes, Position] = dict(progress.positions)
        self._chains: deque[Chain | RunChain] = deque()
        self._listed = float("-inf")

    def fill(self) -> bool:
        """Read until the batch is full, and return True, or until there is nothing more, and return False."""
        while not self._is_full():
            if self._monotonic() >= self._listed + _RELIST_SECONDS:
                self._chains.clear()
            if not self._chains:
                self._listed = self._monotonic()
                self._chains.extend(self._chains_to_read())
                if not self._chains:
                    return False
            if not self._read_in_turns():
                return self._is_full()
        return True

    def _chains_to_read(self) -> Iterator[Chain | RunChain]:
        # What is filtered is looked at frame by frame; what isn't passes in bulk.
        return self._reader.chains_of_runs() if self._wanted.is_all else self._reader.chains()

    def relist(self) -> None:
        """Look at once which instances there are, at the next `fill`."""
        self._chains.clear()

    def take(self) -> Batch:
        """Return what was read, to be committed before anything that is read later."""
        batch, self.batch = self.batch, Batch()
        batch.positions = self._reader.positions
        return batch

    def _is_full(self) -> bool:
        batch, limits = self.batch, self.limits
        return (
            batch.size_bytes >= limits.size_bytes
            or len(batch.records) >= limits.records
            or batch.filtered >= _MOST_FILTERED
        )

    def _read_in_turns(self) -> bool:
        """Return False when every instance has been read to its end."""
        while self._chains and not self._is_full():
            chain = self._chains.popleft()
            if self._read(chain.frames, is_merged=chain.is_merged):
                self._chains.append(chain)
        return bool(self._chains)

    def _read(self, frames: Iterator[Frame | Run], *, is_merged: bool) -> bool:
        """Take one turn; return whether there may be more."""
        batch = self.batch
        stop = len(batch.records) + batch.filtered + _TURN
        segment: SegmentRef | None = None
        end, is_at_end = 0, False
        while not self._is_full() and len(batch.records) + batch.filtered < stop:
            self._runs.records = min(self.limits.records, stop) - len(batch.records)
            self._runs.size_bytes = self.limits.size_bytes - batch.size_bytes
            found = next(frames, None)
            if found is None:
                is_at_end = True
                break
            if found.segment is not segment:
                segment = found.segment
                if not is_merged:
                    self._enter(segment)
            end = found.end
            if isinstance(found, Run):
                self._take_run(found)
            elif found.kind == _RECORD:
                self._take_frame(found)
            else:
                self._pass_other(found)
        if segment is not None:
            self._segments[segment.instance] = Position(segment.number, end)
        if batch.records and not batch.begun:
            batch.begun = self._monotonic()
        return not is_at_end

    def _take_run(self, run: Run) -> None:
        instance, first, count = run.instance, run.first_sequence, len(run.payloads)
        if first <= self._through.get(instance, first - 1):  # some were met before, or have come late
            for offset in range(count):
                one = slice(offset, offset + 1)
                if self._meet(instance, first + offset):
                    self._add(run, first + offset, run.payloads[one], run.scope_lengths[one])
        elif self._meet(instance, first):
            self._add(run, first, run.payloads, run.scope_lengths)

    def _add(self, run: Run, first: int, payloads: list[bytes], scope_lengths: list[int]) -> None:
        batch, instance, resource, count = self.batch, run.instance, run.resource or b"", len(payloads)
        self._pass_to(instance, first + count - 1)
        batch.records += [
            JournalRecord(instance, sequence, payload, scope_length, resource)
            for sequence, (payload, scope_length) in enumerate(zip(payloads, scope_lengths, strict=True), first)
        ]
        batch.instances += [instance] * count
        batch.size_bytes += sum(map(len, payloads))
        batch.passages[instance].sent += count

    def _take_frame(self, frame: Frame) -> None:
        if not self._meet(frame.instance, frame.sequence):
            return
        if self._wanted.takes(frame):
            run = Run(frame.instance, frame.sequence, [], [], frame.resource, frame.segment, frame.end)
            self._add(run, frame.sequence, [bytes(frame.payload)], [frame.scope_length])
            return
        self._pass_to(frame.instance, frame.sequence)
        self.batch.passages[frame.instance].filtered += 1
        self.batch.filtered += 1

    def _pass_to(self, instance: bytes, sequence: int) -> None:
        passage = self.batch.passages[instance]
        if sequence > passage.through:
            passage.through = self._through[instance] = sequence

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
