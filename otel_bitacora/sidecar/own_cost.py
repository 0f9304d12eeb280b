"""What watching costs, as a collector: always of this process, whichever host is watched."""

from __future__ import annotations

import os
import resource
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from bitacora_collectors.contract import FAST_SECONDS, Group, Kind, Metric, Reading

CPU_TIME = Metric(
    "bitacora.sidecar.cpu.time",
    Kind.COUNTER,
    "s",
    "CPU seconds that the sidecar has used.",
    Group.PROCESS,
    ("cpu.mode",),
)
MEMORY = Metric("bitacora.sidecar.memory.usage", Kind.UP_DOWN_COUNTER, "By", "Resident memory.", Group.PROCESS)
THREADS = Metric("bitacora.sidecar.threads", Kind.UP_DOWN_COUNTER, "{thread}", "Threads of Python.", Group.PROCESS)
FILE_DESCRIPTORS = Metric(
    "bitacora.sidecar.file_descriptors", Kind.UP_DOWN_COUNTER, "{file_descriptor}", "Open files.", Group.PROCESS
)
UPTIME = Metric("bitacora.sidecar.uptime", Kind.GAUGE, "s", "Seconds since the sidecar started.", Group.PROCESS)

_USER = {"cpu.mode": "user"}
_SYSTEM = {"cpu.mode": "system"}


class SidecarCollector:
    name = "sidecar"
    group = Group.PROCESS
    metrics = (CPU_TIME, MEMORY, THREADS, FILE_DESCRIPTORS, UPTIME)
    interval_seconds = FAST_SECONDS

    def __init__(self) -> None:
        self._started = time.monotonic()

    def collect(self) -> Iterator[Reading]:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        yield Reading(CPU_TIME, usage.ru_utime, _USER)
        yield Reading(CPU_TIME, usage.ru_stime, _SYSTEM)
        yield Reading(THREADS, threading.active_count())
        yield Reading(UPTIME, time.monotonic() - self._started)
        try:
            resident_pages = int(Path("/proc/self/statm").read_bytes().split()[1])
            yield Reading(MEMORY, resident_pages * resource.getpagesize())
            yield Reading(FILE_DESCRIPTORS, len(os.listdir("/proc/self/fd")) - 1)  # noqa: PTH208 - names are enough
        except OSError:
            return  # no /proc here: what getrusage says is all there is
