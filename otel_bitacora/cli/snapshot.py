"""`otel-bitacora snapshot`: this machine now, without a server."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from .options import Collect, ConfigFile, Json, NoCollect, RootPath, command_line
from .snapshot_hardware import print_disk_health, print_gpus, print_power, print_sensors, print_services
from .table import number, print_table, rate, share, size, span

if TYPE_CHECKING:
    from otel_bitacora.monitor import models

_BETWEEN_SECONDS = 0.5  # shares and rates need two samples


class GroupName(StrEnum):
    HARDWARE = "hardware"
    SYSTEM = "system"
    NETWORK = "network"
    PROCESS = "process"


def snapshot(
    group: Annotated[GroupName | None, typer.Option(help="Only this group.", show_default=False)] = None,
    json: Json = False,
    config: ConfigFile = None,
    root_path: RootPath = None,
    collect: Collect = None,
    no_collect: NoCollect = None,
) -> None:
    """Show this machine now; shares and rates are over the half second that it takes."""
    from otel_bitacora.monitor.modelling import snapshot_model
    from otel_bitacora.settings import load_settings
    from otel_bitacora.sidecar.sampling import build_sampler, check_named

    given = {
        "monitor.root_path": root_path,
        "monitor.collect": collect,
        "monitor.no_collect": no_collect,
        "monitor.interval_seconds": _BETWEEN_SECONDS / 2,
    }
    sampler, named = build_sampler(load_settings(command_line(given), config).settings)
    check_named(sampler.tick(), named)
    time.sleep(_BETWEEN_SECONDS)
    model = snapshot_model(sampler.tick())
    sampler.stop()
    if json:
        import orjson

        chosen = getattr(model, group.value) if group else model
        typer.echo(orjson.dumps(chosen, option=orjson.OPT_UTC_Z))
        return
    for name, print_group in _GROUPS.items():
        if group is None or group.value == name:
            print_group(getattr(model, name))
    failed = [(one.name, one.health, one.error or "") for one in model.collectors if one.health in ("failed", "hung")]
    if failed:
        print_table(("COLLECTOR", "STATE", "WHY"), failed)


def _system(system: models.SystemMetrics) -> None:
    os_, load, processes = system.os, system.load, system.processes
    typer.echo(f"{os_.host_name}  {os_.description}  {os_.host_arch or ''}  up {span(os_.uptime_seconds)}")
    if load:
        typer.echo(f"load       {load.average_1m:.2f}  {load.average_5m:.2f}  {load.average_15m:.2f}")
    if processes:
        typer.echo(
            f"processes  {processes.total}: {processes.running} running, {processes.sleeping} sleeping,"
            f" {processes.stopped} stopped, {processes.defunct} defunct"
        )
    if system.services:
        print_services(system.services)
    typer.echo()


def _hardware(hardware: models.HardwareMetrics) -> None:
    cpu, memory, paging = hardware.cpu, hardware.memory, hardware.paging
    if cpu:
        ghz = f"  {max(cpu.frequency_hertz) / 1e9:.2f} GHz" if cpu.frequency_hertz else ""
        celsius = "" if cpu.temperature_celsius is None else f"  {cpu.temperature_celsius:.0f} °C"
        typer.echo(f"cpu        {share(cpu.utilization)} of {cpu.logical_count or '?'} CPUs{ghz}{celsius}")
    if memory:
        typer.echo(
            f"memory     {share(memory.utilization)} of {size(memory.limit_bytes)}: {size(memory.used_bytes)} used,"
            f" {size(memory.free_bytes)} free, {size(memory.buffers_bytes + memory.cached_bytes)} buffers and cache,"
            f" {size(memory.available_bytes)} available"
        )
    for swap in paging.swap if paging else ():
        typer.echo(f"swap       {size(swap.used_bytes)} of {size(swap.used_bytes + swap.free_bytes)} on {swap.device}")
    _health(hardware)
    typer.echo()
    if hardware.gpus:
        print_gpus(hardware.gpus)
    if hardware.disk:
        _disk(hardware.disk)


def _health(hardware: models.HardwareMetrics) -> None:
    if hardware.sensors:
        print_sensors(hardware.sensors)
    if hardware.power:
        print_power(hardware.power)
    if hardware.disk_health:
        print_disk_health(hardware.disk_health)


def _disk(disk: models.DiskMetrics) -> None:
    if disk.filesystems:
        rows = [
            (
                one.mountpoint,
                one.type,
                size(one.limit_bytes),
                size(one.used_bytes),
                size(one.free_bytes),
                share(one.utilization, 10),
                one.device,
            )
            for one in disk.filesystems
        ]
        print_table(("FILE SYSTEM", "TYPE", "SIZE", "USED", "FREE", "USE", "DEVICE"), rows)
        typer.echo()
    if disk.devices:
        devices = [
            (
                one.device,
                size(one.read_bytes),
                size(one.written_bytes),
                rate(one.read_bytes_per_second),
                rate(one.written_bytes_per_second),
                number(one.reads + one.writes),
            )
            for one in disk.devices
        ]
        print_table(("DISK", "READ", "WRITTEN", "READING", "WRITING", "OPERATIONS"), devices)
        typer.echo()


def _network(network: models.NetworkMetrics) -> None:
    rows = [
        (
            one.name,
            size(one.receive.bytes),
            size(one.transmit.bytes),
            rate(one.receive.bytes_per_second),
            rate(one.transmit.bytes_per_second),
            number((one.receive.errors or 0) + (one.transmit.errors or 0)),
            number((one.receive.dropped or 0) + (one.transmit.dropped or 0)),
        )
        for one in network.interfaces or ()
    ]
    if rows:
        print_table(("INTERFACE", "RECEIVED", "SENT", "RECEIVING", "SENDING", "ERRORS", "DROPPED"), rows)
        typer.echo()


def _process(process: models.ProcessMetrics) -> None:
    if process.sidecar:
        typer.echo(
            f"this program: {process.sidecar.cpu_seconds:.2f} s of CPU, {size(process.sidecar.memory_bytes)} resident"
        )


_GROUPS: dict[str, Callable[..., None]] = {
    "system": _system,
    "hardware": _hardware,
    "network": _network,
    "process": _process,
}
