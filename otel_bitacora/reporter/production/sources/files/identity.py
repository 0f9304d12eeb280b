"""Which file it is: by what its first line says, its inode, and how often it began anew; never by its name."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace

FINGERPRINT_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Identity:
    """*source* is random, of the file that holds the positions: where that is lost, records come twice rather than never."""

    source: str
    device: int
    inode: int
    fingerprint: str = ""
    """Of the first line, at most 1,024 bytes of it; empty until the line is complete."""
    generation: int = 0
    """How often the file was cut back to nothing."""

    def uid(self, offset: int) -> str:
        """Return the identity of the record that begins at *offset*: the same each time it is read."""
        text = f"{self.source}\n{self.device}\n{self.inode}\n{self.fingerprint}\n{self.generation}"
        return f"{hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}-{offset:016x}"

    def is_of(self, status: os.stat_result) -> bool:
        return (self.device, self.inode) == (status.st_dev, status.st_ino)

    def begun_anew(self) -> Identity:
        return replace(self, fingerprint="", generation=self.generation + 1)


def fingerprint_of(fd: int) -> str:
    """Return that of an open file; empty while its first line isn't complete."""
    head = os.pread(fd, FINGERPRINT_BYTES, 0)
    line, newline, _ = head.partition(b"\n")
    if not newline and len(head) < FINGERPRINT_BYTES:
        return ""
    return hashlib.blake2b(line, digest_size=16).hexdigest()
