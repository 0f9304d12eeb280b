"""What came of sending, and the metrics that say so; loads nothing of OpenTelemetry's."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from bitacora_collectors.contract import FAST_SECONDS, Attributes, Group, Kind, Metric, Reading, Unavailable

_EXPORTER = "exporter"
_ERROR = "error.type"

EXPORTS = Metric(
    "bitacora.exporter.exports",
    Kind.COUNTER,
    "{export}",
    "Times that the exporter sent something; with error.type, times that it couldn't.",
    Group.PROCESS,
    (_EXPORTER, _ERROR),
)
DATA_POINTS = Metric(
    "bitacora.exporter.data_points",
    Kind.COUNTER,
    "{data_point}",
    "Data points that the receiver took; with error.type, those that it didn't.",
    Group.PROCESS,
    (_EXPORTER, _ERROR),
)
DURATION = Metric(
    "bitacora.exporter.duration",
    Kind.GAUGE,
    "s",
    "How long the exporter's last attempt took.",
    Group.PROCESS,
    (_EXPORTER,),
)
LAST_SUCCESS = Metric(
    "bitacora.exporter.last_success",
    Kind.GAUGE,
    "s",
    "When the exporter last succeeded, in seconds since the Unix epoch.",
    Group.PROCESS,
    (_EXPORTER,),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one attempt: *error_type* is None if the receiver took it."""

    data_points: int
    error_type: str | None = None
    """As the semantic conventions have it: a status code, or one of a few words."""
    reason: str = ""
    """For people."""
    rejected: int = 0
    """Data points that the receiver refused while it took the others."""


class Tally:
    """Adds outcomes up. Safe to use from any thread."""

    def __init__(self, exporter: str) -> None:
        self._label: Attributes = {_EXPORTER: exporter}
        self._exports: Counter[str | None] = Counter({None: 0})
        self._data_points: Counter[str | None] = Counter({None: 0})
        self._duration_seconds: float | None = None
        self._last_success_unix_nano: int | None = None
        self._lock = threading.Lock()

    def add(self, outcome: Outcome, *, duration_seconds: float, time_unix_nano: int) -> None:
        with self._lock:
            self._exports[outcome.error_type] += 1
            self._data_points[outcome.error_type] += outcome.data_points - outcome.rejected
            if outcome.rejected:
                self._data_points["rejected"] += outcome.rejected
            self._duration_seconds = duration_seconds
            if outcome.error_type is None:
                self._last_success_unix_nano = time_unix_nano

    def readings(self) -> Iterator[Reading]:
        with self._lock:
            exports, data_points = self._exports.copy(), self._data_points.copy()
            duration_seconds, last_success = self._duration_seconds, self._last_success_unix_nano
        for metric, counter in ((EXPORTS, exports), (DATA_POINTS, data_points)):
            for error_type, count in counter.items():
                yield Reading(metric, count, {**self._label, _ERROR: error_type} if error_type else self._label)
        if duration_seconds is not None:
            yield Reading(DURATION, duration_seconds, self._label)
        if last_success is not None:
            yield Reading(LAST_SUCCESS, last_success / 1e9, self._label)


class ExportersCollector:
    """What this program's own exporters have done, as readings like any other."""

    name = "exporters"
    group = Group.PROCESS
    metrics = (EXPORTS, DATA_POINTS, DURATION, LAST_SUCCESS)
    interval_seconds = FAST_SECONDS

    def __init__(self, *tallies: Tally) -> None:
        self._tallies = tallies

    def collect(self) -> list[Reading]:
        if not self._tallies:
            raise Unavailable("nothing is sent anywhere: `serve --otlp URL` or [otlp] endpoint names a receiver")
        return [reading for tally in self._tallies for reading in tally.readings()]
