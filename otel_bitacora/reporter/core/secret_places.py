"""Where in a text secrets may begin: found by literals alone, and counted, since looking at each is what costs time.

A text with more such places than a limit is a dump or an attack: it is looked at up to a cut-off.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple, TypeAlias

PLACES = 14_000
"""So many places are looked at in a text of up to 1 MiB, and in proportion in a longer one."""

Words: TypeAlias = tuple[str, ...]
"""Literals that a secret of some kind begins with or stands behind."""

_MIB = 1 << 20
BLOCK = 1 << 16
"""Characters that are searched at once."""


class Places(NamedTuple):
    """The places of each kind of secret, ascending; from *cut_off* on none was looked for."""

    of_kind: list[list[int]]
    cut_off: int


def find_places(size: int, kinds: Sequence[tuple[str, Words]], *, limit: int = PLACES) -> Places:
    """Return where the words of each kind stand in a text of *size* characters, which each kind sees in its own way.

    All kinds count together, and the text is cut off at the first place beyond *limit* of them.
    """
    limit = max(limit, limit * size // _MIB)
    of_kind: list[list[int]] = [[] for _ in kinds]
    # In blocks, so that what lies behind the cut-off isn't even searched.
    for begin in range(0, size, BLOCK):
        count = 0
        for (view, words), found in zip(kinds, of_kind, strict=True):
            for word in words:
                end = begin + BLOCK + len(word) - 1
                place = view.find(word, begin, end)
                if place >= 0:
                    _collect(view, word, place, end, found)
            count += len(found)
        if count > limit:
            return _cut_off(of_kind, limit)
    for found in of_kind:
        found.sort()
    return Places(of_kind, size)


def _collect(view: str, word: str, place: int, end: int, found: list[int]) -> None:
    """Add *place*, where *word* stands, and where else it does before *end*."""
    step = word.find(" ") + 1 or len(word)  # the second group of a card's number may be the first of the next one
    while place >= 0:
        found.append(place)
        place = view.find(word, place + step, end)


def _cut_off(of_kind: list[list[int]], limit: int) -> Places:
    cut_off = sorted(chain.from_iterable(of_kind))[limit]
    for found in of_kind:
        found.sort()
        del found[bisect_left(found, cut_off) :]
    return Places(of_kind, cut_off)
