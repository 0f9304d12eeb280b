"""What `otel-bitacora snapshot` says of sensors, power, batteries, disks' health, GPUs and failed units: a line or two each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import typer

from .table import number, print_table, share, size, span

if TYPE_CHECKING:
    from otel_bitacora.monitor.hardware_models import DiskHealthMetrics, GpuMetrics, PowerMetrics, SensorMetrics
    from otel_bitacora.monitor.service_models import ServicesMetrics

_SHOWN = 6


def print_sensors(sensors: SensorMetrics) -> None:
    hottest = sorted(sensors.temperatures, key=lambda one: -one.celsius)
    _line("sensors", [f"{one.name} {one.celsius:.0f} °C" for one in hottest])
    _line("fans", [f"{one.name} {_speed(one.rpm, one.ratio)}" for one in sensors.fans])


def print_power(power: PowerMetrics) -> None:
    drawn = [f"{one.name} {one.watts:.1f} W" for one in power.components if one.watts is not None]
    host = [] if power.host_watts is None else [f"host {power.host_watts:.1f} W"]
    _line("power", [*host, *drawn])
    for battery in power.batteries:
        left = "" if battery.time_left_seconds is None else f", {span(battery.time_left_seconds)} left"
        typer.echo(f"battery    {battery.id} {share(battery.charge)} {battery.status.lower()}{left}")


def print_disk_health(disks: Sequence[DiskHealthMetrics]) -> None:
    """Print how many disks are well, and each that isn't."""
    well = sum(one.state == "ok" for one in disks)
    ill = [f"{one.id} {one.state.replace('_', ' ')}" for one in disks if one.state and one.state != "ok"]
    unknown = [f"{one.id} unknown" for one in disks if one.state is None]
    _line("disks", [f"{well} ok", *ill, *unknown])


def print_gpus(gpus: Iterable[GpuMetrics]) -> None:
    rows = [
        (
            one.model or one.name or one.id,
            share(one.utilization, 10),
            size(one.memory_used_bytes),
            size(one.memory_limit_bytes),
            f"{number(one.temperature_celsius)} °C",
            f"{number(one.watts, 1)} W",
            ", ".join(one.throttled_by) or "-",
        )
        for one in gpus
    ]
    print_table(("GPU", "USE", "MEMORY", "OF", "TEMPERATURE", "POWER", "THROTTLED BY"), rows)
    typer.echo()


def print_services(services: ServicesMetrics) -> None:
    failed = services.units_by_state.get("failed", 0)
    _line("units", [f"{services.units_by_state.get('active', 0)} active", f"{failed} failed", *services.failed])


def _speed(rpm: float | None, ratio: float | None) -> str:
    return f"{rpm:.0f} rpm" if rpm is not None else share(ratio)


def _line(head: str, parts: Sequence[str]) -> None:
    more = f", and {len(parts) - _SHOWN} more" if len(parts) > _SHOWN else ""
    if parts:
        typer.echo(f"{head.ljust(10)} {', '.join(parts[:_SHOWN])}{more}")
