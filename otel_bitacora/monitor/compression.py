"""gzip of a text most of which is as it was before: what hasn't changed is not compressed again."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable

_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"
"""gzip, deflate, no name, no time, fast, any system (RFC 1952)."""
_END = b"\x03\x00"
"""An empty last block (RFC 1951)."""
# Level 1: the text is so regular that more effort saves little and costs five times the CPU.
_LEVEL = 1
_RAW = -15
_WORTH_KEEPING = 4096
"""Smaller parts are compressed together: each one that is kept begins without knowledge of what was before."""


class Compressor:
    """Compresses texts that are given in parts, one gzip member each, which any reader of gzip takes.

    A part that is the same object as the last time is taken as it was compressed then. Not safe to use from two threads
    at a time.
    """

    def __init__(self) -> None:
        self._known: dict[int, tuple[bytes, bytes]] = {}

    def compress(self, parts: Iterable[bytes]) -> bytes:
        """Return *parts*, one after the other, as gzip."""
        known: dict[int, tuple[bytes, bytes]] = {}
        found, small = [_HEADER], list[bytes]()
        checksum = length = 0
        for part in parts:
            checksum, length = zlib.crc32(part, checksum), length + len(part)
            if len(part) < _WORTH_KEEPING:
                small.append(part)
                continue
            if small:
                found.append(_deflated(b"".join(small)))
                small = []
            # It is kept beside what became of it: while it lives, no other one has its identity.
            entry = self._known.get(id(part)) or (part, _deflated(part))
            known[id(part)] = entry
            found.append(entry[1])
        if small:
            found.append(_deflated(b"".join(small)))
        self._known = known
        return b"".join([*found, _END, struct.pack("<II", checksum, length & 0xFFFFFFFF)])


def _deflated(content: bytes) -> bytes:
    """Return *content* compressed up to the boundary of a byte, with no reference to anything before it."""
    deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, _RAW)
    return deflate.compress(content) + deflate.flush(zlib.Z_FULL_FLUSH)
