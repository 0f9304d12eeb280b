"""What of a text is a secret: each rule looks for itself, and what several see is cut out once."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import islice
from operator import le
from typing import NamedTuple

from .patterns import PLACEHOLDER
from .secret_places import PLACES, find_places
from .secret_rules import Spans, sights


class Finding(NamedTuple):
    """Where a rule sees a secret: *start* and *end* are positions in the text; the secret itself isn't repeated."""

    rule: str
    start: int
    end: int


def find(text: str, *, limit: int = PLACES) -> Iterator[Finding]:
    """Yield the secrets of *text* from left to right, without overlaps: of two, the one that starts first, else the longer.

    What comes after the first *limit* places where one may begin is one secret, by the rule `too_many`.
    """
    return map(Finding._make, _without_overlaps(_seen(text, limit)))


def cut_out(text: str, *, limit: int = PLACES) -> tuple[list[str], list[str]]:
    """Return what `find` leaves and what it finds by turns, and for each that it finds the rule, in any order."""
    seen = _seen(text, limit)
    if not seen:
        return [text], []
    if len(seen) == 1:
        [(rule, spans)] = seen
        if len(spans) == 1:
            [(start, end)] = spans
            return [text[:start], text[start:end], text[end:]], [rule]
    starts = [start for _, spans in seen for start, _ in spans]
    ends = [end for _, spans in seen for _, end in spans]
    if len(seen) > 1:
        starts.sort()
        ends.sort()
        if not all(map(le, ends, islice(starts, 1, None))):
            findings = _without_overlaps(seen)
            starts, ends = [start for _, start, _ in findings], [end for _, _, end in findings]
            return _pieces(text, starts, ends), [rule for rule, _, _ in findings]
    return _pieces(text, starts, ends), [rule for rule, spans in seen for _ in spans]


def _seen(text: str, limit: int) -> list[tuple[str, Spans]]:
    asked = sights(text)
    places, cut_off = find_places(len(text), [(sight.words_see, sight.rule.words) for sight in asked], limit=limit)
    seen = []
    for (rule, shown, _), found in zip(asked, places, strict=True):
        spans = rule.look(shown, found) if found else []
        if rule.spares_placeholders and spans and PLACEHOLDER in text:
            spans = [(start, end) for start, end in spans if text[start:end] != PLACEHOLDER]
        if spans:
            seen.append((rule.name, spans))
    return seen if cut_off == len(text) else _cut_off(seen, cut_off, len(text))


def _cut_off(seen: list[tuple[str, Spans]], cut_off: int, size: int) -> list[tuple[str, Spans]]:
    """Return *seen* with all from *cut_off* on as one secret; one that begins before it goes on to its own end."""
    kept = [(rule, before) for rule, spans in seen if (before := spans[: bisect_left(spans, (cut_off, 0))])]
    return [*kept, ("too_many", [(cut_off, size)])]


def _without_overlaps(seen: list[tuple[str, Spans]]) -> list[tuple[str, int, int]]:
    position, kept = 0, []
    # As plain tuples, of which C compares and sorts many.
    for start, minus_end, rule in sorted([(start, -end, rule) for rule, spans in seen for start, end in spans]):
        if -minus_end > position:
            kept.append((rule, max(start, position), -minus_end))
            position = -minus_end
    return kept


def _pieces(text: str, starts: Sequence[int], ends: Sequence[int]) -> list[str]:
    """Return *text* in pieces, cut at ascending positions that don't overlap; whole lists at once, as there may be many."""
    pieces = [""] * (2 * len(starts) + 1)
    pieces[::2] = map(text.__getitem__, map(slice, [0, *ends], [*starts, len(text)]))
    pieces[1::2] = map(text.__getitem__, map(slice, starts, ends))
    return pieces
