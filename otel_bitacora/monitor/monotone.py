"""Keeps counters from falling, so that a reloaded driver isn't seen as a negative rate.

OpenTelemetry's SDK exports a falling observable counter as a negative increment of a sum that it
calls monotonic. What a counter had counted before it started again is therefore added back, as
psutil does for network and disk counters. A small step back isn't a start from zero: the kernel's
iowait and steal times do that, and adding them back would double them. Such a counter is held.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress, count
from operator import not_

from bitacora_collectors.contract import Kind, Reading

SeriesKey = tuple[str, tuple[tuple[str, str | int | bool], ...]]


def positions_beyond(before: frozenset[int], readings: Sequence[Reading]) -> Iterator[int]:
    """Yield where in *readings* those are whose ids aren't in *before*; that takes no step of Python for the others."""
    return compress(count(), map(not_, map(before.__contains__, map(id, readings))))


class MonotoneCounters:
    """What is remembered of each counter series: its last value, and what it had lost before.

    A series that has gone is remembered too (the interface may come back), up to *limit* of all.
    """

    def __init__(self, limit: int = 20_000) -> None:
        self._limit = limit
        self._seen: OrderedDict[SeriesKey, tuple[float, float]] = OrderedDict()

    def corrected(self, readings: Iterable[Reading], before: frozenset[int] = frozenset()) -> tuple[Reading, ...]:
        """Return *readings* with the counters among them never below what they were before.

        *before* are the ids of readings that were returned the last time, and still live: they pass as they are.
        """
        found = list(readings)
        for index in positions_beyond(before, found):
            if found[index].metric.kind is Kind.COUNTER:
                found[index] = self._correct(found[index])
        return tuple(found)

    def _correct(self, reading: Reading) -> Reading:
        value = reading.value
        if not isinstance(value, int | float):
            return reading
        key = (reading.metric.name, tuple(reading.attributes.items()))
        last, lost = self._seen.get(key, (0, 0))
        if value < last / 2:
            lost += last
        else:
            value = max(value, last)
        self._seen[key] = (value, lost)
        self._seen.move_to_end(key)
        if len(self._seen) > self._limit:
            self._seen.popitem(last=False)
        return reading if value + lost == reading.value else reading._replace(value=value + lost)
