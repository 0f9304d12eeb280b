"""Builds what `modelling` puts into `SystemMetrics` of pressure and control groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bitacora_collectors.contract import AttributeValue

from . import models

if TYPE_CHECKING:
    from .modelling import Lookup

_NAME = "bitacora.cgroup.name"
_STALL_TYPE = "system.pressure.stall_type"
_RESOURCES = ("cpu", "memory", "io", "irq")
_PLAIN = (
    *("cpu.limit", "cpu.periods", "cpu.throttled.periods", "cpu.throttled.time"),
    *("memory.usage", "memory.limit", "memory.peak", "memory.oom_kills", "pids.usage", "pids.limit"),
)
"""Metrics of `bitacora.cgroup` that have no attribute but the name."""


def pressure(look: Lookup) -> tuple[models.PressureMetrics, ...] | None:
    found = [
        models.PressureMetrics(
            resource=resource,
            stall_type=stall_type,
            average_10s=look.number(f"{prefix}.10s", {_STALL_TYPE: stall_type}) or 0.0,
            average_1m=look.number(f"{prefix}.1m", {_STALL_TYPE: stall_type}) or 0.0,
            average_5m=look.number(f"{prefix}.5m", {_STALL_TYPE: stall_type}) or 0.0,
            total_seconds=total,
        )
        for resource in _RESOURCES
        for prefix in (f"system.{resource}.linux.pressure",)
        for stall_type, total in look.by(f"{prefix}.total", _STALL_TYPE).items()
    ]
    return tuple(found) or None


def cgroups(look: Lookup) -> tuple[models.CgroupMetrics, ...] | None:
    """Return every control group that any metric names."""
    metrics = ("cpu.time", *_PLAIN, "disk.io", "disk.operations")
    names = dict.fromkeys(name for metric in metrics for name in look.by(f"bitacora.cgroup.{metric}", _NAME))
    return tuple(_cgroup(look, name) for name in names) or None


def _cgroup(look: Lookup, name: str) -> models.CgroupMetrics:
    key: dict[str, AttributeValue] = {_NAME: name}
    counts = {metric: look.integer(f"bitacora.cgroup.{metric}", key) for metric in _PLAIN}
    return models.CgroupMetrics(
        name=name,
        cpu_user_seconds=look.number("bitacora.cgroup.cpu.time", {**key, "cpu.mode": "user"}),
        cpu_system_seconds=look.number("bitacora.cgroup.cpu.time", {**key, "cpu.mode": "system"}),
        cpu_limit=look.number("bitacora.cgroup.cpu.limit", key),
        cpu_periods=counts["cpu.periods"],
        cpu_throttled_periods=counts["cpu.throttled.periods"],
        cpu_throttled_seconds=look.number("bitacora.cgroup.cpu.throttled.time", key),
        memory_bytes=counts["memory.usage"],
        memory_limit_bytes=counts["memory.limit"],
        memory_peak_bytes=counts["memory.peak"],
        oom_kills=counts["memory.oom_kills"],
        threads=counts["pids.usage"],
        thread_limit=counts["pids.limit"],
        disks=_disks(look, key),
    )


def _disks(look: Lookup, key: dict[str, AttributeValue]) -> tuple[models.CgroupDiskMetrics, ...]:
    devices = dict.fromkeys(
        device
        for metric in ("disk.io", "disk.operations")
        for device in look.by(f"bitacora.cgroup.{metric}", "system.device", key)
    )

    def count(metric: str, device: str, direction: str) -> int | None:
        where = {**key, "system.device": device, "disk.io.direction": direction}
        return look.integer(f"bitacora.cgroup.{metric}", where)

    return tuple(
        models.CgroupDiskMetrics(
            device=device,
            read_bytes=count("disk.io", device, "read"),
            written_bytes=count("disk.io", device, "write"),
            reads=count("disk.operations", device, "read"),
            writes=count("disk.operations", device, "write"),
        )
        for device in devices
    )
