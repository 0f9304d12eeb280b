"""Temperatures, fans and voltages: what the kernel's hardware monitoring measures, and thermal zones without it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from .contract import FAST_SECONDS, Attributes, Group, Host, Kind, Metric, Reading, Unavailable
from .hardware import FAN_SPEED_RATIO, ID, LIMIT_TYPE, LOCATION, NAME, PARENT, TEMPERATURE, TEMPERATURE_LIMIT
from .hardware import hardware_metric as _metric
from .hwmon import Channel, Chip, Hwmon
from .sysfs import entries, read_integer, read_text

_SENSOR = (ID, NAME, PARENT, LOCATION)

FAN_SPEED = _metric("hw.fan.speed", Kind.GAUGE, "rpm", "Speed of a fan; 0 for one that stands.", *_SENSOR)
FAN_SPEED_LIMIT = _metric(
    "hw.fan.speed.limit", Kind.GAUGE, "rpm", "Slowest and fastest that a fan should run.", *_SENSOR, LIMIT_TYPE
)
VOLTAGE = _metric("hw.voltage", Kind.GAUGE, "V", "Voltage at a sensor.", *_SENSOR)

# hwmon's word for a limit to OpenTelemetry's.
_TEMPERATURE_LIMITS = {
    "lcrit": "low.critical",
    "min": "low.degraded",
    "max": "high.degraded",
    "crit": "high.critical",
}
_FAN_LIMITS = {"min": "low.degraded", "max": "max"}
_TRIP_LIMITS = {"hot": "high.degraded", "critical": "high.critical"}

# A diode that isn't connected reads as -128 °C or more than any chip survives; NVMe's limits that
# aren't set are -273 °C and 65262 °C.
_COLDEST, _HOTTEST = -100_000, 250_000
_FASTEST_RPM = 100_000
_HIGHEST_MILLIVOLTS = 1_000_000

_ZONES = "/sys/class/thermal"
_CPU_ZONES = ("cpu", "soc", "x86_pkg_temp", "bcm2835")


class _Sensor(NamedTuple):
    """A file to be read in every tick, with what its readings have in common."""

    path: str
    fault_path: str | None
    metric: Metric
    divisor: int
    lowest: int
    highest: int
    attributes: Attributes
    fastest: int | None = None
    """Of a fan that has a highest speed."""


class _Group(NamedTuple):
    """The sensors of one chip, or of all thermal zones, and their limits."""

    chip: Chip | None
    sensors: tuple[_Sensor, ...]
    limits: tuple[Reading, ...]


class SensorsCollector:
    """Chips whose name matches *exclude_chips* are not read, nor is a graphics card that sleeps."""

    name = "sensors"
    group = Group.HARDWARE
    metrics = (TEMPERATURE, TEMPERATURE_LIMIT, FAN_SPEED, FAN_SPEED_LIMIT, FAN_SPEED_RATIO, VOLTAGE)
    interval_seconds = FAST_SECONDS

    def __init__(self, host: Host, *, exclude_chips: tuple[str, ...] = ()) -> None:
        self._host = host
        self._exclude = frozenset(exclude_chips)
        self._hwmon = Hwmon(host)
        self._groups: tuple[_Group, ...] | None = None
        self._attributes: dict[str, Attributes] = {}

    def collect(self) -> list[Reading]:
        if not self._host.is_linux:
            return self._readings_of_psutil()
        if self._hwmon.follow() or self._groups is None:
            self._groups = tuple(self._find())
        if not any(group.sensors for group in self._groups):
            raise Unavailable("no sensors: neither /sys/class/hwmon nor /sys/class/thermal has any on this host")
        return [reading for group in self._groups for reading in self._read(group)]

    def _readings_of_psutil(self) -> list[Reading]:
        # Of the systems that aren't Linux, FreeBSD alone.
        tell = getattr(self._host.psutil(), "sensors_temperatures", None)
        readings = []
        for chip, sensors in (tell() if tell is not None else {}).items():
            for number, sensor in enumerate(sensors):
                if chip in self._exclude or sensor.current is None:
                    continue
                id_ = f"{chip}/{number}"
                attributes = self._attributes.setdefault(id_, _attributes(id_, sensor.label or chip, chip, None))
                readings.append(Reading(TEMPERATURE, sensor.current, attributes))
        if not readings:
            raise Unavailable("psutil knows no sensors on this system")
        return readings

    def _find(self) -> Iterator[_Group]:
        chips = [chip for chip in self._hwmon.chips if chip.name not in self._exclude]
        for chip in chips:
            sensors = tuple(sensor for channel in chip.channels if (sensor := _sensor(self._host, chip, channel)))
            # Read once: they are the makers', and each costs as much as a temperature.
            yield _Group(chip, sensors, tuple(_limits(self._host, sensors)))
        if not any(chip.parent == "cpu" for chip in chips):
            zones = tuple(_zones(self._host, {chip.name for chip in self._hwmon.chips} | self._exclude))
            yield _Group(None, zones, tuple(_trip_points(self._host, zones)))

    def _read(self, group: _Group) -> Iterator[Reading]:
        if group.chip is not None and group.chip.is_asleep(self._host):
            return
        for sensor in group.sensors:
            value = read_integer(self._host, sensor.path)
            if value is None or not sensor.lowest <= value <= sensor.highest:
                continue
            if sensor.fault_path and read_integer(self._host, sensor.fault_path):
                continue
            yield Reading(sensor.metric, value / sensor.divisor, sensor.attributes)
            if sensor.fastest:
                yield Reading(FAN_SPEED_RATIO, value / sensor.fastest, sensor.attributes)
        yield from group.limits


def _sensor(host: Host, chip: Chip, channel: Channel) -> _Sensor | None:
    path = channel.file("input")
    if path is None:
        return None
    attributes = _attributes(channel.id, channel.name, chip.location, chip.parent)
    fault = channel.file("fault")
    if channel.kind == "temp":
        return _Sensor(path, fault, TEMPERATURE, 1000, _COLDEST, _HOTTEST, attributes)
    if channel.kind == "fan":
        fastest = read_integer(host, channel.file("max")) or 0
        return _Sensor(path, fault, FAN_SPEED, 1, 0, _FASTEST_RPM, attributes, fastest if fastest > 0 else None)
    if channel.kind == "in":
        return _Sensor(path, fault, VOLTAGE, 1000, -_HIGHEST_MILLIVOLTS, _HIGHEST_MILLIVOLTS, attributes)
    return None


def _attributes(id_: str, name: str, location: str, parent: str | None) -> Attributes:
    plain: Attributes = {ID: id_, NAME: name, LOCATION: location}
    return {**plain, PARENT: parent} if parent else plain


def _limits(host: Host, sensors: tuple[_Sensor, ...]) -> Iterator[Reading]:
    kinds = {TEMPERATURE: (TEMPERATURE_LIMIT, _TEMPERATURE_LIMITS), FAN_SPEED: (FAN_SPEED_LIMIT, _FAN_LIMITS)}
    for sensor in sensors:
        metric, names = kinds.get(sensor.metric, (None, {}))
        for suffix, limit in names.items():
            value = read_integer(host, f"{sensor.path.removesuffix('input')}{suffix}")
            # A fan's 0 means that no limit is set; a temperature's might be meant.
            if metric is None or value is None or not sensor.lowest <= value <= sensor.highest:
                continue
            if metric is FAN_SPEED_LIMIT and value == 0:
                continue
            yield Reading(metric, value / sensor.divisor, {**sensor.attributes, LIMIT_TYPE: limit})


def _zones(host: Host, leave_out: set[str] | frozenset[str]) -> Iterator[_Sensor]:
    """Yield the thermal zones but those that a chip of hwmon shows already, under its zone's name."""
    counts: dict[str, int] = {}
    for zone in entries(host, _ZONES):
        kind = read_text(host, f"{_ZONES}/{zone}/type")
        if not zone.startswith("thermal_zone") or not kind or kind.replace("-", "_") in leave_out:
            continue
        number = counts[kind] = counts.get(kind, -1) + 1
        parent = "cpu" if kind.startswith(_CPU_ZONES) else None
        attributes = _attributes(f"thermal/{kind}/{number}", kind, parent or kind, parent)
        yield _Sensor(f"{_ZONES}/{zone}/temp", None, TEMPERATURE, 1000, _COLDEST, _HOTTEST, attributes)


def _trip_points(host: Host, zones: tuple[_Sensor, ...]) -> Iterator[Reading]:
    for zone in zones:
        directory = zone.path.removesuffix("/temp")
        found: dict[str, int] = {}
        for file in entries(host, directory):
            if not (file.startswith("trip_point_") and file.endswith("_type")):
                continue
            limit = _TRIP_LIMITS.get(read_text(host, f"{directory}/{file}"))
            value = read_integer(host, f"{directory}/{file.removesuffix('type')}temp")
            if limit and value is not None and zone.lowest <= value <= zone.highest:
                found[limit] = min(value, found.get(limit, value))
        for limit, value in found.items():
            yield Reading(TEMPERATURE_LIMIT, value / 1000, {**zone.attributes, LIMIT_TYPE: limit})
