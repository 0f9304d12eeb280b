"""Processors: where their time went, how fast they run, how many there are."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .contract import FAST_SECONDS, Attributes, Group, Host, Kind, Metric, Reading

_MODE = "cpu.mode"
_NUMBER = "cpu.logical_number"

TIME = Metric(
    "system.cpu.time", Kind.COUNTER, "s", "Processor time spent in each mode.", Group.HARDWARE, (_MODE, _NUMBER)
)
UTILIZATION = Metric(
    "system.cpu.utilization",
    Kind.GAUGE,
    "1",
    "Share of processor time spent in each mode since the last reading.",
    Group.HARDWARE,
    (_MODE, _NUMBER),
)
FREQUENCY = Metric(
    "system.cpu.frequency", Kind.GAUGE, "Hz", "Frequency that a processor runs at.", Group.HARDWARE, (_NUMBER,)
)
SPEED_LIMIT = Metric(
    "hw.cpu.speed.limit",
    Kind.GAUGE,
    "Hz",
    "Highest frequency that a processor can run at.",
    Group.HARDWARE,
    ("hw.id", "hw.limit_type"),
)
PHYSICAL_COUNT = Metric(
    "system.cpu.physical.count", Kind.UP_DOWN_COUNTER, "{cpu}", "Processor cores that are online.", Group.HARDWARE
)
LOGICAL_COUNT = Metric(
    "system.cpu.logical.count", Kind.UP_DOWN_COUNTER, "{cpu}", "Hardware threads that are online.", Group.HARDWARE
)

_ALL = -1
"""Stands for all CPUs together where a CPU's number is expected."""

_CPU_LINE = re.compile(rb"cpu(\d{0,5})((?: +\d{1,20}){8,})\s*")
_CPUINFO_LINE = re.compile(rb"^(processor|cpu MHz|physical id|core id)[ \t]*:[ \t]*([^\n]*)", re.MULTILINE)
_DECIMAL = re.compile(rb"\d{1,9}(?:\.\d{1,9})?")


Times = tuple[float, ...]


class CpuTimes(NamedTuple):
    """Ticks (USER_HZ) since boot in each mode; the fields are the values of `cpu.mode`."""

    user: int
    nice: int
    system: int
    idle: int
    iowait: int
    interrupt: int
    steal: int


class CpuStat(NamedTuple):
    """Times over all CPUs, those now offline included, and of each CPU that is online, by its number."""

    total: Times
    cores: Mapping[int, Times]
    modes: tuple[str, ...] = CpuTimes._fields
    """What the times are of, in their order."""


class CpuInfo(NamedTuple):
    """What /proc/cpuinfo says of one CPU; *core* is its socket and the core in it."""

    hertz: float | None
    core: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class _Topology:
    """What stays as it is until a CPU goes on- or offline."""

    online: tuple[int, ...] = ()
    unchanging: tuple[Reading, ...] = ()
    frequency_files: tuple[tuple[str, Attributes], ...] = ()
    numbers: Mapping[int, Attributes] = field(default_factory=dict)


class CpuCollector:
    """With *per_core*, times and utilization are of each CPU, else over all of them."""

    name = "cpu"
    group = Group.HARDWARE
    metrics = (TIME, UTILIZATION, FREQUENCY, SPEED_LIMIT, PHYSICAL_COUNT, LOGICAL_COUNT)
    interval_seconds = FAST_SECONDS

    def __init__(self, host: Host, *, per_core: bool = False) -> None:
        self._host = host
        self._per_core = per_core
        self._per_second = os.sysconf("SC_CLK_TCK") if host.is_linux else 1
        self._before: Mapping[int, Times] = {}
        self._modes: dict[int, tuple[Attributes, ...]] = {}
        self._topology = _Topology()

    def collect(self) -> list[Reading]:
        if self._host.is_linux:
            stat = parse_stat(self._host.read_bytes("/proc/stat"))
        else:
            stat = from_psutil(self._host.psutil(), self._host.platform)
        times = stat.cores if self._per_core else {_ALL: stat.total}
        before, self._before = self._before, times
        readings = list(self._time_readings(before, times, stat.modes))
        online = tuple(stat.cores)
        if online != self._topology.online:
            is_linux = self._host.is_linux
            self._topology = (
                _topology(self._host, online) if is_linux else _topology_of_psutil(self._host.psutil(), online)
            )
        readings += self._frequency_readings()
        readings += self._topology.unchanging
        return readings

    def _time_readings(
        self, before: Mapping[int, Times], times: Mapping[int, Times], names: tuple[str, ...]
    ) -> Iterator[Reading]:
        for number, now in times.items():
            modes = self._modes.get(number) or self._modes.setdefault(number, _modes(number, names))
            for amount, attributes in zip(now, modes, strict=True):
                yield Reading(TIME, amount / self._per_second, attributes)
            shares = mode_shares(before[number], now) if number in before else None
            if shares is not None:
                for share, attributes in zip(shares, modes, strict=True):
                    yield Reading(UTILIZATION, share, attributes)

    def _frequency_readings(self) -> Iterator[Reading]:
        topology = self._topology
        for path, attributes in topology.frequency_files:
            if (hertz := _read_hertz(self._host, path)) is not None:
                yield Reading(FREQUENCY, hertz, attributes)
        if topology.frequency_files or not topology.numbers:
            return
        for number, cpu in _read_cpuinfo(self._host).items():
            if cpu.hertz is not None and number in topology.numbers:
                yield Reading(FREQUENCY, cpu.hertz, topology.numbers[number])


def mode_shares(before: Times, after: Times) -> tuple[float, ...] | None:
    """Return the share of each mode in the time since *before*, 0 to 1, with a sum of 1; None if no time has passed.

    A mode that has decreased (the kernel corrects iowait and steal) counts as 0.
    """
    if sum(after) <= sum(before):
        return None
    passed = [max(0, now - then) for then, now in zip(before, after, strict=True)]
    total = sum(passed)
    return tuple(amount / total for amount in passed)


def from_psutil(psutil: Any, platform: str) -> CpuStat:
    """Return the times in seconds, in those modes that the system tells apart."""
    if platform == "win32":
        modes: tuple[str, ...] = ("user", "system", "idle", "interrupt")
        # What a processor did for interrupts, and for what they put off (DPC), is part of the kernel's time there.
        rows = [
            (one.user, max(0.0, one.system - one.interrupt - one.dpc), one.idle, one.interrupt + one.dpc)
            for one in (psutil.cpu_times(), *psutil.cpu_times(percpu=True))
        ]
    else:
        modes = ("user", "nice", "system", "idle")
        rows = [
            (one.user, one.nice, one.system, one.idle) for one in (psutil.cpu_times(), *psutil.cpu_times(percpu=True))
        ]
    return CpuStat(rows[0], dict(enumerate(rows[1:])), modes)


def parse_stat(content: bytes) -> CpuStat:
    """Return the CPU lines.

    guest and guest_nice are not read: user and nice contain them, so that adding them would count them twice.

    Raises:
        ValueError: a CPU line has too few numbers, or there is no line for all CPUs.

    Source: /proc/stat, in USER_HZ ticks; the lines of the CPUs come first.
    """
    lines: dict[bytes, CpuTimes] = {}
    for line in content[: content.find(b"\nintr ") + 1 or None].splitlines():
        if not line.startswith(b"cpu"):
            break
        match = _CPU_LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"/proc/stat: expected cpu and 8 numbers, got {line[:40]!r}")
        user, nice, system, idle, iowait, irq, softirq, steal = map(int, match[2].split()[:8])
        lines[match[1]] = CpuTimes(user, nice, system, idle, iowait, irq + softirq, steal)
    total = lines.pop(b"", None)
    if total is None:
        raise ValueError(f"/proc/stat: no line for all CPUs in {content[:40]!r}")
    return CpuStat(total, {int(number): times for number, times in lines.items()})


def parse_kilohertz(content: bytes, path: str) -> float | None:
    """Return the hertz in a file of cpufreq; None where the driver doesn't know them (`<unknown>`, or 0).

    Raises:
        ValueError: *content* is something else; *path* is for the message.

    Source: /sys/devices/system/cpu/cpu*/cpufreq/*_freq, in kHz.
    """
    text = content.strip()
    if text == b"<unknown>":
        return None
    if not text.isdigit() or len(text) > 12:
        raise ValueError(f"{path}: expected kHz, got {content[:40]!r}")
    return int(text) * 1000.0 or None


def parse_cpuinfo(content: bytes) -> dict[int, CpuInfo]:
    """Return the CPUs by number. ARM names neither frequency nor core, some architectures not even numbers: {}.

    Raises:
        ValueError: a number is none.

    Source: /proc/cpuinfo.
    """
    cpus: dict[int, dict[bytes, float]] = {}
    cpu: dict[bytes, float] = {}
    for key, value in _CPUINFO_LINE.findall(content):
        text = value.strip()
        if not (_DECIMAL.fullmatch(text) if key == b"cpu MHz" else text.isdigit() and len(text) < 10):
            raise ValueError(f"/proc/cpuinfo: {key.decode()} isn't a number: {value[:40]!r}")
        if key == b"processor":
            cpu = cpus.setdefault(int(text), {})
        else:
            cpu[key] = float(text)
    return {number: _cpu_info(lines) for number, lines in cpus.items()}


def _cpu_info(lines: dict[bytes, float]) -> CpuInfo:
    socket, core = lines.get(b"physical id"), lines.get(b"core id")
    known = socket is not None and core is not None
    return CpuInfo(
        hertz=lines.get(b"cpu MHz", 0) * 1e6 or None,
        core=(int(socket), int(core)) if known else None,  # type: ignore[arg-type]  # known says that they are
    )


def _modes(number: int, names: tuple[str, ...]) -> tuple[Attributes, ...]:
    if number == _ALL:
        return tuple({_MODE: mode} for mode in names)
    return tuple({_MODE: mode, _NUMBER: number} for mode in names)


def _topology(host: Host, online: tuple[int, ...]) -> _Topology:
    cpuinfo = _read_cpuinfo(host)
    numbers: dict[int, Attributes] = {number: {_NUMBER: number} for number in online}
    files = [(f"{_directory(number)}/cpufreq/scaling_cur_freq", attributes) for number, attributes in numbers.items()]
    unchanging = [*_speed_limits(host, online), Reading(LOGICAL_COUNT, len(online))]
    cores = _core_count(host, online, cpuinfo)
    if cores is not None:
        unchanging.append(Reading(PHYSICAL_COUNT, cores))
    return _Topology(
        online,
        tuple(unchanging),
        tuple((path, attributes) for path, attributes in files if host.read_optional(path) is not None),
        # Without a frequency in it, /proc/cpuinfo isn't read again: it is the most expensive file of this collector.
        {number: numbers[number] for number, cpu in cpuinfo.items() if cpu.hertz and number in numbers},
    )


def _topology_of_psutil(psutil: Any, online: tuple[int, ...]) -> _Topology:
    unchanging = [Reading(LOGICAL_COUNT, len(online))]
    if cores := psutil.cpu_count(logical=False):
        unchanging.append(Reading(PHYSICAL_COUNT, cores))
    try:
        # Its `current` is what the maker says as well, and not what a processor runs at now.
        frequency = psutil.cpu_freq()
    except (AttributeError, NotImplementedError, OSError, RuntimeError):  # some virtual machines have none
        frequency = None
    if frequency and frequency.max:
        unchanging.append(Reading(SPEED_LIMIT, frequency.max * 1e6, {"hw.id": "cpu", "hw.limit_type": "max"}))
    return _Topology(online, tuple(unchanging))


def _directory(number: int) -> str:
    return f"/sys/devices/system/cpu/cpu{number}"


def _speed_limits(host: Host, online: tuple[int, ...]) -> Iterator[Reading]:
    for number in online:
        hertz = _read_hertz(host, f"{_directory(number)}/cpufreq/cpuinfo_max_freq")
        if hertz is not None:
            yield Reading(SPEED_LIMIT, hertz, {"hw.id": f"cpu{number}", "hw.limit_type": "max"})


def _core_count(host: Host, online: tuple[int, ...], cpuinfo: dict[int, CpuInfo]) -> int | None:
    """Return how many cores the online CPUs are threads of; None where the kernel doesn't say."""
    for file in ("core_cpus_list", "thread_siblings_list"):  # the second is its name before Linux 5.3
        siblings = {host.read_optional(f"{_directory(number)}/topology/{file}") for number in online}
        if siblings and None not in siblings:
            return len(siblings)
    cores = {cpuinfo[number].core if number in cpuinfo else None for number in online}
    return len(cores) if cores and None not in cores else None


def _read_hertz(host: Host, path: str) -> float | None:
    content = host.read_optional(path)  # a CPU that is going offline answers EBUSY or ENODEV
    return None if content is None else parse_kilohertz(content, path)


def _read_cpuinfo(host: Host) -> dict[int, CpuInfo]:
    return parse_cpuinfo(host.read_optional("/proc/cpuinfo") or b"")
