"""The sum that must add up for each exporter, from where it was registered:

`journalled = delivered + duplicate + dead_lettered + filtered + expired + unattributed + pending`.

What was passed is counted by the shipper; this reads the journal anew and compares.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from otel_bitacora.reporter.core.journal.frame import Kind
from otel_bitacora.reporter.core.journal.reader import EVERY_KIND, RECORDS, Reader
from otel_bitacora.reporter.core.journal.runs import Runs

from .checkpoint import Progress, read_progress
from .counts import Counts
from .dead_letters import DeadLetters
from .lease import holder_of
from .registry import folder_of, names_in

_RECORD = int(Kind.RECORD)


@dataclass(frozen=True, slots=True)
class Ledger:
    """One exporter of one journal."""

    journal: Path
    exporter: str
    destination: str
    counts: Counts
    pending: int
    pending_bytes: int
    absent: int
    """Numbers passed that no record has: the other equation explains them."""
    dead_letters: int
    """Those that nobody has settled."""
    unbalanced: tuple[str, ...]
    """Instances, in hex, whose sum doesn't add up."""
    state: str
    last_error: str
    holder: str | None
    saved_ns: int

    @property
    def journalled(self) -> int:
        return self.counts.total + self.pending

    @property
    def is_balanced(self) -> bool:
        return not self.unbalanced

    def as_dict(self) -> dict[str, Any]:
        return {
            "journal": str(self.journal),
            "exporter": self.exporter,
            "destination": self.destination,
            "journalled": self.journalled,
            **self.counts.as_dict(),
            "pending": self.pending,
            "pending_bytes": self.pending_bytes,
            "absent": self.absent,
            "dead_letters": self.dead_letters,
            "is_balanced": self.is_balanced,
            "unbalanced": list(self.unbalanced),
            "state": self.state,
            "last_error": self.last_error,
            "shipped_by": self.holder,
        }


class Present:
    """Which records are in a journal, by instance and number."""

    def __init__(self, journal: Path) -> None:
        self.records: dict[bytes, Runs] = defaultdict(Runs)
        self.first: dict[bytes, int] = {}
        """The first number that may be here."""
        for frame in Reader(journal, kinds=EVERY_KIND):
            if not frame.sequence:
                continue
            self.first.setdefault(frame.instance, frame.sequence)
            if frame.kind == _RECORD:
                self.records[frame.instance].add(frame.sequence)

    def between(self, instance: bytes, after: int, through: int) -> int:
        runs = self.records.get(instance)
        if runs is None:
            return 0
        return sum(max(0, min(first + count, through + 1) - max(first, after + 1)) for first, count in runs)


def ledger_of(journal: Path, name: str) -> Ledger:
    """Return the ledger of the exporter called *name*, as far as the checkpoint and what is pending tell.

    Raises:
        JournalUnavailable: its checkpoint can't be read.
    """
    return _ledger(journal, name, read_progress(folder_of(journal, name)) or Progress(0), None)


def _ledger(journal: Path, name: str, progress: Progress, present: Present | None) -> Ledger:
    folder = folder_of(journal, name)
    pending, pending_bytes = pending_of(journal, progress)
    return Ledger(
        journal=journal,
        exporter=name,
        destination=progress.destination,
        counts=progress.totals(),
        pending=pending,
        pending_bytes=pending_bytes,
        absent=sum(account.absent for account in progress.accounts.values()),
        dead_letters=len(DeadLetters(folder, wall_ns=lambda: 0)),
        unbalanced=tuple(_unbalanced(progress, present)),
        state=progress.state,
        last_error=progress.last_error,
        holder=holder_of(folder),
        saved_ns=progress.saved_ns,
    )


def ledgers_of(journal: Path, *, name: str | None = None) -> list[Ledger]:
    """Return the ledgers of all exporters of *journal*, or of one, each compared with what is in the journal.

    Raises:
        JournalUnavailable: a checkpoint can't be read.
    """
    names = [each for each in names_in(journal) if name in (None, each)]
    if not names:
        return []
    # Before the journal: what is passed meanwhile may not be in what was read of it.
    found = [(each, read_progress(folder_of(journal, each)) or Progress(0)) for each in names]
    present = Present(journal)
    return [_ledger(journal, each, progress, present) for each, progress in found]


def pending_of(journal: Path, progress: Progress) -> tuple[int, int]:
    """Return how many records, and bytes of them, the exporter hasn't passed."""
    through: Mapping[bytes, int] = {instance: account.through for instance, account in progress.accounts.items()}
    records = size_bytes = 0
    reader = Reader(journal, positions=progress.positions, registered_ns=progress.registered_ns or None, kinds=RECORDS)
    for frame in reader:
        if frame.kind != _RECORD:
            continue
        if frame.sequence <= through.get(frame.instance, 0):
            account = progress.accounts[frame.instance]
            if frame.sequence not in account.gaps:
                continue
        records += 1
        size_bytes += len(frame.payload)
    return records, size_bytes


def _unbalanced(progress: Progress, present: Present | None) -> list[str]:
    found = []
    for instance, account in progress.accounts.items():
        passed = account.counts.total - account.counts.expired
        is_right = account.is_balanced
        if present is not None and instance in present.first:
            there = present.between(instance, account.after, account.through)
            is_all_there = present.first[instance] <= account.after + 1 and not account.counts.expired
            is_right &= there == passed if is_all_there else there <= passed
        if not is_right:
            found.append(instance.hex())
    return found
