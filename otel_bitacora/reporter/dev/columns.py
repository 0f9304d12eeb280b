"""Text in cells of a terminal, where East Asian characters take two and combining ones none."""

from __future__ import annotations

import functools
from unicodedata import category, east_asian_width


def display_width(text: str) -> int:
    """Return how many cells the printable *text* takes."""
    if text.isascii():
        return len(text)
    return sum(map(_cells, text))


@functools.lru_cache(maxsize=4096)
def _cells(char: str) -> int:
    if category(char) in {"Mn", "Me"}:
        return 0
    return 2 if east_asian_width(char) in "WF" else 1


def padded(text: str, width: int) -> str:
    """Return *text* followed by blanks up to *width* cells."""
    return text if (missing := width - display_width(text)) <= 0 else text + " " * missing


def shortened(name: str, width: int) -> str:
    """Return a dotted *name* in at most *width* cells: leading parts by their first letters, else only its end.

    `otel_bitacora.monitor.events` in 20 cells is `o.monitor.events`.
    """
    if display_width(name) <= width:
        return name
    parts = name.split(".")
    for number in range(1, len(parts)):
        brief = ".".join([*(part[:1] for part in parts[:number]), *parts[number:]])
        if display_width(brief) <= width:
            return brief
    start, room = len(name), width - 1
    while start and (room := room - _cells(name[start - 1])) >= 0:
        start -= 1
    return f"…{name[start:]}"
