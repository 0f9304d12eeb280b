"""The processes of the host: what each of them uses, and for Prometheus their sums by executable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import repeat

from .contract import FAST_SECONDS, Attributes, Group, Host, Reading, Unavailable
from .process_table import (
    EXECUTABLE_NAME,
    GROUP_SIZE,
    PID,
    PROCESS_METRICS,
    SLOT,
    UPTIME,
    Facts,
    Groups,
    Labels,
    PortableTable,
    Process,
    ProcessTable,
    labels,
    table_of,
)

MODES = ("off", "groups", "top", "all")
"""What becomes of processes in Prometheus: nothing, their sums by executable, the busiest ones, or each of them."""
MODE = "groups"
MAX_GROUPS = 500
TOP = 10


class ProcessesCollector:
    """Every process is an entity; *metrics* says which readings there are beside them.

    `groups`: sums by executable, at most *max_groups* of them. `top`: the *top* processes that have used the
    processors most since the last reading, by executable and a number among those of the same one; only what goes up
    and down, as a slot's process changes. `all`: one series per process, with its pid.
    """

    name = "processes"
    group = Group.PROCESS
    metrics = (*PROCESS_METRICS, GROUP_SIZE)
    interval_seconds = FAST_SECONDS

    def __init__(
        self,
        host: Host,
        *,
        metrics: str = MODE,
        top: int = TOP,
        max_groups: int = MAX_GROUPS,
        command_lines: bool = False,
        max_descriptors: int | None = None,
        table: ProcessTable | PortableTable | None = None,
    ) -> None:
        if metrics not in MODES:
            raise ValueError(f"metrics must be one of {', '.join(MODES)}, not {metrics!r}")
        self._mode = metrics
        self._top = top
        self._groups = Groups(max_groups)
        self._table = table or table_of(host)
        self._table.keep_command_lines = command_lines
        if max_descriptors is not None:
            self._table.keep_descriptors(max_descriptors)
        if metrics in ("groups", "all"):
            self._table.publishers.add(self)
        self._sequence = 0
        self._processes: list[Process] = []
        self._slots: dict[tuple[str, int], Labels] = {}
        self._series: dict[str, _Series] = {}

    def collect(self) -> list[Reading]:
        self._sequence, uptime_seconds, found = self._table.read(self._sequence)
        if not found:
            raise Unavailable("there are no processes that this user may see")
        self._processes = list(map(Process, found.values(), repeat(uptime_seconds)))
        if self._mode == "groups":
            self._groups.follow(found)
            return self._groups.readings()
        if self._mode == "top":
            return list(self._top_readings())
        return self._all_readings(found) if self._mode == "all" else []

    def entities(self) -> list[Process]:
        return self._processes

    def close(self) -> None:
        self._table.publishers.discard(self)
        self._table.close()

    def _top_readings(self) -> Iterator[Reading]:
        counts: dict[str, int] = {}
        for process in sorted(self._processes, key=_busyness, reverse=True)[: self._top]:
            name = process.facts.program.executable_name
            counts[name] = slot = counts.get(name, 0) + 1
            label = self._slots.get((name, slot))
            if label is None:
                if len(self._slots) > 50 * self._top:  # of executables that were busy once
                    self._slots.clear()
                label = self._slots[name, slot] = labels({EXECUTABLE_NAME: name, SLOT: slot})
            yield from process.gauges(label)

    def _all_readings(self, found: Mapping[str, Facts]) -> list[Reading]:
        readings: list[Reading] = []
        for name in self._series.keys() - found.keys():
            del self._series[name]
        for process, (name, facts) in zip(self._processes, found.items(), strict=True):
            series = self._series.get(name)
            if series is None or not series.is_of(facts):
                series = self._series[name] = _Series(facts)
            readings += series.readings(facts)
            readings.append(Reading(UPTIME, process.uptime_seconds, series.plain))
        return readings


class _Series:
    """The series of one process, whose readings are made when something in them has changed."""

    __slots__ = ("_facts", "_labels", "_readings")

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._labels = labels({EXECUTABLE_NAME: facts.program.executable_name, PID: facts.stat.pid})
        self._readings: tuple[Reading, ...] = ()

    @property
    def plain(self) -> Attributes:
        return self._labels.plain

    def is_of(self, facts: Facts) -> bool:
        # Its number is another's now and then: a series of the same labels all the same.
        return facts.program.executable_name == self._facts.program.executable_name

    def readings(self, facts: Facts) -> tuple[Reading, ...]:
        if facts is not self._facts or not self._readings:
            self._facts = facts
            self._readings = (*facts.counters(self._labels), *facts.gauges(self._labels))
        return self._readings


def _busyness(process: Process) -> tuple[float, float]:
    facts = process.facts
    return sum(facts.shares or ()), sum(facts.cpu_seconds)
