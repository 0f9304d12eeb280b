"""Which frames of a block are worth being parsed: the index, the frames' heads and the bytes that a match must hold say so."""

from __future__ import annotations

import re

from .clauses import Clause, Needle, clauses_of
from .journal.frame import MAX_SEVERITY, SYNC, Kind
from .journal.index import Block
from .journal.scan import Frame
from .possible import Possible
from .query import Condition

_MARK = SYNC + bytes([Kind.RECORD])
_FEW = 20  # less than one record in so many is found by its level before anything else
_FEW_LEVELS = 3


class Candidates:
    """For one condition; not for several threads at once."""

    def __init__(self, where: Condition) -> None:
        self._possible = Possible(where)
        self._clauses = clauses_of(where)

    def levels_of(self, block: Block) -> int:
        """Return the severities, a bit each, that a match in *block* may have; 0: it needn't be read."""
        return self._possible.levels_of(block)

    def starts(self, data: bytes, block: Block, levels: int) -> list[int] | None:
        """Return where in *data*, the bytes of *block*, the frames of candidates start; None: look at each frame."""
        found: list[int] | None = None
        if levels != block.levels:
            found = _of_levels(levels, data)
        if self._clauses and (found is None or len(found) * _FEW > block.records):
            found = [start for start in _enclosing(self._clauses[0], data) if _severity_bit(data, start) & levels]
        # As many marks as records: then each is a frame's beginning, not part of something that looks like one.
        return None if found and len(data.rsplit(_MARK)) - 1 != block.records else found

    def may_match(self, frame: Frame, levels: int, data: bytes, base: int) -> bool:
        """Return whether the record of *frame*, in *data* that begins at *base* in its segment, is worth being parsed."""
        if not 1 << min(frame.severity, MAX_SEVERITY) & levels:
            return False
        if self._possible.asks_heads:
            scope = bytes(frame.payload[: frame.scope_length])
            if not self._possible.admits(frame.severity, scope, frame.resource):
                return False
        if not self._clauses:
            return True
        raw = data[frame.offset - base : frame.end - base]
        return all(_is_in(clause, raw) for clause in self._clauses)


# Backwards, here and below: `rfind` takes half the time of `find`, and `rsplit` of `count`.
def _enclosing(clause: Clause, data: bytes) -> list[int]:
    starts: set[int] = set()
    for needle in clause:
        hay, end = _hay(needle, data), len(data)
        while (at := _last_place(needle, hay, end)) >= 0:
            end = data.rfind(_MARK, 0, at + len(_MARK))
            if end < 0:
                break
            starts.add(end)
    return sorted(starts)


def _hay(needle: Needle, data: bytes) -> bytes:
    return data.lower() if needle.folds else data


def _last_place(needle: Needle, hay: bytes, end: int) -> int:
    """Return the last place before *end* where the needle is, or -1."""
    literal, admits = needle.literal, needle.admits
    at = hay.rfind(literal, 0, end)
    while at >= 0 and admits is not None and not admits(hay, at):
        at = hay.rfind(literal, 0, at + len(literal) - 1)
    return at


def _is_in(clause: Clause, data: bytes) -> bool:
    return any(_last_place(needle, _hay(needle, data), len(data)) >= 0 for needle in clause)


def _of_levels(levels: int, data: bytes) -> list[int]:
    marks = [_MARK + bytes([number]) for number in range(MAX_SEVERITY + 1) if levels >> number & 1]
    if len(marks) > _FEW_LEVELS:
        wanted = b"".join(re.escape(mark[-1:]) for mark in marks)
        return [found.start() for found in re.finditer(re.escape(_MARK) + b"[" + wanted + b"]", data, re.DOTALL)]
    starts = []
    for mark in marks:
        at = data.rfind(mark)
        while at >= 0:
            starts.append(at)
            at = data.rfind(mark, 0, at)
    return sorted(starts)


def _severity_bit(data: bytes, start: int) -> int:
    at = start + len(_MARK)
    return 1 << min(data[at], MAX_SEVERITY) if at < len(data) else 0
