"""A collector without a host: it returns what it is given, fails, or hangs until it is let go."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

from bitacora_collectors.contract import FAST_SECONDS, Entity, Group, Metric, Reading


class FakeHostCollector:
    """Returns *readings* and the entities in `found`; set `error` to have it raise, clear `may_return` to have it hang.

    `calls` counts how often it was asked; `asked` is set each time.
    """

    def __init__(
        self,
        name: str,
        readings: Iterable[Reading] = (),
        *,
        metrics: Sequence[Metric] | None = None,
        group: Group = Group.SYSTEM,
        interval_seconds: float = FAST_SECONDS,
    ) -> None:
        self.name = name
        self.group = group
        self.readings = tuple(readings)
        self.interval_seconds = interval_seconds
        self.metrics = tuple(metrics) if metrics is not None else _metrics(self.readings)
        self.found: tuple[Entity, ...] = ()
        self.error: Exception | None = None
        self.may_return = threading.Event()
        self.may_return.set()
        self.asked = threading.Event()
        self.calls = 0
        self.is_closed = False

    def collect(self) -> tuple[Reading, ...]:
        self.calls += 1
        self.asked.set()
        self.may_return.wait()
        if self.error is not None:
            raise self.error
        return self.readings

    def entities(self) -> tuple[Entity, ...]:
        return self.found

    def close(self) -> None:
        self.is_closed = True


def _metrics(readings: Iterable[Reading]) -> tuple[Metric, ...]:
    return tuple({reading.metric.name: reading.metric for reading in readings}.values())
