"""Sensors, power, disks' health and GPUs as models, and how they are built from a snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bitacora_collectors.disk_health import DiskHealth
from bitacora_collectors.gpu import GpuProcess
from bitacora_collectors.power_supply import Battery

from .snapshot import CollectorState

if TYPE_CHECKING:
    from .modelling import Lookup, Rates

_ID = "hw.id"
_WHOLE_CPU = ("Package id", "Tdie", "Tctl")
"""What sensors of a whole processor are called; those of its cores and chiplets have other names."""


@dataclass(frozen=True, slots=True)
class TemperatureMetrics:
    id: str
    name: str
    parent: str | None
    """What it is the temperature of, where that is known: `cpu`, a disk or a GPU by its id."""
    location: str
    celsius: float
    limits_celsius: Mapping[str, float]
    """`low.critical`, `low.degraded`, `high.degraded`, `high.critical`, as far as they are set."""


@dataclass(frozen=True, slots=True)
class FanMetrics:
    id: str
    name: str
    location: str
    rpm: float | None
    ratio: float | None
    """Share of its highest speed, 0 to 1."""


@dataclass(frozen=True, slots=True)
class VoltageMetrics:
    id: str
    name: str
    location: str
    volts: float


@dataclass(frozen=True, slots=True)
class SensorMetrics:
    temperatures: tuple[TemperatureMetrics, ...]
    fans: tuple[FanMetrics, ...]
    voltages: tuple[VoltageMetrics, ...]


@dataclass(frozen=True, slots=True)
class ComponentPowerMetrics:
    id: str
    name: str
    type: str
    """`cpu`, `memory`, `gpu` or `power_supply`."""
    watts: float | None
    """Measured, or over the last tick; None on the first."""
    energy_joules: float | None


@dataclass(frozen=True, slots=True)
class BatteryMetrics:
    id: str
    status: str
    """`Charging`, `Discharging`, `Full`, `Not charging` or `Unknown`."""
    charge: float | None
    """0 to 1."""
    watts: float | None
    time_left_seconds: float | None
    """Until it is empty, or full."""
    health: float | None
    """What it holds when full, as a share of what it held when it was new."""
    cycles: int | None
    model: str


@dataclass(frozen=True, slots=True)
class PowerMetrics:
    host_watts: float | None
    """Measured, or over the last tick; of the measured parts where nothing measures the whole."""
    host_energy_joules: float | None
    components: tuple[ComponentPowerMetrics, ...]
    batteries: tuple[BatteryMetrics, ...]


@dataclass(frozen=True, slots=True)
class DiskHealthMetrics:
    id: str
    model: str
    serial_number: str
    firmware_version: str
    protocol: str
    state: str | None
    """`ok`, `degraded`, `predicted_failure` or `failed`; None where SMART can't be asked, which isn't bad health."""
    is_asleep: bool
    size_bytes: int | None
    temperature_celsius: float | None
    power_on_hours: int | None
    endurance_remaining: float | None
    """Share of the writes that it is made for, 0 to 1."""
    errors: Mapping[str, int]
    error: str | None


@dataclass(frozen=True, slots=True)
class GpuProcessMetrics:
    pid: int
    kind: str
    """`compute` or `graphics`."""
    memory_bytes: int | None


@dataclass(frozen=True, slots=True)
class GpuInstanceMetrics:
    """One of the instances that a GPU is cut into (MIG)."""

    id: str
    name: str
    model: str
    """That of the GPU, with the profile, such as `MIG 1g.10gb`."""
    multiprocessors: int | None
    memory_used_bytes: int | None
    memory_limit_bytes: int | None


@dataclass(frozen=True, slots=True)
class GpuMetrics:
    id: str
    name: str
    model: str
    driver_version: str
    utilization: float | None
    """Share of time in which it did anything, 0 to 1; None for one that is cut into instances."""
    utilization_by_task: Mapping[str, float]
    memory_used_bytes: int | None
    memory_limit_bytes: int | None
    temperature_celsius: float | None
    watts: float | None
    energy_joules: float | None
    fan_ratio: float | None
    throttled_by: tuple[str, ...]
    """Why its clocks are held down now."""
    errors: Mapping[str, int]
    xid_errors: int
    processes: tuple[GpuProcessMetrics, ...]
    instances: tuple[GpuInstanceMetrics, ...] = ()
    """Of one that is cut; their memory is part of its own."""


def cpu_temperature(look: Lookup) -> float | None:
    """Return that of the hottest package, or of the hottest core where no sensor speaks for a package."""
    found = [
        (str(key.get("hw.name")), value)
        for key in look.distinct("hw.temperature")
        if key.get("hw.parent") == "cpu" and (value := look.number("hw.temperature", key)) is not None
    ]
    for prefix in _WHOLE_CPU:
        whole = [value for name, value in found if name.startswith(prefix)]
        if whole:
            return max(whole)
    return max((value for _, value in found), default=None)


def sensors(look: Lookup) -> SensorMetrics | None:
    found = SensorMetrics(
        temperatures=tuple(_temperatures(look)),
        fans=tuple(_fans(look)),
        voltages=tuple(
            VoltageMetrics(
                id=str(key[_ID]),
                name=str(key.get("hw.name", "")),
                location=str(key.get("hw.sensor_location", "")),
                volts=look.number("hw.voltage", key) or 0.0,
            )
            for key in look.distinct("hw.voltage")
        ),
    )
    return found if found.temperatures or found.fans or found.voltages else None


def _temperatures(look: Lookup) -> list[TemperatureMetrics]:
    return [
        TemperatureMetrics(
            id=str(key[_ID]),
            name=str(key.get("hw.name", "")),
            parent=str(key["hw.parent"]) if "hw.parent" in key else None,
            location=str(key.get("hw.sensor_location", "")),
            celsius=look.number("hw.temperature", key) or 0.0,
            limits_celsius=look.by("hw.temperature.limit", "hw.limit_type", {_ID: key[_ID]}),
        )
        for key in look.distinct("hw.temperature")
    ]


def _fans(look: Lookup) -> list[FanMetrics]:
    turning = {str(key[_ID]): key for metric in ("hw.fan.speed", "hw.fan.speed_ratio") for key in look.distinct(metric)}
    return [
        FanMetrics(
            id=id_,
            name=str(key.get("hw.name", "")),
            location=str(key.get("hw.sensor_location", "")),
            rpm=look.number("hw.fan.speed", {_ID: id_}),
            ratio=look.number("hw.fan.speed_ratio", {_ID: id_}),
        )
        for id_, key in turning.items()
    ]


def power(look: Lookup, rates: Rates, state: CollectorState | None) -> PowerMetrics | None:
    drawing = {str(key[_ID]): key for metric in ("hw.energy", "hw.power") for key in look.distinct(metric)}
    found = PowerMetrics(
        host_watts=_first(look.number("hw.host.power"), rates.per_second("hw.host.energy", {})),
        host_energy_joules=look.number("hw.host.energy"),
        components=tuple(
            ComponentPowerMetrics(
                id=id_,
                name=str(key.get("hw.name", "")),
                type=str(key.get("hw.type", "")),
                watts=_first(look.number("hw.power", {_ID: id_}), rates.per_second("hw.energy", {_ID: id_})),
                energy_joules=look.number("hw.energy", {_ID: id_}),
            )
            for id_, key in drawing.items()
        ),
        batteries=tuple(_battery(one) for one in (state.entities if state else ()) if isinstance(one, Battery)),
    )
    has_host = found.host_watts is not None or found.host_energy_joules is not None
    return found if has_host or found.components or found.batteries else None


def _battery(battery: Battery) -> BatteryMetrics:
    return BatteryMetrics(
        id=battery.name,
        status=battery.status,
        charge=battery.charge,
        watts=battery.power_watts,
        time_left_seconds=battery.time_left_seconds,
        health=battery.health,
        cycles=battery.cycles,
        model=battery.model,
    )


def disk_health(state: CollectorState | None) -> tuple[DiskHealthMetrics, ...] | None:
    found = [_disk(one) for one in (state.entities if state else ()) if isinstance(one, DiskHealth)]
    return tuple(found) or None


def _disk(entity: DiskHealth) -> DiskHealthMetrics:
    disk = entity.disk
    return DiskHealthMetrics(
        id=disk.device.id,
        model=disk.model,
        serial_number=disk.serial_number,
        firmware_version=disk.firmware_version,
        protocol=disk.protocol,
        state=disk.state,
        is_asleep=disk.is_asleep,
        size_bytes=disk.size_bytes,
        temperature_celsius=disk.temperature_celsius,
        power_on_hours=disk.power_on_hours,
        endurance_remaining=None if disk.endurance_used is None else max(0.0, 1 - disk.endurance_used),
        errors=disk.errors,
        error=disk.error,
    )


def gpus(look: Lookup, state: CollectorState | None) -> tuple[GpuMetrics, ...] | None:
    processes = [one for one in (state.entities if state else ()) if isinstance(one, GpuProcess)]
    # The one metric that every GPU has, whatever it can't tell.
    ids = [str(key[_ID]) for key in look.distinct("bitacora.gpu.xid.errors")]
    return tuple(_gpu(look, id_, [one for one in processes if one.gpu_id == id_]) for id_ in ids) or None


def _gpu(look: Lookup, id_: str, processes: list[GpuProcess]) -> GpuMetrics:
    own = {_ID: id_}
    described = next((key for key in look.distinct("hw.gpu.memory.limit") if key.get(_ID) == id_), {})
    tasks = look.by("hw.gpu.utilization", "hw.gpu.task", own)
    reasons = look.by("bitacora.gpu.throttled", "bitacora.gpu.throttle.reason", own)
    return GpuMetrics(
        id=id_,
        name=str(described.get("hw.name", "")),
        model=str(described.get("hw.model", "")),
        driver_version=str(described.get("hw.driver_version", "")),
        utilization=tasks.get("general"),
        utilization_by_task=tasks,
        memory_used_bytes=look.integer("hw.gpu.memory.usage", own),
        memory_limit_bytes=look.integer("hw.gpu.memory.limit", own),
        temperature_celsius=look.number("hw.temperature", {"hw.parent": id_}),
        watts=look.number("hw.power", own),
        energy_joules=look.number("hw.energy", own),
        fan_ratio=max(look.by("hw.fan.speed_ratio", _ID, {"hw.parent": id_}).values(), default=None),
        throttled_by=tuple(reason for reason, value in reasons.items() if value),
        errors={kind: int(count) for kind, count in look.by("hw.errors", "error.type", own).items()},
        xid_errors=look.integer("bitacora.gpu.xid.errors", own) or 0,
        processes=tuple(GpuProcessMetrics(one.pid, one.kind, one.memory_bytes) for one in processes),
        instances=tuple(_instances(look, id_)),
    )


def _instances(look: Lookup, gpu_id: str) -> list[GpuInstanceMetrics]:
    prefix = "bitacora.gpu.instance."
    metrics = (f"{prefix}multiprocessors", f"{prefix}memory.usage", f"{prefix}memory.limit")
    known = {
        str(key[_ID]): key for metric in metrics for key in look.distinct(metric) if key.get("hw.parent") == gpu_id
    }
    return [
        GpuInstanceMetrics(
            id=id_,
            name=str(key.get("hw.name", "")),
            model=str(key.get("hw.model", "")),
            multiprocessors=look.integer(metrics[0], {_ID: id_}),
            memory_used_bytes=look.integer(metrics[1], {_ID: id_}),
            memory_limit_bytes=look.integer(metrics[2], {_ID: id_}),
        )
        for id_, key in known.items()
    ]


def _first(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)
