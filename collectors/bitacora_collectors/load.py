"""Load averages: how many threads ran or waited, averaged over one, five and fifteen minutes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from .contract import FAST_SECONDS, Group, Host, Kind, Metric, Reading

# No semantic convention exists: these are the OpenTelemetry Collector's names.
LOAD_1M = Metric(
    "system.cpu.load_average.1m",
    Kind.GAUGE,
    "{thread}",
    "Average load over 1 minute, not divided by CPUs.",
    Group.SYSTEM,
)
LOAD_5M = Metric(
    "system.cpu.load_average.5m",
    Kind.GAUGE,
    "{thread}",
    "Average load over 5 minutes, not divided by CPUs.",
    Group.SYSTEM,
)
LOAD_15M = Metric(
    "system.cpu.load_average.15m",
    Kind.GAUGE,
    "{thread}",
    "Average load over 15 minutes, not divided by CPUs.",
    Group.SYSTEM,
)

# Digits only: float() would take "nan", "inf" and "1_0" as well.
_AVERAGES = re.compile(rb"\s*(\d{1,20}(?:\.\d{1,20})?)" + rb"\s+(\d{1,20}(?:\.\d{1,20})?)" * 2 + rb"(?:\s|$)")


class Averages(NamedTuple):
    """Threads that ran or waited for a CPU or the disk, averaged over minutes."""

    one: float
    five: float
    fifteen: float


class LoadCollector:
    name = "load"
    group = Group.SYSTEM
    metrics = (LOAD_1M, LOAD_5M, LOAD_15M)
    interval_seconds = FAST_SECONDS

    def __init__(self, host: Host) -> None:
        self._host = host
        # On Windows psutil makes the averages by itself, from when it is first asked: then they are all 0.
        self._is_begun = host.platform != "win32"

    def collect(self) -> Iterator[Reading]:
        if self._host.is_linux:
            return map(Reading, self.metrics, parse_load(self._host.read_bytes("/proc/loadavg")))
        averages = Averages(*self._host.psutil().getloadavg())
        is_begun, self._is_begun = self._is_begun, True
        return map(Reading, self.metrics, averages if is_begun else ())


def parse_load(content: bytes) -> Averages:
    """Return the 1, 5 and 15 minute averages, in threads, not divided by CPUs.

    Raises:
        ValueError: *content* isn't a line of /proc/loadavg.

    Source: /proc/loadavg, first three fields.
    """
    match = _AVERAGES.match(content)
    if match is None:
        raise ValueError(f"/proc/loadavg: expected three averages, got {content[:40]!r}")
    return Averages(*map(float, match.groups()))
