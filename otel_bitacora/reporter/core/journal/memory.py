"""Records that the disk refused, kept until it comes back."""

from collections import deque
from typing import NamedTuple

from .frame import MAX_PAYLOAD_BYTES, MAX_SCOPE_BYTES
from .index import IndexKey


class Entry(NamedTuple):
    """What append was given."""

    before: bytes
    after: bytes | None  # None: the payload is complete and carries its sender's uid
    scope_length: int
    severity: int
    key: IndexKey
    time_ns: int
    resource: bytes = b""

    @property
    def is_too_large(self) -> bool:
        return self.scope_length > MAX_SCOPE_BYTES or self.size_bytes > MAX_PAYLOAD_BYTES

    @property
    def size_bytes(self) -> int:
        return len(self.before) + len(self.after or b"") + 256


class Ring:
    """Entries with their sequence numbers, in order; at the bound the lowest severities give way, then the oldest."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.used_bytes = 0
        self._entries: deque[tuple[int, Entry]] = deque()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def first_sequence(self) -> int:
        return self._entries[0][0]

    def push(self, sequence: int, entry: Entry) -> list[int]:
        """Keep the entry; return the sequence numbers that had to go for it, its own among them when it is too low."""
        if entry.severity < severity_floor(self.used_bytes + entry.size_bytes, self.limit_bytes, full=0):
            return [sequence]
        self._entries.append((sequence, entry))
        self.used_bytes += entry.size_bytes
        gone = []
        while self.used_bytes > self.limit_bytes and self._entries:
            gone.append(self.pop()[0])
        return gone

    def peek(self) -> tuple[int, Entry]:
        return self._entries[0]

    def pop(self) -> tuple[int, Entry]:
        sequence, entry = self._entries.popleft()
        self.used_bytes -= entry.size_bytes
        return sequence, entry


def severity_floor(used: int, limit: int, *, full: int = 25) -> int:
    """Return the severity number below which records are refused: DEBUG from 80 %, INFO from 90 %, WARN from 95 %.

    At the bound itself nothing is above the floor, unless *full* says otherwise.
    """
    if used * 100 < limit * 80:
        return 0
    if used * 100 < limit * 90:
        return 9
    if used * 100 < limit * 95:
        return 13
    return 17 if used < limit else full or 17
