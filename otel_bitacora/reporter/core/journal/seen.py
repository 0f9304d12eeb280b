"""Which records of an instance were met: a writer that can't trust the end of a segment writes its records again."""

from .runs import Runs

_MAX_GAPS = 4096  # a copy comes soon after; older gaps are drops


class Seen:
    def __init__(self) -> None:
        self._last = 0
        self._gaps = Runs()  # what was jumped over, and is welcome later

    def is_new(self, sequence: int) -> bool:
        """Return whether the record wasn't met before, and remember it."""
        if sequence > self._last:
            if sequence > self._last + 1:
                self._gaps.add(self._last + 1, sequence - self._last - 1)
                self._gaps.keep_last(_MAX_GAPS)
            self._last = sequence
            return True
        return bool(self._gaps and self._gaps.discard(sequence))

    def is_new_run(self, first: int, count: int) -> bool:
        """Return whether none of *count* records from *first* on was met before, and if so remember them."""
        if first != self._last + 1:
            if first <= self._last:
                return False
            self.is_new(first)
        self._last = first + count - 1
        return True

    def skip_to(self, sequence: int) -> None:
        """Take every record up to *sequence* for met."""
        if sequence > self._last:
            self._last = sequence
            self._gaps = Runs()
