"""What goes wrong: when, to whom, what it does to the program and the machine, and by which records one can tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from otel_bitacora.reporter.core.level import LogLevel
from otel_bitacora.reporter.core.protobuf import Plain

from . import host
from .bound import Item
from .chance import Chance
from .host import Strain
from .plan import MINUTE_NS, Developer, IncidentKind, Plan
from .scenes import Scene
from .story import Story, Work
from .symptoms import (
    CLEANED,
    COLLECTED,
    EXHAUSTED,
    FLAKY_FAILED,
    FLAKY_PASSED,
    NO_MEMORY,
    NO_SPACE,
    RESTARTED,
    RETRIED,
    TIMED_OUT,
    UNREACHABLE,
)
from .traffic import Conditions

_MINUTES = {
    IncidentKind.DISK_FILLING: (60, 120),
    IncidentKind.MEMORY_LEAK: (45, 90),
    IncidentKind.SLOW_DATABASE: (20, 40),
    IncidentKind.NETWORK_CUT: (6, 15),
}
_SLOWER = 200
_NEARLY_FULL = 950
_FULL = 998
_MEMORY_AT_MOST = 985
_TELLS_NS = 2 * 10**9
"""Into the minute, when the Monitor tells of an event."""


@dataclass(frozen=True)
class Incident:
    """One incident, from the minute *first* of its day to before *end*."""

    kind: IncidentKind
    developer: Developer
    day: int
    first: int
    end: int

    def covers(self, minute: int) -> bool:
        return self.first <= minute < self.end

    def disk(self, minute: int) -> int:
        """Return how full the file system is, in thousandths."""
        return self._ramp(minute, 480, 1000)

    def memory(self, minute: int) -> int:
        """Return how full the memory is, in thousandths."""
        return self._ramp(minute, 530, _MEMORY_AT_MOST)

    def _ramp(self, minute: int, low: int, high: int) -> int:
        """Return what grows from *low* to *high*, which it reaches after four fifths of the time."""
        return min(low + (high - low) * (minute - self.first) * 5 // ((self.end - self.first) * 4), high)

    def items(self, minute: int, minute_ns: int, scene: Scene, work: Work | None) -> Iterator[Item]:
        """Yield the records that there are because of it in one of its minutes."""
        if self.kind is IncidentKind.DISK_FILLING:
            yield from self._disk(minute, minute_ns, scene)
        elif self.kind is IncidentKind.MEMORY_LEAK:
            yield from self._memory(minute, minute_ns, scene)
        elif self.kind is IncidentKind.SLOW_DATABASE:
            yield from scene.some(EXHAUSTED, minute_ns, 1, 2)
            yield from scene.some(TIMED_OUT, minute_ns, minute == self.first, 1)
        elif self.kind is IncidentKind.NETWORK_CUT:
            yield from self._network(minute, minute_ns, scene)
        elif work is Work.TEST:
            yield from self._flaky(minute_ns, scene)

    def _disk(self, minute: int, minute_ns: int, scene: Scene) -> Iterator[Item]:
        used, before = self.disk(minute), self.disk(minute - 1)
        if before < _NEARLY_FULL <= used:
            attributes: dict[str, Plain] = {
                "system.device": "/dev/nvme0n1p2",
                "system.filesystem.mountpoint": "/",
                "system.filesystem.type": "ext4",
                "system.filesystem.mode": "rw",
                "system.filesystem.utilization": used / 1000,
            }
            text = f"/ is {used / 10:.1f}% full"
            name = "bitacora.host.filesystem.nearly_full"
            yield host.event(minute_ns + _TELLS_NS, name, text, attributes, level=LogLevel.WARN, tag="nearly full")
        if used >= _FULL:
            yield from scene.some(NO_SPACE, minute_ns, 2, 6)
        if minute == self.end - 1:
            yield from scene.some(CLEANED, minute_ns, 1, 1)

    def _memory(self, minute: int, minute_ns: int, scene: Scene) -> Iterator[Item]:
        used = self.memory(minute)
        if used >= 800:
            yield from scene.some(COLLECTED, minute_ns, 1, 2)
        if used >= _MEMORY_AT_MOST:
            yield from scene.some(NO_MEMORY, minute_ns, 1, 4)
            attributes: dict[str, Plain] = {
                "bitacora.pressure.resource": "memory",
                "system.pressure.stall_type": "some",
                "bitacora.pressure.stalled_seconds": 0.41,
                "bitacora.pressure.over_seconds": 2.0,
            }
            text = "tasks waited for memory for 0.41 s of 2.00 s"
            yield host.event(
                minute_ns + _TELLS_NS, "bitacora.host.pressure", text, attributes, level=LogLevel.WARN, tag="pressure"
            )
        if minute == self.end - 1:
            text = "the kernel killed 1 process for want of memory"
            killed_ns = minute_ns + 57 * 10**9
            yield host.event(
                killed_ns, "bitacora.host.oom_kill", text, {"bitacora.oom.kills": 1}, level=LogLevel.ERROR, tag="killed"
            )
            yield scene.one(RESTARTED, killed_ns + 1_700_000_000)

    def _network(self, minute: int, minute_ns: int, scene: Scene) -> Iterator[Item]:
        if minute == self.first:
            yield self._link(minute_ns + 10**6, "down", "has lost its link", LogLevel.WARN)
        yield from scene.some(RETRIED, minute_ns, 1, 3)
        yield from scene.some(UNREACHABLE, minute_ns, minute == self.first, 1)
        if minute == self.end - 1:
            yield self._link(minute_ns + MINUTE_NS - 10**6, "up", "is up", LogLevel.INFO)

    def _link(self, moment_ns: int, state: str, said: str, level: LogLevel) -> Item:
        attributes = {"network.interface.name": "eth0", "bitacora.link.state": state}
        text = f"interface eth0 {said}"
        return host.event(moment_ns, "bitacora.host.link.changed", text, attributes, level=level, tag="link")

    def _flaky(self, minute_ns: int, scene: Scene) -> Iterator[Item]:
        """Pass and fail in every minute of tests, whatever was changed."""
        yield from scene.some(FLAKY_PASSED, minute_ns, 1, 3)
        yield from scene.some(FLAKY_FAILED, minute_ns, 1, 2)


def conditions_in(going_on: Sequence[Incident]) -> Conditions:
    """Return what the program has to cope with while all of *going_on* are."""
    kinds = {incident.kind for incident in going_on}
    return Conditions(
        database_factor=_SLOWER if IncidentKind.SLOW_DATABASE in kinds else 1,
        has_network=IncidentKind.NETWORK_CUT not in kinds,
    )


def strain_in(going_on: Sequence[Incident], minute: int) -> Strain:
    """Return what the machine has to bear while all of *going_on* are."""
    strain = Strain()
    for incident in going_on:
        if incident.kind is IncidentKind.DISK_FILLING:
            strain = strain._replace(disk=incident.disk(minute))
        elif incident.kind is IncidentKind.MEMORY_LEAK:
            strain = strain._replace(memory=incident.memory(minute))
    return strain


def incidents_of(plan: Plan, story_of: dict[tuple[int, int], Story]) -> list[Incident]:
    """Return the plan's incidents: those of one kind on different days or to different people, in working hours."""
    found = []
    for kind in IncidentKind:
        chance = Chance(plan.seed, "incident", kind.value)
        places = sorted(story_of)
        for _ in range(plan.incidents.count(kind)):
            number, day = places.pop(chance.below(len(places)))
            story = story_of[number, day]
            first, end = story.first, story.end
            if kind in _MINUTES:
                length = chance.between(*_MINUTES[kind])
                first += 30 + chance.below(story.end - story.first - length - 60)
                end = first + length
            found.append(Incident(kind, plan.people[number], day, first, end))
    return found
