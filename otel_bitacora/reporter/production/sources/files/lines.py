"""Bytes of a growing file as lines, each with the place where it stands."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

MAX_LINE_BYTES = 1 << 20
_PIECE_BYTES = 256 * 1024


class Line(NamedTuple):
    """One line without its end; *offset* and *end* are where it begins and the next one does, in bytes."""

    data: bytes
    offset: int
    end: int
    dropped_bytes: int = 0
    """Of a line longer than `MAX_LINE_BYTES`, what is beyond."""


class LineReader:
    """Reads the complete lines of an open file from *offset* on. What has no end yet is read again when it has one.

    *is_uncut* is asked after each piece whether the file is still the one that began at 0: what was cut back, and has
    grown again beyond what was read, goes on in the midst of other lines.
    """

    def __init__(self, fd: int, offset: int = 0, is_uncut: Callable[[], bool] = lambda: True) -> None:
        self._fd = fd
        self._is_uncut = is_uncut
        self.offset = offset
        """Where the next line begins."""
        self._position = offset
        self._rest = bytearray()
        self._dropped = 0

    def lines(self) -> Iterator[Line]:
        """Yield the lines that are complete by now."""
        while (piece := os.pread(self._fd, _PIECE_BYTES, self._position)) and self._is_uncut():
            self._position += len(piece)
            *whole, rest = piece.split(b"\n")
            for data in whole:
                yield self._line(data, self.offset + len(self._rest) + self._dropped + len(data) + 1)
            self._keep(rest)

    def last_line(self) -> Line | None:
        """Return what stands behind the last end of a line, of a file that nobody writes to any more; None if nothing does."""
        if not self._rest:
            return None
        return self._line(b"", self.offset + len(self._rest) + self._dropped)

    def _keep(self, rest: bytes) -> None:
        room = MAX_LINE_BYTES - len(self._rest)
        self._rest += rest[:room]
        self._dropped += len(rest) - len(rest[:room])

    def _line(self, data: bytes, end: int) -> Line:
        self._keep(data)
        line = Line(bytes(self._rest).removesuffix(b"\r"), self.offset, end, self._dropped)
        self.offset = end
        self._rest.clear()
        self._dropped = 0
        return line
