"""One process as of one moment, its metrics, and how its numbers become readings."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from mmap import PAGESIZE
from typing import NamedTuple

from bitacora_collectors.contract import Attributes, AttributeValue, Group, Kind, Metric, Reading

from .parsing import Stat

EXECUTABLE_NAME = "process.executable.name"
PID = "process.pid"
SLOT = "bitacora.process.slot"
_MODE = "cpu.mode"
_DIRECTION = "disk.io.direction"
_SWITCH = "process.context_switch.type"
_FAULT = "system.paging.fault.type"
_KEYS = (EXECUTABLE_NAME, PID, SLOT)


def _metric(name: str, kind: Kind, unit: str, description: str, *attributes: str) -> Metric:
    return Metric(name, kind, unit, description, Group.PROCESS, (*attributes, *_KEYS))


CPU_TIME = _metric("process.cpu.time", Kind.COUNTER, "s", "Processor time spent.", _MODE)
CPU_UTILIZATION = _metric(
    "process.cpu.utilization",
    Kind.GAUGE,
    "1",
    "Share of the processors available to it that it used since the last reading.",
    _MODE,
)
MEMORY_USAGE = _metric("process.memory.usage", Kind.UP_DOWN_COUNTER, "By", "Resident memory, shared pages included.")
MEMORY_VIRTUAL = _metric("process.memory.virtual", Kind.UP_DOWN_COUNTER, "By", "Address space.")
THREADS = _metric("process.thread.count", Kind.UP_DOWN_COUNTER, "{thread}", "Threads.")
OPEN_FILES = _metric(
    "process.unix.file_descriptor.count", Kind.UP_DOWN_COUNTER, "{file_descriptor}", "Open file descriptors."
)
DISK_IO = _metric("process.disk.io", Kind.COUNTER, "By", "Bytes read from and written to storage.", _DIRECTION)
CONTEXT_SWITCHES = _metric(
    "process.context_switches", Kind.COUNTER, "{context_switch}", "Context switches of first threads.", _SWITCH
)
PAGING_FAULTS = _metric("process.paging.faults", Kind.COUNTER, "{fault}", "Page faults.", _FAULT)
UPTIME = _metric("process.uptime", Kind.GAUGE, "s", "Time since a process was started.")

PROCESS_METRICS = (
    *(CPU_TIME, CPU_UTILIZATION, MEMORY_USAGE, MEMORY_VIRTUAL, THREADS, OPEN_FILES, DISK_IO, CONTEXT_SWITCHES),
    *(PAGING_FAULTS, UPTIME),
)

# Windows has neither, and nothing to divide.
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_LAST_SECOND = datetime.max.replace(tzinfo=UTC, microsecond=0).timestamp()


class Program(NamedTuple):
    """What runs in a process; it changes with execve."""

    executable_name: str
    """The base name of the executable; where that is hidden from this user, the command or the first argument."""
    executable_path: str | None
    first_argument: str
    """The base name of the first argument; empty where there is none."""
    command_line: str | None = None


class Details(NamedTuple):
    """What costs more to read, and is read less often; None for what this user may not see, or nobody says."""

    uid: int | None = None
    available_cpus: int | None = None
    voluntary_switches: int | None = None
    involuntary_switches: int | None = None
    read_bytes: int | None = None
    written_bytes: int | None = None
    open_files: int | None = None


class Labels(NamedTuple):
    """The attribute mappings of one series key, built once."""

    plain: Attributes
    user: Attributes
    system: Attributes
    minor: Attributes
    major: Attributes
    read: Attributes
    write: Attributes
    voluntary: Attributes
    involuntary: Attributes


def labels(key: Mapping[str, AttributeValue]) -> Labels:
    """Return the attributes of every reading of the series *key*."""
    return Labels(
        plain=dict(key),
        user={_MODE: "user", **key},
        system={_MODE: "system", **key},
        minor={_FAULT: "minor", **key},
        major={_FAULT: "major", **key},
        read={_DIRECTION: "read", **key},
        write={_DIRECTION: "write", **key},
        voluntary={_SWITCH: "voluntary", **key},
        involuntary={_SWITCH: "involuntary", **key},
    )


_NO_KEY = labels({})


class Facts(NamedTuple):
    """What is known of a process; the same object as long as nothing in it changes."""

    stat: Stat
    program: Program
    details: Details
    owner: str | None
    created_unix_seconds: float
    shares: tuple[float, float] | None = None
    """User and system time since the last reading, as shares of the CPUs available to it; None on the first."""

    @property
    def memory_bytes(self) -> int:
        return self.stat.resident_pages * PAGESIZE

    @property
    def cpu_seconds(self) -> tuple[float, float]:
        """User and system time."""
        return self.stat.user_ticks / TICKS_PER_SECOND, self.stat.system_ticks / TICKS_PER_SECOND

    def gauges(self, label: Labels) -> Iterator[Reading]:
        """Yield what goes up and down."""
        if self.shares is not None:
            yield Reading(CPU_UTILIZATION, self.shares[0], label.user)
            yield Reading(CPU_UTILIZATION, self.shares[1], label.system)
        yield Reading(MEMORY_USAGE, self.memory_bytes, label.plain)
        yield Reading(MEMORY_VIRTUAL, self.stat.virtual_bytes, label.plain)
        yield Reading(THREADS, self.stat.threads, label.plain)
        if self.details.open_files is not None:
            yield Reading(OPEN_FILES, self.details.open_files, label.plain)

    def counters(self, label: Labels) -> Iterator[Reading]:
        """Yield what only grows, as long as the process lives."""
        user, system = self.cpu_seconds
        yield Reading(CPU_TIME, user, label.user)
        yield Reading(CPU_TIME, system, label.system)
        if self.stat.minor_faults is not None and self.stat.major_faults is not None:
            yield Reading(PAGING_FAULTS, self.stat.minor_faults, label.minor)
            yield Reading(PAGING_FAULTS, self.stat.major_faults, label.major)
        details = self.details
        if details.read_bytes is not None and details.written_bytes is not None:
            yield Reading(DISK_IO, details.read_bytes, label.read)
            yield Reading(DISK_IO, details.written_bytes, label.write)
        if details.voluntary_switches is not None and details.involuntary_switches is not None:
            yield Reading(CONTEXT_SWITCHES, details.voluntary_switches, label.voluntary)
            yield Reading(CONTEXT_SWITCHES, details.involuntary_switches, label.involuntary)


class Process(NamedTuple):
    """A process as an `Entity`: what is known of it, and how long the host had been up when it was seen."""

    facts: Facts
    host_uptime_seconds: float

    @property
    def uptime_seconds(self) -> float:
        return max(0.0, self.host_uptime_seconds - self.facts.stat.start_ticks / TICKS_PER_SECOND)

    @property
    def created(self) -> datetime:
        """When it was started, to the hundredth of a second: with the pid, its identity."""
        return datetime.fromtimestamp(min(round(self.facts.created_unix_seconds, 2), _LAST_SECOND), UTC)

    @property
    def attributes(self) -> Attributes:
        stat, program = self.facts.stat, self.facts.program
        attributes: dict[str, AttributeValue] = {
            PID: stat.pid,
            "process.creation.time": self.created.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "process.parent_pid": stat.parent_pid,
            EXECUTABLE_NAME: program.executable_name,
        }
        optional = {
            "process.executable.path": program.executable_path,
            "process.owner": self.facts.owner,
            "process.command_line": program.command_line,
        }
        return attributes | {key: value for key, value in optional.items() if value is not None}

    def gauges(self, label: Labels) -> Iterator[Reading]:
        """Yield what goes up and down, and its age."""
        yield from self.facts.gauges(label)
        yield Reading(UPTIME, self.uptime_seconds, label.plain)

    def readings(self) -> Iterator[Reading]:
        yield from self.facts.counters(_NO_KEY)
        yield from self.gauges(_NO_KEY)
