"""What became of records, counted per instance: one side of the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from otel_bitacora.reporter.core.journal.runs import Runs

_MOST_GAPS = 64  # runs of numbers without a record that are remembered, lest a late copy be missed


@dataclass(slots=True)
class Counts:
    delivered: int = 0
    duplicate: int = 0
    """The destination had it already."""
    dead_lettered: int = 0
    filtered: int = 0
    """Below the exporter's level, or not what its query wants."""
    expired: int = 0
    """Gone from the journal before it was read."""
    unattributed: int = 0
    """The destination refused that many of a batch, and didn't say which."""

    @property
    def total(self) -> int:
        return sum(getattr(self, each.name) for each in fields(self))

    def add(self, other: Counts) -> None:
        for each in fields(Counts):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))

    def as_dict(self) -> dict[str, int]:
        return asdict(self)

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Counts:
        return cls(**{each.name: int(found.get(each.name, 0)) for each in fields(cls)})


@dataclass(slots=True)
class Account:
    """One instance as an exporter has met it: `through - after = counts.total + absent`."""

    after: int
    """The last number that was taken before the exporter was registered."""
    through: int
    """The last number that it has passed."""
    absent: int = 0
    """Numbers passed that no record has: dropped and told by tombstones, or lost to damage."""
    counts: Counts = field(default_factory=Counts)
    gaps: Runs = field(default_factory=Runs)
    """The latest of the absent ones."""

    @property
    def is_balanced(self) -> bool:
        return self.through - self.after == self.counts.total + self.absent

    def pass_gap(self, first: int, count: int) -> None:
        self.absent += count
        self.gaps.add(first, count)
        self.gaps.keep_last(_MOST_GAPS)

    def as_dict(self) -> dict[str, Any]:
        found: dict[str, Any] = {"after": self.after, "through": self.through, "absent": self.absent}
        found.update((name, count) for name, count in self.counts.as_dict().items() if count)
        if self.gaps:
            found["gaps"] = [list(run) for run in self.gaps]
        return found

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Account:
        account = cls(int(found["after"]), int(found["through"]), int(found["absent"]), Counts.from_dict(found))
        for first, count in found.get("gaps", ()):
            account.gaps.add(int(first), int(count))
        return account
