"""Keeps counters from falling, so that a reloaded driver isn't seen as a negative rate.

OpenTelemetry's SDK exports a falling observable counter as a negative increment of a sum that it
calls monotonic. What a counter had counted before it started again is therefore added back, as
psutil does for network and disk counters. A small step back isn't a start from zero: the kernel's
iowait and steal times do that, and adding them back would double them. Such a counter is held.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from bitacora_collectors.contract import Kind, Reading

SeriesKey = tuple[str, tuple[tuple[str, str | int | bool], ...]]


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
        return tuple(
            reading if id(reading) in before or reading.metric.kind is not Kind.COUNTER else self._correct(reading)
            for reading in readings
        )

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
