"""A text in pieces, what is kept and what is cut out by turns: whole lists at once, because there may be 100,000.

A loop in Python takes longer for each piece than the search that found it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from operator import add
from typing import TypeAlias

Pieces: TypeAlias = list[str]
"""What is kept, what is cut out, what is kept, … and what is kept last; a piece may be empty."""


def kept_before(parts: Sequence[str]) -> Pieces:
    """Return the pieces of what `split` returns for two groups: of each match the first is kept, the second cut out."""
    pieces = [""] * (len(parts) // 3 * 2 + 1)
    pieces[:-1:2] = map(add, parts[:-1:3], parts[1::3])
    pieces[1::2] = parts[2::3]
    pieces[-1] = parts[-1]
    return pieces


def put_back(pieces: Pieces, is_cut: Sequence[bool]) -> None:
    """Keep those of the pieces cut out for which *is_cut* is false: an empty one stays in the place of each."""
    cut = pieces[1::2]
    pieces[:-1:2] = [
        kept if is_out else kept + out for kept, out, is_out in zip(pieces[:-1:2], cut, is_cut, strict=True)
    ]
    pieces[1::2] = [out if is_out else "" for out, is_out in zip(cut, is_cut, strict=True)]


def edges(pieces: Pieces) -> tuple[list[int], list[int]]:
    """Return where the pieces cut out start and end in the text, without those that are empty."""
    positions = list(accumulate(map(len, pieces)))
    starts, ends = positions[:-1:2], positions[1::2]
    if "" not in pieces[1::2]:
        return starts, ends
    spans = [(start, end) for start, end in zip(starts, ends, strict=True) if start < end]
    return [start for start, _ in spans], [end for _, end in spans]


def sliced(text: str, starts: Sequence[int], ends: Sequence[int]) -> Pieces:
    """Return *text* in pieces, cut at ascending positions that don't overlap."""
    pieces = [""] * (2 * len(starts) + 1)
    pieces[::2] = map(text.__getitem__, map(slice, [0, *ends], [*starts, len(text)]))
    pieces[1::2] = map(text.__getitem__, map(slice, starts, ends))
    return pieces
