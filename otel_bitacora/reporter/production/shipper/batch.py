"""What is sent at once, and what the exporter will have passed when it is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from otel_bitacora.reporter.core.contract import (
    Accepted,
    Duplicate,
    Outcome,
    Rejected,
    StoredRecord,
    Unattributed,
)
from otel_bitacora.reporter.core.journal.reader import Position

from .checkpoint import Progress
from .counts import Account, Counts


@dataclass(slots=True)
class Passage:
    """What the batch takes an exporter through of one instance."""

    after: int
    through: int
    gaps: list[tuple[int, int]] = field(default_factory=list)
    late: list[int] = field(default_factory=list)
    """Numbers that were passed as absent, and have come after all."""
    expired: int = 0
    filtered: int = 0
    sent: int = 0


@dataclass(slots=True)
class Batch:
    """Records in the order of the journal; *instances* names whose each is."""

    records: list[StoredRecord] = field(default_factory=list)
    instances: list[bytes] = field(default_factory=list)
    size_bytes: int = 0
    filtered: int = 0
    passages: dict[bytes, Passage] = field(default_factory=dict)
    positions: dict[bytes, Position] = field(default_factory=dict)
    """Where reading stands behind the last of them."""
    begun: float = 0.0
    """When its first record was read, on the monotonic clock."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to send and nothing to note."""
        return not self.records and not self.passages

    def commit(self, progress: Progress, outcomes: Sequence[Outcome]) -> None:
        """Have *progress* say that the batch is done."""
        for instance, passage in self.passages.items():
            account = progress.accounts.get(instance)
            if account is None:
                account = progress.accounts[instance] = Account(passage.after, passage.after)
            for first, count in passage.gaps:
                account.pass_gap(first, count)
            for sequence in passage.late:
                account.absent -= account.gaps.discard(sequence)
            account.through = max(account.through, passage.through)
            account.counts.expired += passage.expired
            account.counts.filtered += passage.filtered
        if all(type(outcome) is Accepted for outcome in outcomes):
            for instance, passage in self.passages.items():
                progress.accounts[instance].counts.delivered += passage.sent
        else:
            for instance, outcome in zip(self.instances, outcomes, strict=True):
                _count(progress.accounts[instance].counts, outcome)
        progress.positions = self.positions
        progress.serial += 1


def _count(counts: Counts, outcome: Outcome) -> None:
    if isinstance(outcome, Duplicate):
        counts.duplicate += 1
    elif isinstance(outcome, Rejected):
        counts.dead_lettered += 1
    elif isinstance(outcome, Unattributed):
        counts.unattributed += 1
    else:
        counts.delivered += 1
