"""Power and energy: RAPL's counters, what hardware monitoring measures in watts and joules, and batteries."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from .contract import FAST_SECONDS, Attributes, Entity, Group, Host, Kind, Metric, Reading, Unavailable
from .hardware import ENERGY, ID, NAME, PARENT, POWER, TYPE
from .hardware import hardware_metric as _metric
from .hwmon import CPU_CHIPS, GPU_CHIPS, Channel, Chip, Hwmon
from .power_supply import Battery, from_psutil, parse_uevent
from .rapl import HOW_TO_READ, Rapl
from .sysfs import entries, read_integer, read_text

_BATTERY = (ID, "hw.model", "hw.vendor", "hw.battery.chemistry")

HOST_ENERGY = _metric(
    "hw.host.energy", Kind.COUNTER, "J", "Energy drawn by the host, or by those parts of it that are measured.", ID
)
HOST_POWER = _metric("hw.host.power", Kind.GAUGE, "W", "Power drawn by the host, from the wall or its battery.", ID)
CHARGE = _metric("hw.battery.charge", Kind.GAUGE, "1", "Remaining share of a battery's charge.", *_BATTERY)
TIME_LEFT = _metric(
    "hw.battery.time_left", Kind.GAUGE, "s", "Time until a battery is empty, or full.", *_BATTERY, "hw.battery.state"
)

_SUPPLIES = "/sys/class/power_supply"
_STATES = {"Charging": "charging", "Discharging": "discharging"}
_DOMAIN_TYPES = {"package": "cpu", "dram": "memory"}
_WHOLE_HOST_CHIPS = frozenset({"power_meter"})  # ACPI's, at the plug of a server
_MICRO = 1_000_000


class _Meter(NamedTuple):
    """A channel of hwmon, in µW or µJ."""

    chip: Chip
    path: str
    metric: Metric
    attributes: Attributes


class _Cell(NamedTuple):
    """The attributes of a battery's readings, and of the host's power that comes out of it."""

    plain: Attributes
    states: dict[str, Attributes]
    host: Attributes


class PowerCollector:
    name = "power"
    group = Group.HARDWARE
    metrics = (HOST_ENERGY, HOST_POWER, ENERGY, POWER, CHARGE, TIME_LEFT)
    interval_seconds = FAST_SECONDS

    def __init__(self, host: Host, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._host = host
        self._rapl = Rapl(host, monotonic=monotonic)
        self._domains: dict[str, tuple[Attributes, Attributes | None]] = {}
        self._hwmon = Hwmon(host)
        self._meters: tuple[_Meter, ...] = ()
        self._cells: dict[str, _Cell] = {}
        self._batteries: list[Battery] = []

    def collect(self) -> list[Reading]:
        if self._hwmon.follow():
            self._meters = tuple(
                meter for chip in self._hwmon.chips for channel in chip.channels if (meter := _meter(chip, channel))
            )
        self._batteries = list(_batteries(self._host))
        readings = [*self._counted(), *self._metered(), *self._charged()]
        if not readings and not self._meters:
            none = "neither RAPL, a power meter nor a battery is on this host"
            raise Unavailable(HOW_TO_READ if self._rapl.is_refused else none)
        return readings

    def entities(self) -> list[Entity]:
        return list(self._batteries)

    def _counted(self) -> Iterator[Reading]:
        joules = self._rapl.joules()
        # psys is the whole platform, packages and memory in it: with them, joules would count twice.
        whole = {"psys"} if "psys" in joules else set(joules)
        for name, total in joules.items():
            host, component = self._domains.get(name) or self._domains.setdefault(name, _domain(name))
            if name in whole:
                yield Reading(HOST_ENERGY, total, host)
            if component is not None:
                yield Reading(ENERGY, total, component)

    def _metered(self) -> Iterator[Reading]:
        asleep = {chip for chip in self._hwmon.chips if chip.is_asleep(self._host)}
        for meter in self._meters:
            value = None if meter.chip in asleep else read_integer(self._host, meter.path)
            if value is not None and value >= 0:
                yield Reading(meter.metric, value / _MICRO, meter.attributes)

    def _charged(self) -> Iterator[Reading]:
        for battery in self._batteries:
            cell = self._cells.get(battery.name)
            if cell is None or cell.plain != battery.attributes:
                cell = self._cells[battery.name] = _cell(battery)
            if battery.charge is not None:
                yield Reading(CHARGE, battery.charge, cell.plain)
            state = _STATES.get(battery.status)
            if state and battery.time_left_seconds is not None:
                yield Reading(TIME_LEFT, battery.time_left_seconds, cell.states[state])
            if state == "discharging" and battery.power_watts is not None:
                # All that the host draws comes out of it.
                yield Reading(HOST_POWER, battery.power_watts, cell.host)


def _batteries(host: Host) -> Iterator[Battery]:
    if not host.is_linux:
        if (own := from_psutil(host.psutil())) is not None:
            yield own
        return
    for name in entries(host, _SUPPLIES):
        text = read_text(host, f"{_SUPPLIES}/{name}/uevent")
        battery = parse_uevent(text.encode(), name) if text else None
        if battery is not None:
            yield battery


def _cell(battery: Battery) -> _Cell:
    plain = battery.attributes
    states: dict[str, Attributes] = {state: {**plain, "hw.battery.state": state} for state in _STATES.values()}
    return _Cell(plain, states, {ID: battery.name})


def _domain(name: str) -> tuple[Attributes, Attributes | None]:
    kind = _DOMAIN_TYPES.get(name.partition("-")[0])
    return {ID: name}, {ID: name, NAME: name, TYPE: kind} if kind else None


def _meter(chip: Chip, channel: Channel) -> _Meter | None:
    path = channel.file("average") or channel.file("input")
    if path is None or channel.kind not in ("power", "energy"):
        return None
    is_power = channel.kind == "power"
    if chip.name in _WHOLE_HOST_CHIPS:
        return _Meter(chip, path, HOST_POWER if is_power else HOST_ENERGY, {ID: channel.id})
    kind = "gpu" if chip.name in GPU_CHIPS else "cpu" if chip.name in CPU_CHIPS else "power_supply"
    attributes: Attributes = {ID: channel.id, NAME: channel.name, TYPE: kind}
    if chip.parent:
        attributes = {**attributes, PARENT: chip.parent}
    return _Meter(chip, path, POWER if is_power else ENERGY, attributes)
