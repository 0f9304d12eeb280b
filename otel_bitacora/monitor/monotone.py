"""Keeps counters from falling, so that a reloaded driver isn't seen as a negative rate.

OpenTelemetry's SDK exports a falling observable counter as a negative increment of a sum that it
calls monotonic. What a counter had counted before it started again is therefore added back, as
psutil does for network and disk counters. A small step back isn't a start from zero: the kernel's
iowait and steal times do that, and adding them back would double them. Such a counter is held.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from itertools import compress, count
from operator import is_not

from bitacora_collectors.contract import Kind, Reading

_MOVED = 8  # of a number of readings, so large a part must have changed that it is asked whether they have moved
SeriesKey = tuple[str, tuple[tuple[str, str | int | bool], ...]]


def positions_beyond(before: Sequence[Reading], readings: Sequence[Reading]) -> list[int]:
    """Return where in *readings* those are that weren't in *before*, as the same objects.

    Few others may be among them, that stood elsewhere. No step of Python is taken for those that stay where they were.
    """
    beyond = list(compress(count(), map(is_not, readings, before)))
    beyond += range(len(before), len(readings))
    if len(beyond) <= len(readings) // _MOVED:
        return beyond
    # Something has gone, or come in between, and those behind it have moved.
    known = frozenset(map(id, before))
    return [position for position in beyond if id(readings[position]) not in known]


class MonotoneCounters:
    """What is remembered of each counter series: its last value, and what it had lost before.

    A series that has gone is remembered too (the interface may come back), up to *limit* of all.
    """

    def __init__(self, limit: int = 20_000) -> None:
        self._limit = limit
        self._seen: OrderedDict[SeriesKey, tuple[float, float]] = OrderedDict()

    def corrected(self, readings: Iterable[Reading], positions: Iterable[int] | None = None) -> tuple[Reading, ...]:
        """Return *readings* with the counters among them never below what they were before.

        Those that aren't at *positions* pass as they are: they were returned the last time. None: none was.
        """
        found = list(readings)
        for index in range(len(found)) if positions is None else positions:
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
