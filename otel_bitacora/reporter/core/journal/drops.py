"""Sequence numbers that were taken and not kept, until a tombstone says so in the journal."""

from .frame import Kind, encode_drops, encode_frame
from .runs import Runs

_MAX_RUNS = 512


class Drops:
    def __init__(self, totals: dict[str, int]) -> None:
        self._totals = totals
        self._pending: dict[str, Runs] = {}

    def __bool__(self) -> bool:
        return bool(self._pending)

    @property
    def are_many(self) -> bool:
        """Whether they should be written even though no record is."""
        return sum(runs.run_count for runs in self._pending.values()) > _MAX_RUNS

    @property
    def first(self) -> int:
        return min(next(iter(runs))[0] for runs in self._pending.values())

    def add(self, reason: str, first: int, count: int = 1) -> None:
        self._totals[reason] = self._totals.get(reason, 0) + count
        runs = self._pending.get(reason)
        if runs is None:
            runs = self._pending[reason] = Runs()
        runs.add(first, count)

    def frame(self, *, sequence: int, seed: int) -> bytes:
        """Return the tombstone that stands before the frame of *sequence*; empty without drops."""
        if not self._pending:
            return b""
        payload = encode_drops({reason: list(runs) for reason, runs in self._pending.items()})
        return encode_frame(payload, kind=Kind.TOMBSTONE, sequence=sequence, seed=seed)

    def clear(self) -> None:
        """The tombstone was written."""
        self._pending.clear()
