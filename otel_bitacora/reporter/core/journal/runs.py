"""Sets of sequence numbers kept as runs, because what is dropped or lost together lies together."""

from bisect import bisect_right
from collections.abc import Iterator


class Runs:
    """A set of whole numbers, cheap as long as they are mostly consecutive."""

    __slots__ = ("_ends", "_starts")

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []  # exclusive

    def __len__(self) -> int:
        return sum(self._ends) - sum(self._starts)

    def __bool__(self) -> bool:
        return bool(self._starts)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Iterate over (first, count)."""
        return ((start, end - start) for start, end in zip(self._starts, self._ends, strict=True))

    @property
    def run_count(self) -> int:
        return len(self._starts)

    def add(self, first: int, count: int = 1) -> None:
        """Add the numbers; those already inside stay."""
        if count <= 0:
            return
        end = first + count
        if self._ends and first == self._ends[-1]:  # what a writer does
            self._ends[-1] = end
            return
        low = bisect_right(self._ends, first - 1)
        high = bisect_right(self._starts, end)
        if low < high:
            first, end = min(first, self._starts[low]), max(end, self._ends[high - 1])
        self._starts[low:high], self._ends[low:high] = [first], [end]

    def discard(self, first: int, count: int = 1) -> int:
        """Take the numbers out and return how many of them were inside."""
        end, before = first + count, len(self)
        low, high = bisect_right(self._ends, first), bisect_right(self._starts, end - 1)
        starts, ends = [], []
        for start, stop in zip(self._starts[low:high], self._ends[low:high], strict=True):
            if start < first:
                starts.append(start)
                ends.append(first)
            if stop > end:
                starts.append(end)
                ends.append(stop)
        self._starts[low:high], self._ends[low:high] = starts, ends
        return before - len(self)

    def keep_last(self, run_count: int) -> None:
        """Forget the lowest numbers, so that no more than *run_count* runs are left."""
        surplus = len(self._starts) - run_count
        if surplus > 0:
            del self._starts[:surplus], self._ends[:surplus]

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._starts, number) - 1
        return at >= 0 and number < self._ends[at]
