"""`otel-bitacora snapshot`: this machine now, without a server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from otel_bitacora.reporter.core.printable import printable

from .options import Collect, ConfigFile, Json, NoCollect, RootPath, command_line
from .snapshot_hardware import print_disk_health, print_gpus, print_power, print_sensors, print_services
from .table import number, print_table, rate, share, size, span

if TYPE_CHECKING:
    from otel_bitacora.monitor import models
    from otel_bitacora.monitor.process_models import ProcessRow

_BETWEEN_SECONDS = 0.5  # shares and rates need two samples
_TOP = 10
_KERNEL_THREADS = "kthreadd"  # what they have in place of an executable; ps puts them in brackets too
_PORTS_SHOWN = 20


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
        # A slow one with shares since its last reading.
        "collectors.interfaces.interval_seconds": _BETWEEN_SECONDS / 2,
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
    if system.pressure:
        _pressure(system.pressure)
    if system.services:
        print_services(system.services)
    typer.echo()
    if system.cgroups:
        _cgroups(system.cgroups)


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


def _pressure(pressure: Sequence[models.PressureMetrics]) -> None:
    """Print one line: of each resource the share of the last 10 seconds in which some tasks waited, and all."""
    shares: dict[str, list[str]] = {}
    for one in pressure:
        shares.setdefault(one.resource, []).append(f"{one.stall_type} {one.average_10s:.1%}")
    typer.echo("pressure   " + "; ".join(f"{resource} {', '.join(found)}" for resource, found in shares.items()))


def _cgroups(cgroups: Sequence[models.CgroupMetrics]) -> None:
    rows = [
        (
            one.name,
            number(_sum(one.cpu_user_seconds, one.cpu_system_seconds), 1),
            number(one.cpu_limit, 2),
            number(one.cpu_throttled_seconds, 1),
            size(one.memory_bytes),
            size(one.memory_limit_bytes),
            number(one.oom_kills),
            number(one.threads),
        )
        for one in cgroups
    ]
    print_table(("CGROUP", "CPU SECONDS", "CPUS", "THROTTLED", "MEMORY", "LIMIT", "OOM", "THREADS"), rows)
    typer.echo()


def _sum(*values: float | None) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _network(network: models.NetworkMetrics) -> None:
    rows = [(one.name, *_link(one), *_traffic(one), ", ".join(one.addresses or ())) for one in network.interfaces or ()]
    if rows:
        head = (
            "INTERFACE",
            "LINK",
            "SPEED",
            "QUALITY",
            "RECEIVED",
            "SENT",
            "RECEIVING",
            "SENDING",
            "ERRORS",
            "DROPPED",
        )
        print_table((*head, "ADDRESSES"), rows)
        typer.echo()
    if network.connections:
        _connections(network.connections)
    if network.listening_ports:
        _ports(network.listening_ports)


def _link(one: models.InterfaceMetrics) -> tuple[str, ...]:
    signal = "" if one.signal_dbm is None else f" ({one.signal_dbm:.0f} dBm)"
    return (
        "-" if one.is_up is None else "up" if one.is_up else "down",
        "-" if one.speed_bits_per_second is None else f"{one.speed_bits_per_second / 1e6:,.0f} Mbit/s",
        "-" if one.quality is None else f"{one.quality:.1%}{signal}",
    )


def _traffic(one: models.InterfaceMetrics) -> tuple[str, ...]:
    receive, transmit = one.receive, one.transmit
    if receive is None or transmit is None:
        return ("-",) * 6
    return (
        size(receive.bytes),
        size(transmit.bytes),
        rate(receive.bytes_per_second),
        rate(transmit.bytes_per_second),
        number(_sum(receive.errors, transmit.errors)),
        number(_sum(receive.dropped, transmit.dropped)),
    )


def _connections(connections: models.ConnectionMetrics) -> None:
    states = {state: count for state, count in (connections.tcp_by_state or {}).items() if count}
    listed = ", ".join(f"{count} {state}" for state, count in states.items())
    again = connections.tcp_retransmit_ratio
    typer.echo(
        f"sockets    {connections.tcp} TCP{f' ({listed})' if listed else ''}, {connections.udp} UDP"
        f"{'' if again is None else f'; {again:.1%} of segments sent again'}"
    )
    typer.echo()


def _ports(ports: Sequence[models.ListeningPortMetrics]) -> None:
    rows = [
        (
            f"{one.transport} {one.port}",
            one.address,
            one.user or ("-" if one.uid is None else str(one.uid)),
            "-" if one.pid is None else str(one.pid),
            one.process_name or "-",
        )
        for one in ports[:_PORTS_SHOWN]
    ]
    print_table(("LISTENING", "ADDRESS", "USER", "PID", "PROCESS"), rows)
    if len(ports) > _PORTS_SHOWN:
        typer.echo(f"and {len(ports) - _PORTS_SHOWN} more: --json has all of them")
    typer.echo()


def _process(process: models.ProcessMetrics) -> None:
    found = process.processes or ()
    for title, key in (("BY CPU", _cpu), ("BY MEMORY", _memory)):
        if busiest := sorted(found, key=key, reverse=True)[:_TOP]:
            _process_table(title, busiest)
    if process.bitacora:
        _process_table("BITACORA", process.bitacora)
    if process.sidecar:
        typer.echo(
            f"this program: {process.sidecar.cpu_seconds:.2f} s of CPU, {size(process.sidecar.memory_bytes)} resident"
        )


def _cpu(row: ProcessRow) -> tuple[float, float]:
    return row.cpu_utilization or 0.0, row.cpu_time_seconds


def _memory(row: ProcessRow) -> tuple[float, float]:
    return row.memory_bytes, row.virtual_bytes


def _process_table(title: str, rows: Iterable[ProcessRow]) -> None:
    head = (title, "PID", "USER", "STATE", "CPU", "CPU TIME", "MEMORY", "THREADS", "FILES", "READ", "WRITTEN")
    cells = [
        (
            printable(f"[{row.name}]" if row.executable == _KERNEL_THREADS else row.executable),
            str(row.pid),
            printable(row.owner or "-"),
            row.state,
            share(row.cpu_utilization, 10),
            span(row.cpu_time_seconds),
            size(row.memory_bytes),
            number(row.threads),
            number(row.open_files),
            size(row.read_bytes),
            size(row.written_bytes),
        )
        for row in rows
    ]
    print_table(head, cells)
    typer.echo()


_GROUPS: dict[str, Callable[..., None]] = {
    "system": _system,
    "hardware": _hardware,
    "network": _network,
    "process": _process,
}
