"""What was read, frozen: every door out of the monitor shows the same snapshot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from bitacora_collectors.contract import Entity, Group, Kind, Metric, Reading
from otel_bitacora.resource import HostIdentity


class Health(Enum):
    """How a collector fared when it was last due."""

    OK = "ok"
    FAILED = "failed"
    HUNG = "hung"
    UNAVAILABLE = "unavailable"
    """What it reads isn't on this host: neither a success nor a failure."""
    PENDING = "pending"
    """Not read so far."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What one collector said at one moment."""

    readings: tuple[Reading, ...]
    time_unix_nano: int
    monotonic_seconds: float
    entities: tuple[Entity, ...] = ()


@dataclass(frozen=True, slots=True)
class CollectorState:
    """One collector as of this snapshot; *sample* is None unless its last reading succeeded."""

    name: str
    group: Group
    interval_seconds: float
    health: Health = Health.PENDING
    error: str | None = None
    duration_seconds: float | None = None
    last_success_unix_nano: int | None = None
    timeouts: int = 0
    sample: Sample | None = None
    before: Sample | None = None
    """The sample before that one, for rates."""

    @property
    def readings(self) -> tuple[Reading, ...]:
        return self.sample.readings if self.sample else ()

    @property
    def entities(self) -> tuple[Entity, ...]:
        return self.sample.entities if self.sample else ()


@dataclass(frozen=True, slots=True)
class Family:
    """All readings of one metric, whichever collectors they came from."""

    metric: Metric
    readings: Sequence[Reading]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The host at one moment, as far as its collectors could tell."""

    sequence: int
    """1 for the first one, then without a gap."""
    time_unix_nano: int
    host: HostIdentity
    states: tuple[CollectorState, ...]
    families: Mapping[str, Family]
    """Metric name to its readings, in the order of the collectors."""
    periodic: frozenset[str] = frozenset()
    """The collectors that were read because their own turn had come, for whoever must not be sped up by others."""
    elapsed_seconds: float = 0.0
    """Monotonic time from the sampler's making to the beginning of this tick; every period's grid begins with it."""

    def state(self, collector: str) -> CollectorState | None:
        return next((state for state in self.states if state.name == collector), None)


_COLLECTOR = ("collector",)
DURATION = Metric(
    "bitacora.collector.duration",
    Kind.GAUGE,
    "s",
    "How long the collector's last reading took.",
    Group.PROCESS,
    _COLLECTOR,
)
SUCCESS = Metric(
    "bitacora.collector.success",
    Kind.GAUGE,
    "1",
    "1 if the collector's last reading succeeded, 0 if it failed or hangs.",
    Group.PROCESS,
    _COLLECTOR,
)
LAST_SUCCESS = Metric(
    "bitacora.collector.last_success",
    Kind.GAUGE,
    "s",
    "When the collector last succeeded, in seconds since the Unix epoch.",
    Group.PROCESS,
    _COLLECTOR,
)
TIMEOUTS = Metric(
    "bitacora.collector.timeouts",
    Kind.COUNTER,
    "{timeout}",
    "How often the collector outlasted its deadline.",
    Group.PROCESS,
    _COLLECTOR,
)
HEALTH_METRICS = (DURATION, SUCCESS, LAST_SUCCESS, TIMEOUTS)


def gather(states: Iterable[CollectorState]) -> dict[str, Family]:
    """Return the readings of *states* by metric, followed by those about the collectors themselves."""
    readings: dict[str, list[Reading]] = {}
    metrics: dict[str, Metric] = {}
    states = tuple(states)
    for group in (*(state.readings for state in states), _health_readings(states)):
        for reading in group:
            metric = reading[0]  # by number: thousands of readings come by here in every tick
            found = readings.get(metric.name)
            if found is None:
                metrics[metric.name] = metric
                readings[metric.name] = [reading]
            else:
                found.append(reading)
    return {name: Family(metrics[name], found) for name, found in readings.items()}


def _health_readings(states: Sequence[CollectorState]) -> list[Reading]:
    readings = []
    for state in states:
        if state.health in (Health.UNAVAILABLE, Health.PENDING):
            continue
        label = {"collector": state.name}
        readings.append(Reading(SUCCESS, int(state.health is Health.OK), label))
        readings.append(Reading(TIMEOUTS, state.timeouts, label))
        if state.duration_seconds is not None:
            readings.append(Reading(DURATION, state.duration_seconds, label))
        if state.last_success_unix_nano is not None:
            readings.append(Reading(LAST_SUCCESS, state.last_success_unix_nano / 1e9, label))
    return readings
