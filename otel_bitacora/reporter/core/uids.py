"""Which uids were met: those of the form that instances give take next to no memory."""

from __future__ import annotations

from collections import defaultdict

from .journal.runs import Runs
from .otlp import UID_CHARS

_INSTANCE_CHARS = 32
_HEX = frozenset("0123456789abcdef")


class Uids:
    """A set of uids; numbers of one instance that follow each other are kept as one run."""

    def __init__(self) -> None:
        self._runs: dict[str, Runs] = defaultdict(Runs)
        self._others: set[str] = set()

    def is_new(self, uid: str) -> bool:
        """Return whether *uid* wasn't met before, and remember it."""
        instance, digits = uid[:_INSTANCE_CHARS], uid[_INSTANCE_CHARS + 1 :]
        if len(uid) == UID_CHARS and uid[_INSTANCE_CHARS] == "-" and _HEX.issuperset(digits):
            runs, sequence = self._runs[instance], int(digits, 16)
            if sequence in runs:
                return False
            runs.add(sequence)
            return True
        if uid in self._others:
            return False
        self._others.add(uid)
        return True
