"""Memory and swap: who holds how much of it, how often pages move, and what has been promised to programs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from .contract import FAST_SECONDS, Attributes, Group, Host, Kind, Metric, Reading
from .escapes import unescape

_STATE = "system.memory.state"
_PAGING_STATE = "system.paging.state"
_DEVICE = "system.device"
_DIRECTION = "system.paging.direction"
_FAULT = "system.paging.fault.type"

USAGE = Metric("system.memory.usage", Kind.UP_DOWN_COUNTER, "By", "Memory in each state.", Group.HARDWARE, (_STATE,))
LIMIT = Metric("system.memory.limit", Kind.UP_DOWN_COUNTER, "By", "Memory that the kernel manages.", Group.HARDWARE)
UTILIZATION = Metric(
    "system.memory.utilization", Kind.GAUGE, "1", "Share of memory in each state.", Group.HARDWARE, (_STATE,)
)
AVAILABLE = Metric(
    "system.memory.linux.available",
    Kind.UP_DOWN_COUNTER,
    "By",
    "The kernel's estimate of what new programs can get without swapping.",
    Group.HARDWARE,
)
SHARED = Metric(
    "system.memory.linux.shared",
    Kind.UP_DOWN_COUNTER,
    "By",
    "Memory of tmpfs and shared segments; it is part of cached.",
    Group.HARDWARE,
)
PAGING_USAGE = Metric(
    "system.paging.usage",
    Kind.UP_DOWN_COUNTER,
    "By",
    "Swap space in each state.",
    Group.HARDWARE,
    (_DEVICE, _PAGING_STATE),
)
PAGING_UTILIZATION = Metric(
    "system.paging.utilization",
    Kind.GAUGE,
    "1",
    "Share of a swap device in each state.",
    Group.HARDWARE,
    (_DEVICE, _PAGING_STATE),
)
PAGING_OPERATIONS = Metric(
    "system.paging.operations",
    Kind.COUNTER,
    "{operation}",
    "Pages swapped in and out.",
    Group.HARDWARE,
    (_DIRECTION,),
)
PAGING_FAULTS = Metric(
    "system.paging.faults",
    Kind.COUNTER,
    "{fault}",
    "Page faults; a major one waited for a disk.",
    Group.HARDWARE,
    (_FAULT,),
)
COMMITTED = Metric(
    "bitacora.memory.committed",
    Kind.UP_DOWN_COUNTER,
    "By",
    "Virtual memory promised to programs (Committed_AS).",
    Group.HARDWARE,
)
COMMITTED_LIMIT = Metric(
    "bitacora.memory.committed.limit",
    Kind.UP_DOWN_COUNTER,
    "By",
    "What could be promised under strict overcommit (CommitLimit).",
    Group.HARDWARE,
)

_MEMINFO_LINE = re.compile(rb"([A-Za-z]\w*(?:\(\w+\))?): +(\d{1,20})( kB)?\s*")
_SWAP_LINE = re.compile(rb"(\S+)\s+\S+\s+(\d{1,20})\s+(\d{1,20})\s+-?\d{1,20}\s*")

_MEMORY_STATES: tuple[Attributes, ...] = tuple({_STATE: state} for state in ("used", "free", "buffers", "cached"))
_USED, _FREE, _, _CACHED = _MEMORY_STATES
_SWAP_USED: Attributes = {_PAGING_STATE: "used"}
_SWAP_FREE: Attributes = {_PAGING_STATE: "free"}
_IN: Attributes = {_DIRECTION: "in"}
_OUT: Attributes = {_DIRECTION: "out"}
_MAJOR: Attributes = {_FAULT: "major"}
_MINOR: Attributes = {_FAULT: "minor"}

# Readings of one line of /proc/meminfo each, left out by kernels that don't have the line (MemAvailable: 3.14).
_SINGLE_LINES = (
    (AVAILABLE, "MemAvailable"),
    (SHARED, "Shmem"),
    (COMMITTED, "Committed_AS"),
    (COMMITTED_LIMIT, "CommitLimit"),
)


class MemoryStates(NamedTuple):
    """Bytes in each state; they sum to the limit, always."""

    used: int
    free: int
    buffers: int
    cached: int


class Swap(NamedTuple):
    """One swap area, in bytes."""

    device: str
    size: int
    used: int


class MemoryCollector:
    name = "memory"
    group = Group.HARDWARE
    metrics = (
        USAGE,
        LIMIT,
        UTILIZATION,
        AVAILABLE,
        SHARED,
        PAGING_USAGE,
        PAGING_UTILIZATION,
        PAGING_OPERATIONS,
        PAGING_FAULTS,
        COMMITTED,
        COMMITTED_LIMIT,
    )
    interval_seconds = FAST_SECONDS

    def __init__(self, host: Host) -> None:
        self._host = host
        self._swap_states: dict[str, tuple[Attributes, Attributes]] = {}

    def collect(self) -> list[Reading]:
        if not self._host.is_linux:
            return list(_readings_of_psutil(self._host.psutil()))
        readings = list(_memory_readings(parse_meminfo(self._host.read_bytes("/proc/meminfo"))))
        if (swaps := self._host.read_optional("/proc/swaps")) is not None:
            readings += self._swap_readings(parse_swaps(swaps))
        if (vmstat := self._host.read_optional("/proc/vmstat")) is not None:
            readings += _paging_readings(parse_vmstat(vmstat))
        return readings

    def _swap_readings(self, swaps: list[Swap]) -> Iterator[Reading]:
        known = self._swap_states
        self._swap_states = {swap.device: known.get(swap.device) or _swap_states(swap.device) for swap in swaps}
        for swap in swaps:
            used, free = self._swap_states[swap.device]
            yield Reading(PAGING_USAGE, swap.used, used)
            yield Reading(PAGING_USAGE, swap.size - swap.used, free)
            if swap.size:
                yield Reading(PAGING_UTILIZATION, swap.used / swap.size, used)
                yield Reading(PAGING_UTILIZATION, (swap.size - swap.used) / swap.size, free)


def _swap_states(device: str) -> tuple[Attributes, Attributes]:
    return {_DEVICE: device, _PAGING_STATE: "used"}, {_DEVICE: device, _PAGING_STATE: "free"}


def _memory_readings(meminfo: dict[str, int]) -> Iterator[Reading]:
    limit = meminfo["MemTotal"]
    yield Reading(LIMIT, limit)
    for amount, attributes in zip(memory_states(meminfo), _MEMORY_STATES, strict=True):
        yield Reading(USAGE, amount, attributes)
        if limit:
            yield Reading(UTILIZATION, amount / limit, attributes)
    for metric, line in _SINGLE_LINES:
        if (amount_or_none := meminfo.get(line)) is not None:
            yield Reading(metric, amount_or_none)


def _paging_readings(vmstat: dict[str, int]) -> Iterator[Reading]:
    if (pages := vmstat.get("pswpin")) is not None:
        yield Reading(PAGING_OPERATIONS, pages, _IN)
    if (pages := vmstat.get("pswpout")) is not None:
        yield Reading(PAGING_OPERATIONS, pages, _OUT)
    faults, major = vmstat.get("pgfault"), vmstat.get("pgmajfault")
    if faults is not None and major is not None:
        # pgfault counts major ones too; both are summed over CPUs while they move, so the rest is kept from below 0.
        yield Reading(PAGING_FAULTS, max(0, faults - major), _MINOR)
        yield Reading(PAGING_FAULTS, major, _MAJOR)


def _readings_of_psutil(psutil: Any) -> Iterator[Reading]:
    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    yield Reading(LIMIT, memory.total)
    states = [(memory.total - memory.available, _USED), (memory.free, _FREE)]
    if memory.available != memory.free:
        # What could be given to others at once and isn't free holds files (macOS: inactive and speculative pages).
        states.append((memory.available - memory.free, _CACHED))
    for amount, attributes in states:
        yield Reading(USAGE, amount, attributes)
        yield Reading(UTILIZATION, amount / memory.total, attributes)
    if swap.total:
        # Not its `sin` and `sout`: on macOS they count the reading of programs too, on Windows nothing.
        for amount, attributes in ((swap.used, _SWAP_USED), (swap.total - swap.used, _SWAP_FREE)):
            yield Reading(PAGING_USAGE, amount, attributes)
            yield Reading(PAGING_UTILIZATION, amount / swap.total, attributes)


def memory_states(meminfo: dict[str, int]) -> MemoryStates:
    """Return the states, which sum to MemTotal exactly.

    The kernel doesn't read its counters at one moment, and in some virtual machines they exceed the total:
    then used is 0, and cached, buffers and free give way in this order.
    """
    limit = meminfo["MemTotal"]
    free = min(meminfo["MemFree"], limit)
    buffers = min(meminfo["Buffers"], limit - free)
    cached = min(meminfo["Cached"] + meminfo.get("SReclaimable", 0), limit - free - buffers)
    return MemoryStates(limit - free - buffers - cached, free, buffers, cached)


def parse_meminfo(content: bytes) -> dict[str, int]:
    """Return the lines by name, in bytes (in pages or pieces where the kernel gives no unit).

    Raises:
        ValueError: a line isn't `Name: number [kB]`, or one of those that every kernel has is missing.

    Source: /proc/meminfo.
    """
    lines: dict[str, int] = {}
    for line in content.splitlines():
        match = _MEMINFO_LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"/proc/meminfo: expected a name and a number, got {line[:40]!r}")
        name, number, unit = match.groups()
        lines[name.decode()] = int(number) * 1024 if unit else int(number)
    for name in ("MemTotal", "MemFree", "Buffers", "Cached"):
        if name not in lines:
            raise ValueError(f"/proc/meminfo: no {name} in {content[:40]!r}")
    return lines


def parse_swaps(content: bytes) -> list[Swap]:
    """Return the swap areas; none without swap. *used* is never more than *size*.

    Raises:
        ValueError: a line isn't one of /proc/swaps.

    Source: /proc/swaps: a heading, then name (blanks as octal escapes), type, size and used in KiB, priority.
    """
    swaps = []
    for line in content.splitlines()[1:]:
        match = _SWAP_LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"/proc/swaps: expected name, type, size, used and priority, got {line[:40]!r}")
        size = int(match[2]) * 1024
        swaps.append(Swap(unescape(match[1]).decode("utf-8", "replace"), size, min(size, int(match[3]) * 1024)))
    return swaps


def parse_vmstat(content: bytes) -> dict[str, int]:
    """Return pswpin, pswpout, pgfault and pgmajfault, those that the kernel counts.

    Raises:
        ValueError: one of them is not followed by a number.

    Source: /proc/vmstat, in pages and faults since boot. It has 150 lines and more: only these four are looked at.
    """
    content = b"\n" + content
    lines = {}
    for name in ("pswpin", "pswpout", "pgfault", "pgmajfault"):
        start = content.find(f"\n{name} ".encode())
        if start < 0:
            continue
        line = content[start + 1 : start + 64].split(b"\n", 1)[0]
        number = line[len(name) + 1 :]
        if not number.isdigit() or len(number) > 20:
            raise ValueError(f"/proc/vmstat: expected a number, got {line[:40]!r}")
        lines[name] = int(number)
    return lines
