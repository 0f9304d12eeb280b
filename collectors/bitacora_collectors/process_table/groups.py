"""Processes added up by executable name, in counters that don't fall when a process ends."""

from __future__ import annotations

from collections.abc import Mapping

from bitacora_collectors.contract import Group, Kind, Metric, Reading

from .process import (
    CONTEXT_SWITCHES,
    CPU_TIME,
    DISK_IO,
    EXECUTABLE_NAME,
    MEMORY_USAGE,
    MEMORY_VIRTUAL,
    OPEN_FILES,
    PAGING_FAULTS,
    THREADS,
    TICKS_PER_SECOND,
    Facts,
    labels,
)

GROUP_SIZE = Metric(
    "bitacora.process.group.size",
    Kind.UP_DOWN_COUNTER,
    "{process}",
    "Processes that are added up in a group.",
    Group.PROCESS,
    (EXECUTABLE_NAME,),
)
OTHER = "other"
"""The group of the processes for whose executables there is none."""

Amounts = tuple[int | None, ...]


def _counters(facts: Facts) -> Amounts:
    stat, details = facts.stat, facts.details
    return (
        *(stat.user_ticks, stat.system_ticks, stat.minor_faults, stat.major_faults),
        *(details.read_bytes, details.written_bytes, details.voluntary_switches, details.involuntary_switches),
    )


def _gauges(facts: Facts) -> Amounts:
    return facts.memory_bytes, facts.stat.virtual_bytes, facts.stat.threads, facts.details.open_files


class _Group:
    """The sums of one executable; None for what is known of none of its processes."""

    __slots__ = ("_counters", "_gauges", "_known_files", "_labels", "_readings", "size")

    def __init__(self, name: str) -> None:
        self.size = 0
        self._labels = labels({EXECUTABLE_NAME: name})
        self._counters: list[int | None] = [0, 0, 0, 0, None, None, None, None]
        self._gauges = [0, 0, 0, 0]
        self._known_files = 0
        self._readings: tuple[Reading, ...] | None = None

    def count(self, now: Facts, before: Facts | None) -> None:
        """Add what the counters of a process have grown by."""
        self._readings = None
        grown = _counters(now) if before is None else map(_growth, _counters(now), _counters(before))
        self._counters = [
            old if more is None else more + (old or 0) for old, more in zip(self._counters, grown, strict=True)
        ]

    def weigh(self, facts: Facts, sign: int) -> None:
        """Add a process to what goes up and down, or take it away."""
        self._readings = None
        self.size += sign
        self._known_files += sign * (facts.details.open_files is not None)
        self._gauges = [old + sign * (amount or 0) for old, amount in zip(self._gauges, _gauges(facts), strict=True)]

    def readings(self) -> tuple[Reading, ...]:
        if self._readings is None:
            self._readings = tuple(self._made())
        return self._readings

    def _made(self) -> list[Reading]:
        label, (user, system, minor, major, *optional) = self._labels, self._counters
        memory, virtual, threads, files = self._gauges
        made = [
            Reading(CPU_TIME, (user or 0) / TICKS_PER_SECOND, label.user),
            Reading(CPU_TIME, (system or 0) / TICKS_PER_SECOND, label.system),
            Reading(PAGING_FAULTS, minor or 0, label.minor),
            Reading(PAGING_FAULTS, major or 0, label.major),
            Reading(MEMORY_USAGE, memory, label.plain),
            Reading(MEMORY_VIRTUAL, virtual, label.plain),
            Reading(THREADS, threads, label.plain),
            Reading(GROUP_SIZE, self.size, label.plain),
        ]
        if self._known_files:
            made.append(Reading(OPEN_FILES, files, label.plain))
        metrics = (DISK_IO, DISK_IO, CONTEXT_SWITCHES, CONTEXT_SWITCHES)
        for metric, amount, attributes in zip(metrics, optional, label[5:], strict=True):
            if amount is not None:
                made.append(Reading(metric, amount, attributes))
        return made


def _growth(now: int | None, before: int | None) -> int | None:
    # What was unknown until now has not grown by what it is.
    return None if now is None else max(0, now - before) if before is not None else 0


class Groups:
    """The sums by executable name, of at most *most* executables; processes of others are in the group `other`.

    When there is no room for a new executable, it takes the place of one that has had no process for longest.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._groups: dict[str, _Group] = {}
        self._empty: dict[str, None] = {}
        self._seen: dict[str, tuple[Facts, str]] = {}

    def __len__(self) -> int:
        return len(self._groups)

    def follow(self, processes: Mapping[str, Facts]) -> None:
        """Bring the sums up to *processes*."""
        seen = self._seen
        for name in seen.keys() - processes.keys():
            self._leave(*seen.pop(name))
        for name, now in processes.items():
            last = seen.get(name)
            if last is None:
                seen[name] = now, self._join(now, None)
            elif last[0] is not now:
                seen[name] = now, self._move(now, *last)

    def readings(self) -> list[Reading]:
        return [reading for group in self._groups.values() for reading in group.readings()]

    def _move(self, now: Facts, before: Facts, key: str) -> str:
        if now.stat.start_ticks != before.stat.start_ticks:  # another process has the number now
            self._leave(before, key)
            return self._join(now, None)
        if now.program.executable_name != before.program.executable_name:
            self._leave(before, key)
            return self._join(now, before)
        group = self._groups[key]
        group.count(now, before)
        group.weigh(before, -1)
        group.weigh(now, 1)
        return key

    def _join(self, now: Facts, before: Facts | None) -> str:
        key = self._key(now.program.executable_name)
        group = self._groups[key]
        self._empty.pop(key, None)
        group.count(now, before)
        group.weigh(now, 1)
        return key

    def _leave(self, facts: Facts, key: str) -> None:
        group = self._groups[key]
        group.weigh(facts, -1)
        if not group.size:
            self._empty[key] = None

    def _key(self, name: str) -> str:
        """Return the key of the group for *name*, which is there when this returns."""
        if name in self._groups:
            return name
        if len(self._groups) - (OTHER in self._groups) >= self._most and name != OTHER:
            longest = next((key for key in self._empty if key != OTHER), None)
            if longest is None:
                return self._key(OTHER)
            del self._groups[longest], self._empty[longest]
        self._groups[name] = _Group(name)
        return name
