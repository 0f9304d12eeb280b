"""systemd's services: how many are in which state, which have failed, how often they were started again."""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .contract import SLOW_SECONDS, Attributes, Entity, Group, Host, Kind, Metric, Reading, Unavailable
from .programs import Runner, run_program
from .systemd import Answer, Refused, Unit, ask_systemctl

_NAME = "systemd.unit.name"
_STATE = "systemd.unit.active_state"

UNIT_STATE = Metric(
    "systemd.unit.state",
    Kind.UP_DOWN_COUNTER,
    "1",
    "1 for the state that a unit is in; of a unit that wasn't asked for, only that it has failed.",
    Group.SYSTEM,
    (_NAME, _STATE),
)
UNITS = Metric(
    "bitacora.systemd.units", Kind.UP_DOWN_COUNTER, "{unit}", "Units in each state.", Group.SYSTEM, (_STATE,)
)
RESTARTS = Metric(
    "systemd.service.restarts",
    Kind.COUNTER,
    "{restart}",
    "Times that systemd started a service again.",
    Group.SYSTEM,
    (_NAME,),
)
CPU_TIME = Metric(
    "systemd.service.cpu.time", Kind.COUNTER, "us", "Processor time of a service's processes.", Group.SYSTEM, (_NAME,)
)

ACTIVE_STATES = (
    *("active", "reloading", "inactive", "failed", "activating", "deactivating", "maintenance", "refreshing"),
)
UNIT_PATTERN = ""
DEADLINE_SECONDS = 1.5
MOST_NAMES = 200
"""Units that are ever named: eight states of each stay below the SDK's 2000 attribute sets, which it never releases."""

_BUS_SOCKET = "/run/dbus/system_bus_socket"
_BUS_VARIABLE = "DBUS_SYSTEM_BUS_ADDRESS"
_RUNS_SYSTEMD = "/run/systemd/system"  # as sd_booted(3) says


@dataclass(frozen=True, slots=True)
class Service:
    """A service that systemd has loaded."""

    name: str
    description: str
    active_state: str
    sub_state: str
    restarts: int | None
    """None unless it was asked for by `units`."""

    @property
    def attributes(self) -> Attributes:
        return {_NAME: self.name}

    def readings(self) -> tuple[Reading, ...]:
        """Return nothing: those that are wanted are readings of the collector."""
        return ()


class ServicesCollector:
    """Units whose name matches *units*, a regular expression, have all their states and counts; others only failures."""

    name = "services"
    group = Group.SYSTEM
    metrics = (UNITS, UNIT_STATE, RESTARTS, CPU_TIME)
    interval_seconds = SLOW_SECONDS

    def __init__(
        self,
        host: Host,
        *,
        units: str = UNIT_PATTERN,
        bus_deadline_seconds: float = DEADLINE_SECONDS,
        run: Runner = run_program,
        which: Callable[[str], str | None] = shutil.which,
    ) -> None:
        self._host = host
        self._pattern = re.compile(units or r"(?!)")
        self._deadline_seconds = bus_deadline_seconds
        self._run = run
        self._which = which
        self._states: dict[str, Attributes] = {state: {_STATE: state} for state in ACTIVE_STATES}
        self._names: dict[str, tuple[Attributes, dict[str, Attributes]]] = {}
        self._services: list[Service] = []

    def collect(self) -> list[Reading]:
        if not os.path.isdir(self._host.path(_RUNS_SYSTEMD)):  # noqa: PTH112 - the one question in every tick
            raise Unavailable(f"systemd doesn't run this host: no {_RUNS_SYSTEMD}")
        answer = self._ask()
        self._services = [
            Service(
                unit.name,
                unit.description,
                unit.active_state,
                unit.sub_state,
                answer.counts[unit.name].restarts if unit.name in answer.counts else None,
            )
            for unit in answer.units
            if unit.name.endswith(".service") and unit.load_state != "not-found"
        ]
        counts = Counter(unit.active_state for unit in answer.units)
        readings = [Reading(UNITS, counts[state], attributes) for state, attributes in self._states.items()]
        return [*readings, *(reading for unit in answer.units for reading in self._unit_readings(unit, answer))]

    def entities(self) -> list[Entity]:
        return list(self._services)

    def _ask(self) -> Answer:
        address = os.environ.get(_BUS_VARIABLE) if self._host.is_own else None
        address = address or f"unix:path={self._host.path(_BUS_SOCKET)}"
        try:
            return _ask_bus()(address, self._has_counts, self._deadline_seconds)
        except Refused as error:
            # It would ask the systemd of this machine, not that of another root.
            if not self._host.is_own or self._which("systemctl") is None:
                raise Unavailable(f"systemd can't be asked: {error}") from error
        return ask_systemctl(self._run, self._has_counts, self._deadline_seconds)

    def _has_counts(self, unit: Unit) -> bool:
        return unit.name.endswith(".service") and unit.load_state == "loaded" and self._is_wanted(unit)

    def _is_wanted(self, unit: Unit) -> bool:
        return self._pattern.search(unit.name) is not None

    def _unit_readings(self, unit: Unit, answer: Answer) -> Iterator[Reading]:
        is_wanted = self._is_wanted(unit)
        if not is_wanted and unit.active_state != "failed":
            return
        attributes = self._attributes(unit.name)
        if attributes is None:
            return
        plain, states = attributes
        for state in ACTIVE_STATES if is_wanted else ("failed",):
            yield Reading(UNIT_STATE, int(unit.active_state == state), states[state])
        counts = answer.counts.get(unit.name)
        if counts and counts.restarts is not None:
            yield Reading(RESTARTS, counts.restarts, plain)
        if counts and counts.cpu_nanoseconds is not None:
            yield Reading(CPU_TIME, counts.cpu_nanoseconds // 1000, plain)

    def _attributes(self, name: str) -> tuple[Attributes, dict[str, Attributes]] | None:
        known = self._names.get(name)
        if known is None and len(self._names) < MOST_NAMES:
            plain: Attributes = {_NAME: name}
            known = self._names[name] = (plain, {state: {**plain, _STATE: state} for state in ACTIVE_STATES})
        return known


def _ask_bus() -> Callable[[str, Callable[[Unit], bool], float], Answer]:
    try:
        from .systemd_bus import ask_bus  # noqa: PLC0415 - needs an extra, and is much to load where nobody asks
    except ImportError as error:
        raise Refused("D-Bus needs a client: pip install 'otel-bitacora[monitor]'") from error
    return ask_bus
