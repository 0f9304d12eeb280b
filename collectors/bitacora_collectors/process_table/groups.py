"""Processes added up by executable name, in counters that don't fall when a process ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from bitacora_collectors.contract import Group, Kind, Metric, Reading

from .parsing import Stat
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
    Details,
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


def _counters(details: Details) -> tuple[int | None, ...]:
    return details.read_bytes, details.written_bytes, details.voluntary_switches, details.involuntary_switches


def _faults(stat: Stat) -> tuple[int | None, ...]:
    return stat.minor_faults, stat.major_faults


def _joined(sums: Sequence[int | None], amounts: Iterable[int | None]) -> list[int | None]:
    return [had if amount is None else amount + (had or 0) for had, amount in zip(sums, amounts, strict=True)]


def _grown(sums: Sequence[int | None], now: Iterable[int | None], before: Iterable[int | None]) -> list[int | None]:
    return [
        # What was unknown until now has not grown by what it is.
        had if amount is None else (had or 0) + (0 if last is None else max(0, amount - last))
        for had, amount, last in zip(sums, now, before, strict=True)
    ]


class _Group:
    """The sums of one executable; None for what is known of none of its processes."""

    __slots__ = (
        *("_faults", "_files", "_known_files", "_labels", "_memory", "_optional", "_readings", "_system"),
        *("_threads", "_user", "_virtual", "size"),
    )

    def __init__(self, name: str) -> None:
        self.size = 0
        self._labels = labels({EXECUTABLE_NAME: name})
        self._user = self._system = 0
        self._faults: list[int | None] = [None, None]
        self._optional: list[int | None] = [None, None, None, None]
        self._memory = self._virtual = self._threads = self._files = self._known_files = 0
        self._readings: tuple[Reading, ...] | None = None

    def join(self, facts: Facts) -> None:
        """Add a process that was not in any group before, with all that it has used in its life."""
        stat = facts.stat
        self._user += stat.user_ticks
        self._system += stat.system_ticks
        self._faults = _joined(self._faults, _faults(stat))
        self._optional = _joined(self._optional, _counters(facts.details))
        self.weigh(facts, 1)

    def grow(self, now: Facts, before: Facts) -> None:
        """Add what the counters of a process have grown by."""
        self._readings = None
        new, old = now.stat, before.stat
        self._user += max(0, new.user_ticks - old.user_ticks)
        self._system += max(0, new.system_ticks - old.system_ticks)
        self._faults = _grown(self._faults, _faults(new), _faults(old))
        if now.details is not before.details:
            self._optional = _grown(self._optional, _counters(now.details), _counters(before.details))

    def weigh(self, facts: Facts, sign: int) -> None:
        """Add a process to what goes up and down, or take it away."""
        self._readings = None
        self.size += sign
        self._memory += sign * facts.memory_bytes
        self._virtual += sign * facts.stat.virtual_bytes
        self._threads += sign * facts.stat.threads
        if facts.details.open_files is not None:
            self._known_files += sign
            self._files += sign * facts.details.open_files

    def readings(self) -> tuple[Reading, ...]:
        if self._readings is None:
            self._readings = tuple(self._made())
        return self._readings

    def _made(self) -> Iterator[Reading]:
        label = self._labels
        yield Reading(CPU_TIME, self._user / TICKS_PER_SECOND, label.user)
        yield Reading(CPU_TIME, self._system / TICKS_PER_SECOND, label.system)
        yield Reading(MEMORY_USAGE, self._memory, label.plain)
        yield Reading(MEMORY_VIRTUAL, self._virtual, label.plain)
        yield Reading(THREADS, self._threads, label.plain)
        yield Reading(GROUP_SIZE, self.size, label.plain)
        if self._known_files:
            yield Reading(OPEN_FILES, self._files, label.plain)
        metrics = (PAGING_FAULTS, PAGING_FAULTS, DISK_IO, DISK_IO, CONTEXT_SWITCHES, CONTEXT_SWITCHES)
        attributes = (label.minor, label.major, label.read, label.write, label.voluntary, label.involuntary)
        for metric, amount, attribute in zip(metrics, (*self._faults, *self._optional), attributes, strict=True):
            if amount is not None:
                yield Reading(metric, amount, attribute)


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
        group.grow(now, before)
        group.weigh(before, -1)
        group.weigh(now, 1)
        return key

    def _join(self, now: Facts, before: Facts | None) -> str:
        key = self._key(now.program.executable_name)
        group = self._groups[key]
        self._empty.pop(key, None)
        if before is None:
            group.join(now)
        else:
            group.grow(now, before)
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
