"""The lines of one metric's series in Prometheus text, made anew only for readings that are new."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from itertools import compress, count, islice, pairwise
from operator import is_, is_not, itemgetter

from bitacora_collectors.contract import Attributes, Reading

_MOST_STEPS = 64
"""More comings and goings than these, and everything is put together anew."""
_NEAR = 64
"""How many series that follow each other may go at once without that."""
_NEW = (-1, -1)
_LEAST_LINES = 64
"""A part has at least so many, and as many more on average."""
_KEY_BYTES = 400
"""Of a part, so many are enough to find what it was before."""
_attributes_of = itemgetter(2)


class SeriesLines:
    """Lines that begin with what *prefix_of* returns for attributes.

    Collectors hand out the same mappings tick after tick, and the same readings where nothing has changed: both are
    recognised by identity, which costs a small part of looking at what is in them.

    The text is kept in parts of some ten kilobytes, so that one line costs no more than its part. Where a part ends the
    series itself says, so that one which comes or goes hardly moves more than its own part.
    """

    def __init__(self, prefix_of: Callable[[Attributes], str]) -> None:
        self._prefix_of = prefix_of
        self._readings: list[Reading | None] = []
        self._attributes: list[Attributes] = []
        self._prefixes: list[str] = []
        self._lines: list[str] = []
        self._cuts: list[bool] = []
        self._ends: list[int] = []
        self._parts: list[bytes] = []
        self._is_distinct = True
        """Whether no series is given twice; asked again only when one has come."""

    def parts(self, readings: Sequence[Reading]) -> Sequence[bytes]:
        """Return a line for each series, the last one where one is given twice, which would fail the whole scrape;
        in parts, of which those in which nothing has changed are the same objects as before.
        """
        if len(readings) == len(self._readings):
            if all(map(is_, readings, self._readings)):
                return self._parts
            changed = list(compress(count(), map(is_not, readings, self._readings)))
            if all(readings[index][2] is self._attributes[index] for index in changed):
                self._write(readings, changed)
                return self._parts
        if not self._follow(list(map(_attributes_of, readings))):
            self._begin(readings)
        self._ends = []
        self._write(readings, list(compress(count(), map(is_not, readings, self._readings))))
        return self._parts

    def _write(self, readings: Sequence[Reading], changed: list[int]) -> None:
        lines, prefixes = self._lines, self._prefixes
        for index in changed:
            lines[index] = f"{prefixes[index]}{readings[index][1]!r}\n"
        self._readings = list(readings)
        if not self._is_distinct:
            self._join(["".join(dict(zip(prefixes, lines, strict=True)).values())])
        elif not self._ends:
            self._ends = self._ends_of_parts()
            self._join("".join(lines[start:end]) for start, end in pairwise([0, *self._ends]))
        else:
            self._parts = list(self._parts)  # what was handed out stays as it is
            for number, (start, end) in enumerate(pairwise([0, *self._ends])):
                if bisect_left(changed, start) < bisect_left(changed, end):
                    text = "".join(lines[start:end]).encode()
                    if text != self._parts[number]:
                        self._parts[number] = text

    def _join(self, texts: Iterable[str]) -> None:
        known = {part[:_KEY_BYTES]: part for part in self._parts}
        encoded = (text.encode() for text in texts)
        self._parts = [part if (part := known.get(text[:_KEY_BYTES])) == text else text for text in encoded]

    def _ends_of_parts(self) -> list[int]:
        ends, start = list[int](), 0
        for end in compress(count(1), self._cuts):
            if end - start >= _LEAST_LINES:
                ends.append(end)
                start = end
        return ends if start == len(self._cuts) else [*ends, len(self._cuts)]

    def _follow(self, attributes: list[Attributes]) -> bool:
        """Move what is kept to where it is in *attributes*; returns False if that is too much for going step by step.

        Series come at the end, and go from between others.
        """
        before, at, done = self._attributes, 0, 0
        runs: list[tuple[int, int]] = []
        for _ in range(_MOST_STEPS):
            both = min(len(attributes) - done, len(before) - at)
            run = next(compress(count(), map(is_not, islice(attributes, done, None), islice(before, at, None))), both)
            runs.append((at, at + run))
            at, done = at + run, done + run
            if done == len(attributes):
                break
            gone = next((n for n in range(at, min(at + _NEAR, len(before))) if before[n] is attributes[done]), None)
            if gone is None:
                runs.append(_NEW)
                done += 1
            else:
                at = gone
        else:
            return False
        if runs != [(0, len(before))]:
            self._take(runs, attributes)
        return True

    def _take(self, runs: list[tuple[int, int]], attributes: list[Attributes]) -> None:
        readings, prefixes, lines, cuts = list[Reading | None](), list[str](), list[str](), list[bool]()
        for start, end in runs:
            if (start, end) == _NEW:
                prefixes.append(self._prefix_of(attributes[len(prefixes)]))
                readings.append(None)
                lines.append("")
                cuts.append(_is_cut(prefixes[-1]))
            else:
                readings += self._readings[start:end]
                prefixes += self._prefixes[start:end]
                lines += self._lines[start:end]
                cuts += self._cuts[start:end]
        self._readings, self._attributes, self._prefixes = readings, attributes, prefixes
        self._lines, self._cuts = lines, cuts
        if _NEW in runs:
            self._is_distinct = len(set(prefixes)) == len(prefixes)

    def _begin(self, readings: Sequence[Reading]) -> None:
        known = {id(each): prefix for each, prefix in zip(self._attributes, self._prefixes, strict=True)}
        self._attributes = list(map(_attributes_of, readings))
        self._prefixes = [known.get(id(each)) or self._prefix_of(each) for each in self._attributes]
        self._readings = [None] * len(self._attributes)
        self._lines = [""] * len(self._attributes)
        self._cuts = list(map(_is_cut, self._prefixes))
        self._is_distinct = len(set(self._prefixes)) == len(self._prefixes)


def _is_cut(prefix: str) -> bool:
    """Return whether a part may end at the line with *prefix*, whatever stands before it."""
    return hash(prefix) % _LEAST_LINES == 0
