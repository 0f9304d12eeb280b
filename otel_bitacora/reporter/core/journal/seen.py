"""Which records of an instance were met: a writer that can't trust a segment's end writes its last record again."""

from .runs import Runs


class Seen:
    def __init__(self) -> None:
        self.last = 0
        self.is_damaged = False  # since the last record
        self._gaps = Runs()  # next to damage: what lies in them is welcome later

    def is_new(self, sequence: int) -> bool:
        """Return whether the record wasn't met before, and remember it."""
        if sequence > self.last:
            if self.is_damaged:
                self._gaps.add(self.last + 1, sequence - self.last - 1)
                self.is_damaged = False
            self.last = sequence
            return True
        return bool(self._gaps and self._gaps.discard(sequence))
