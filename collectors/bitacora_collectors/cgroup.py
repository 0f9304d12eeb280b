"""Control groups: what this program's own, and those that are named, use and may use of CPU, memory, I/O and tasks."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from .cgroup_files import (
    MICROSECONDS,
    NANOSECONDS,
    UNIFIED,
    Mount,
    cpu_limit,
    parse_blkio,
    parse_bytes,
    parse_cgroup_mounts,
    parse_cgroups,
    parse_count,
    parse_cpu_max,
    parse_device_name,
    parse_io_stat,
    parse_named_numbers,
    parse_partitions,
)
from .contract import FAST_SECONDS, Attributes, Group, Host, Kind, Metric, Reading, Unavailable

_NAME = "bitacora.cgroup.name"
_MODE = "cpu.mode"
_DEVICE = "system.device"
_DIRECTION = "disk.io.direction"


def _metric(name: str, kind: Kind, unit: str, description: str, *attributes: str) -> Metric:
    return Metric(f"bitacora.cgroup.{name}", kind, unit, description, Group.SYSTEM, (_NAME, *attributes))


CPU_TIME = _metric("cpu.time", Kind.COUNTER, "s", "CPU time that the control group has used.", _MODE)
CPU_LIMIT = _metric("cpu.limit", Kind.UP_DOWN_COUNTER, "{cpu}", "CPUs that the control group may use at a time.")
CPU_PERIODS = _metric("cpu.periods", Kind.COUNTER, "{period}", "Periods in which the limit of CPUs was watched.")
THROTTLED_PERIODS = _metric(
    "cpu.throttled.periods", Kind.COUNTER, "{period}", "Periods in which the limit was reached."
)
THROTTLED_TIME = _metric("cpu.throttled.time", Kind.COUNTER, "s", "Time in which tasks were held back by the limit.")
MEMORY_USAGE = _metric("memory.usage", Kind.UP_DOWN_COUNTER, "By", "Memory of the control group, its cache included.")
MEMORY_LIMIT = _metric("memory.limit", Kind.UP_DOWN_COUNTER, "By", "Memory that the control group may have.")
MEMORY_PEAK = _metric("memory.peak", Kind.GAUGE, "By", "The most memory that the control group has had.")
OOM_KILLS = _metric(
    "memory.oom_kills", Kind.COUNTER, "{process}", "Processes killed because the control group was out of memory."
)
DISK_IO = _metric("disk.io", Kind.COUNTER, "By", "Bytes read and written by the control group.", _DEVICE, _DIRECTION)
DISK_OPERATIONS = _metric(
    "disk.operations", Kind.COUNTER, "{operation}", "Reads and writes of the control group.", _DEVICE, _DIRECTION
)
PIDS_USAGE = _metric("pids.usage", Kind.UP_DOWN_COUNTER, "{thread}", "Threads in the control group.")
PIDS_LIMIT = _metric("pids.limit", Kind.UP_DOWN_COUNTER, "{thread}", "Threads that the control group may have.")


class _Directions(NamedTuple):
    read: Attributes
    write: Attributes


class _Cgroup:
    """One group in one hierarchy: its files, and the attributes of its readings."""

    def __init__(self, host: Host, directory: str, name: str, device_name: Callable[[str], str]) -> None:
        self._host = host
        self._directory = directory
        self._device_name = device_name
        self._devices: dict[str, _Directions] = {}
        self.plain: Attributes = {_NAME: name}
        self.user: Attributes = {_NAME: name, _MODE: "user"}
        self.system: Attributes = {_NAME: name, _MODE: "system"}

    def read(self, file: str) -> bytes | None:
        """Return the content of one of the group's files; None without it, or when the group is just removed."""
        return self._host.read_optional(f"{self._directory}/{file}")

    def number(self, file: str, parse: Callable[[bytes, str], int | None] = parse_count) -> int | None:
        content = self.read(file)
        return None if content is None else parse(content, f"{self._directory}/{file}")

    def numbers(self, file: str) -> Mapping[str, int]:
        content = self.read(file)
        return {} if content is None else parse_named_numbers(content, f"{self._directory}/{file}")

    def directions(self, device: str) -> _Directions:
        """Return the attributes of the device with the number *device*."""
        if device not in self._devices:
            plain = {**self.plain, _DEVICE: self._device_name(device)}
            self._devices[device] = _Directions({**plain, _DIRECTION: "read"}, {**plain, _DIRECTION: "write"})
        return self._devices[device]


class CgroupCollector:
    """Reads the group that it is in (of another root, that of its first process), and those of *names*.

    A name is a path below the root of the hierarchy, such as `system.slice/docker.service`.
    """

    name = "cgroup"
    group = Group.SYSTEM
    metrics = (
        CPU_TIME,
        CPU_LIMIT,
        CPU_PERIODS,
        THROTTLED_PERIODS,
        THROTTLED_TIME,
        MEMORY_USAGE,
        MEMORY_LIMIT,
        MEMORY_PEAK,
        OOM_KILLS,
        DISK_IO,
        DISK_OPERATIONS,
        PIDS_USAGE,
        PIDS_LIMIT,
    )
    interval_seconds = FAST_SECONDS

    def __init__(self, host: Host, *, names: tuple[str, ...] = ()) -> None:
        self._host = host
        self._process = "/proc/self" if host.is_own else "/proc/1"
        self._names = tuple(f"/{name.strip('/')}" for name in names)
        self._mounts: dict[str, Mount] = {}
        self._groups: dict[tuple[str, str], _Cgroup] = {}
        self._device_names: dict[str, str] = {}

    def collect(self) -> list[Reading]:
        own = parse_cgroups(self._host.read_bytes(f"{self._process}/cgroup"))
        if not self._mounts:
            self._mounts = parse_cgroup_mounts(self._host.read_bytes(f"{self._process}/mountinfo"))
        named = [dict.fromkeys(self._mounts, name) for name in self._names]
        found: dict[tuple[str, str], _Cgroup] = {}
        readings: list[Reading] = []
        done = set()
        for paths in (own, *named):
            for subject, controller, (directory, name) in self._places(paths):
                if (subject, name) in done:
                    continue
                done.add((subject, name))
                key = directory, name
                group = found.get(key) or self._groups.get(key) or _Cgroup(self._host, *key, self._device_name)
                found[key] = group
                readings += subject.version_2(group) if controller == UNIFIED else subject.version_1(group)
        self._groups = found
        if not readings:
            self._mounts = {}  # they hardly ever change, so that they are read again only here
            raise Unavailable("no control group can be read: none is mounted, or none of those that are wanted exists")
        return readings

    def _places(self, paths: Mapping[str, str]) -> Iterator[tuple[_Subject, str, tuple[str, str]]]:
        """Yield for each subject its controller, and directory and name of the group that *paths* says for it."""
        for subject in _SUBJECTS:
            # A controller is in one hierarchy only; where both versions are mounted, version 2 has the rest.
            controller = subject.controller if subject.controller in self._mounts else UNIFIED
            if controller in self._mounts and controller in paths:
                directory = self._mounts[controller].directory(paths[controller])
                if directory is not None:
                    yield subject, controller, (directory, paths[controller])

    def _device_name(self, number: str) -> str:
        """Return what the device with *number* is called, or the number itself."""
        if number not in self._device_names:
            uevent = self._host.read_optional(f"/sys/dev/block/{number}/uevent")
            name = parse_device_name(uevent) if uevent is not None else None
            if uevent is None and (partitions := self._host.read_optional("/proc/partitions")) is not None:
                name = parse_partitions(partitions).get(number)
            self._device_names[number] = name or number
        return self._device_names[number]


def _cpu_time_1(group: _Cgroup) -> Iterator[Reading]:
    user, system = group.number("cpuacct.usage_user"), group.number("cpuacct.usage_sys")
    per_second = NANOSECONDS
    if user is None or system is None:  # before Linux 4.7
        ticks, per_second = group.numbers("cpuacct.stat"), os.sysconf("SC_CLK_TCK")
        user, system = ticks.get("user"), ticks.get("system")
    if user is not None and system is not None:
        yield Reading(CPU_TIME, user / per_second, group.user)
        yield Reading(CPU_TIME, system / per_second, group.system)


def _cpu_time_2(group: _Cgroup) -> Iterator[Reading]:
    stat = group.numbers("cpu.stat")
    if "user_usec" in stat and "system_usec" in stat:
        yield Reading(CPU_TIME, stat["user_usec"] / MICROSECONDS, group.user)
        yield Reading(CPU_TIME, stat["system_usec"] / MICROSECONDS, group.system)


def _throttling_1(group: _Cgroup) -> Iterator[Reading]:
    yield from _throttling(group, "throttled_time", NANOSECONDS)
    limit = cpu_limit(group.number("cpu.cfs_quota_us"), group.number("cpu.cfs_period_us"))
    if limit is not None:
        yield Reading(CPU_LIMIT, limit, group.plain)


def _throttling_2(group: _Cgroup) -> Iterator[Reading]:
    yield from _throttling(group, "throttled_usec", MICROSECONDS)
    content = group.read("cpu.max")
    if content is not None and (limit := parse_cpu_max(content)) is not None:
        yield Reading(CPU_LIMIT, limit, group.plain)


def _throttling(group: _Cgroup, time: str, per_second: float) -> Iterator[Reading]:
    stat = group.numbers("cpu.stat")
    if "nr_periods" in stat and "nr_throttled" in stat:
        yield Reading(CPU_PERIODS, stat["nr_periods"], group.plain)
        yield Reading(THROTTLED_PERIODS, stat["nr_throttled"], group.plain)
    if time in stat:
        yield Reading(THROTTLED_TIME, stat[time] / per_second, group.plain)


def _memory_1(group: _Cgroup) -> Iterator[Reading]:
    files = ("memory.usage_in_bytes", "memory.limit_in_bytes", "memory.max_usage_in_bytes")
    yield from _memory(group, files, "memory.oom_control")


def _memory_2(group: _Cgroup) -> Iterator[Reading]:
    yield from _memory(group, ("memory.current", "memory.max", "memory.peak"), "memory.events")


def _memory(group: _Cgroup, files: tuple[str, str, str], events: str) -> Iterator[Reading]:
    for metric, file in zip((MEMORY_USAGE, MEMORY_LIMIT, MEMORY_PEAK), files, strict=True):
        if (count := group.number(file, parse_bytes)) is not None:
            yield Reading(metric, count, group.plain)
    if (kills := group.numbers(events).get("oom_kill")) is not None:
        yield Reading(OOM_KILLS, kills, group.plain)


def _disk_1(group: _Cgroup) -> Iterator[Reading]:
    for metric, file in ((DISK_IO, "io_service_bytes"), (DISK_OPERATIONS, "io_serviced")):
        # With _recursive (since Linux 4.2) what the groups below have done is in it, as in all other counters.
        names = (f"blkio.throttle.{file}_recursive", f"blkio.throttle.{file}")
        content, name = next(
            ((content, name) for name in names if (content := group.read(name)) is not None), (b"", "")
        )
        for device, count in parse_blkio(content, f"/{name}").items():
            yield from _directed(metric, count.read, count.written, group.directions(device))


def _disk_2(group: _Cgroup) -> Iterator[Reading]:
    for device, (transferred, operations) in parse_io_stat(group.read("io.stat") or b"").items():
        yield from _directed(DISK_IO, *transferred, group.directions(device))
        yield from _directed(DISK_OPERATIONS, *operations, group.directions(device))


def _directed(metric: Metric, read: int, written: int, directions: _Directions) -> Iterator[Reading]:
    yield Reading(metric, read, directions.read)
    yield Reading(metric, written, directions.write)


def _pids(group: _Cgroup) -> Iterator[Reading]:
    for metric, file in ((PIDS_USAGE, "pids.current"), (PIDS_LIMIT, "pids.max")):
        if (count := group.number(file)) is not None:
            yield Reading(metric, count, group.plain)


class _Subject(NamedTuple):
    """What one controller of version 1 tells, and how each version tells it."""

    controller: str
    version_1: Callable[[_Cgroup], Iterator[Reading]]
    version_2: Callable[[_Cgroup], Iterator[Reading]]


_SUBJECTS = (
    _Subject("cpuacct", _cpu_time_1, _cpu_time_2),
    _Subject("cpu", _throttling_1, _throttling_2),
    _Subject("memory", _memory_1, _memory_2),
    _Subject("blkio", _disk_1, _disk_2),
    _Subject("pids", _pids, _pids),
)
