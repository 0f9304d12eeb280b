"""How long the system has been up; what it is (name, version, architecture) belongs to the Resource."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from .contract import FAST_SECONDS, Group, Host, Kind, Metric, Reading

UPTIME = Metric(
    "system.uptime", Kind.GAUGE, "s", "Time since the system was started, suspension included.", Group.SYSTEM
)

# Digits only: float() would take "nan", "inf" and "1_0" as well.
_UPTIME = re.compile(rb"\s*(\d{1,20}(?:\.\d{1,20})?)(?:\s|$)")


class OsInfoCollector:
    name = "os_info"
    group = Group.SYSTEM
    metrics = (UPTIME,)
    interval_seconds = FAST_SECONDS

    def __init__(self, host: Host, *, clock: Callable[[], float] = time.time) -> None:
        self._host = host
        self._clock = clock

    def collect(self) -> list[Reading]:
        if self._host.is_linux:
            seconds = parse_uptime(self._host.read_bytes("/proc/uptime"))
        else:
            seconds = max(0.0, self._clock() - self._host.psutil().boot_time())
        return [Reading(UPTIME, seconds)]


def parse_uptime(content: bytes) -> float:
    """Return the seconds since boot.

    Raises:
        ValueError: *content* isn't the line of /proc/uptime.

    Source: /proc/uptime, first field; the second is idle time summed over CPUs.
    """
    match = _UPTIME.match(content)
    if match is None:
        raise ValueError(f"/proc/uptime: expected seconds, got {content[:40]!r}")
    return float(match[1])
