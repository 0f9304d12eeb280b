"""What watching costs, as a collector: always of this process, whichever host is watched."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from mmap import PAGESIZE
from pathlib import Path

from bitacora_collectors.contract import FAST_SECONDS, Group, Host, Kind, Metric, Reading, Unavailable

if sys.platform != "win32":
    import resource

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

    def __init__(self, own: Host | None = None) -> None:
        self._own = own or Host()
        self._started = time.monotonic()

    def collect(self) -> Iterator[Reading]:
        user, system = _cpu_seconds()
        yield Reading(CPU_TIME, user, _USER)
        yield Reading(CPU_TIME, system, _SYSTEM)
        yield Reading(THREADS, threading.active_count())
        yield Reading(UPTIME, time.monotonic() - self._started)
        yield from _memory_and_files() if self._own.is_linux else _memory_and_files_of_psutil(self._own)


def _cpu_seconds() -> tuple[float, float]:
    if sys.platform == "win32":
        times = os.times()
        return times.user, times.system
    usage = resource.getrusage(resource.RUSAGE_SELF)  # in microseconds, where os.times() says hundredths of a second
    return usage.ru_utime, usage.ru_stime


def _memory_and_files() -> Iterator[Reading]:
    try:
        resident_pages = int(Path("/proc/self/statm").read_bytes().split()[1])
        yield Reading(MEMORY, resident_pages * PAGESIZE)
        # Linux 6.2 and newer say the number as the size; a thousand names, one for each process, cost a millisecond.
        count = os.stat("/proc/self/fd").st_size or len(os.listdir("/proc/self/fd")) - 1  # noqa: PTH116, PTH208
        yield Reading(FILE_DESCRIPTORS, count)
    except OSError:
        return  # /proc isn't mounted here


def _memory_and_files_of_psutil(own: Host) -> Iterator[Reading]:
    try:
        process = own.psutil().Process()
    except Unavailable:
        return
    yield Reading(MEMORY, process.memory_info().rss)
    if hasattr(process, "num_fds"):  # Windows has handles, which are something else
        yield Reading(FILE_DESCRIPTORS, process.num_fds())
