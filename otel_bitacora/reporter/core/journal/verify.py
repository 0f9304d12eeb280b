"""Checks that nothing vanished: every sequence number that was taken is a record, a counted drop, or is told as lost."""

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from .frame import Kind, decode_drops
from .reader import EVERY_KIND, Damage, Reader
from .runs import Runs
from .scan import Frame


@dataclass(slots=True)
class Balance:
    """One instance: `last_sequence = retired + journalled + tombstoned + damaged + missing`."""

    instance: bytes
    last_sequence: int = 0
    retired: int = 0  # before the oldest segment that is left: retention deleted them
    journalled: int = 0
    tombstoned: dict[str, int] = field(default_factory=dict)
    damaged: int = 0  # lost in a region without whole frames
    missing: int = 0  # lost, and no damage to show for it

    @property
    def is_whole(self) -> bool:
        return not self.missing

    @property
    def is_balanced(self) -> bool:
        told = self.retired + self.journalled + sum(self.tombstoned.values()) + self.damaged + self.missing
        return told == self.last_sequence


@dataclass(slots=True)
class Verification:
    instances: dict[bytes, Balance]
    damage: list[Damage]

    @property
    def is_whole(self) -> bool:
        return all(balance.is_whole and balance.is_balanced for balance in self.instances.values())


class _Account:
    """Follows one instance's numbers; what isn't explained at once may be so by a later tombstone."""

    def __init__(self, instance: bytes) -> None:
        self.balance = Balance(instance)
        self.is_damaged = False  # since the last frame
        self._drops: dict[str, Runs] = defaultdict(Runs)  # told, not yet met as gaps
        self._lost = {False: Runs(), True: Runs()}  # gaps, by whether damage lies next to them

    def begin(self, first_sequence: int) -> None:
        """A segment starts here; where it is the oldest that is left, what was before it had its time."""
        if not self.balance.last_sequence and not self.is_damaged:
            self.balance.retired = self.balance.last_sequence = max(first_sequence - 1, 0)
        self.reach(first_sequence - 1)

    def meet(self, frame: Frame) -> None:
        if frame.kind == Kind.RECORD:
            self._record(frame.sequence)
        elif frame.kind == Kind.TOMBSTONE:
            for reason, runs in decode_drops(frame.payload).items():
                for first, count in runs:
                    self._drops[reason].add(first, count)
        elif frame.kind == Kind.RESOURCE:
            self.begin(frame.sequence)
        elif frame.kind == Kind.SEAL:
            self.reach(frame.sequence)

    def _record(self, sequence: int) -> None:
        if sequence <= self.balance.last_sequence:  # a copy of what damage took
            self.balance.journalled += any(lost.discard(sequence) for lost in self._lost.values())
            return
        self.reach(sequence - 1)
        self.balance.journalled += 1
        self.balance.last_sequence = sequence
        self.is_damaged = False

    def reach(self, last: int) -> None:
        """Everything up to *last* was taken; what wasn't met is dropped or lost."""
        first = self.balance.last_sequence + 1
        if last >= first:
            self._lost[self.is_damaged].add(first, last - first + 1)
            self.balance.last_sequence = last
            self._explain()

    def _explain(self) -> None:
        for reason, runs in self._drops.items():
            for first, count in list(runs):
                told = sum(lost.discard(first, count) for lost in self._lost.values())
                if told:
                    self.balance.tombstoned[reason] = self.balance.tombstoned.get(reason, 0) + told
                if first + count <= self.balance.last_sequence + 1:
                    runs.discard(first, count)

    def close(self) -> Balance:
        told_last = max((first + count - 1 for runs in self._drops.values() for first, count in runs), default=0)
        self.reach(told_last)
        self._explain()
        self.balance.missing, self.balance.damaged = len(self._lost[False]), len(self._lost[True])
        return self.balance


def verify_journal(*directories: Path) -> Verification:
    """Return the balance of every instance in the journals; bounded in memory, and it raises for no damage."""
    accounts: dict[bytes, _Account] = {}
    damage: list[Damage] = []

    def account(instance: bytes) -> _Account:
        found = accounts.get(instance)
        if found is None:
            found = accounts[instance] = _Account(instance)
        return found

    def on_damage(found: Damage) -> None:
        damage.append(found)
        if not found.is_torn_tail:
            account(found.segment.instance).is_damaged = True

    for frame in Reader(*directories, on_damage=on_damage, kinds=EVERY_KIND):
        if frame.sequence:  # 0: a merged segment's own frames
            account(frame.instance).meet(frame)
    return Verification({instance: found.close() for instance, found in accounts.items()}, damage)
