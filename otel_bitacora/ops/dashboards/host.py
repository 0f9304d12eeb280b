"""The dashboard of one host: every collector has its panels, from what is wrong now to what watching costs."""

from __future__ import annotations

from collections.abc import Iterable

from otel_bitacora.ops.catalogue import CatalogueRow

from .panels import Dashboard, Metrics, Panel, Query, Row, by, lines, number, stack

_DEVICE, _DIRECTION, _POINT = "system.device", "disk.io.direction", "system.filesystem.mountpoint"
_INTERFACE, _WAY = "network.interface.name", "network.io.direction"
_SOME = 'system.pressure.stall_type="some"'
_EXECUTABLE, _GROUP, _UNIT = "process.executable.name", "bitacora.cgroup.name", "systemd.unit.name"


def host_dashboard(rows: Iterable[CatalogueRow]) -> Dashboard:
    """Return the dashboard of one host, from the catalogue's *rows*."""
    metrics = Metrics(rows)
    made = (_now, _cpu, _memory, _disks, _network, _processes, _services, _groups, _sensors, _gpus, _health, _sidecar)
    return Dashboard("otel-bitacora-host", "otel-bitacora: host", tuple(make(metrics) for make in made))


def _now(m: Metrics) -> Row:
    idle = m.rate("system.cpu.time", 'cpu.mode=~"idle|iowait"')
    fullest = m.select("system.filesystem.utilization", 'system.filesystem.mode="rw"')
    failed = m.select("bitacora.systemd.units", 'systemd.unit.active_state="failed"')
    failing = f"count({m.select('bitacora.collector.success')} == 0) or vector(0)"
    available = f"{m.select('system.memory.linux.available')} / {m.select('system.memory.limit')}"
    return Row(
        "Now",
        (
            number("Up for", m.select("system.uptime"), "s"),
            number("CPU busy", f"1 - sum({idle}) / sum({m.rate('system.cpu.time')})", "1", warn_at=0.9),
            number("Memory available", available, "1", warn_at=-0.05),
            number("Fullest file system", f"max({fullest})", "1", warn_at=0.95),
            number("Waiting for memory", m.rate("system.memory.linux.pressure.total", _SOME), "1", warn_at=0.1),
            number("Waiting for disks", m.rate("system.io.linux.pressure.total", _SOME), "1", warn_at=0.3),
            number("Failed units", f"sum({failed})", "{unit}", warn_at=1),
            number("Failing collectors", failing, "{collector}", warn_at=1),
        ),
    )


def _cpu(m: Metrics) -> Row:
    spent = m.rate("system.cpu.time")
    share = f"sum by (cpu_mode) ({spent}) / scalar(sum({spent}))"
    pressures = {"cpu": "some", "memory": "some", "io": "some", "irq": "full"}  # the kernel counts no `some` of irq
    waits = {
        one: m.rate(f"system.{one}.linux.pressure.total", f'system.pressure.stall_type="{stall}"')
        for one, stall in pressures.items()
    }
    return Row(
        "CPU",
        (
            stack(m, "Time by mode", "system.cpu.time", share, "{{cpu_mode}}", unit="1", top=1),
            Panel(
                "Load",
                tuple(Query(m.select(f"system.cpu.load_average.{one}"), one) for one in ("1m", "5m", "15m")),
                "{thread}",
                description=m.describe("system.cpu.load_average.1m"),
            ),
            Panel(
                "Time in which tasks waited",
                tuple(Query(wait, f"for {one}") for one, wait in waits.items()),
                "1",
                description=m.describe(*(f"system.{one}.linux.pressure.total" for one in pressures)),
            ),
            lines(m, "Frequency", "system.cpu.frequency", by(m, "system.cpu.frequency", "cpu.logical_number")),
        ),
    )


def _memory(m: Metrics) -> Row:
    swapped = m.rate("system.paging.operations")
    faults = m.rate("system.paging.faults")
    return Row(
        "Memory",
        (
            stack(m, "Memory", "system.memory.usage", *by(m, "system.memory.usage", "system.memory.state")),
            Panel(
                "Promised and available",
                (
                    Query(m.select("system.memory.linux.available"), "available"),
                    Query(m.select("bitacora.memory.committed"), "promised"),
                    Query(m.select("bitacora.memory.committed.limit"), "could be promised"),
                ),
                "By",
                description=m.describe("system.memory.linux.available", "bitacora.memory.committed"),
            ),
            lines(m, "Swap", "system.paging.usage", by(m, "system.paging.usage", _DEVICE, "system.paging.state")),
            Panel(
                "Paging",
                (
                    Query(swapped, "swapped {{system_paging_direction}}"),
                    Query(faults, "{{system_paging_fault_type}} faults"),
                ),
                "/s",
                description=m.describe("system.paging.operations", "system.paging.faults"),
            ),
        ),
    )


def _disks(m: Metrics) -> Row:
    used, states = (
        m.select("system.filesystem.inodes.usage", 'system.filesystem.state="used"'),
        "system_filesystem_state",
    )
    inodes = f"sum without ({states}) ({used}) / sum without ({states}) ({m.select('system.filesystem.inodes.usage')})"
    latency = f"{m.rate('system.disk.operation_time')} / {m.rate('system.disk.operations')} > 0"
    states_free = ("system.filesystem.usage", 'system.filesystem.state="free"')
    free, point = m.select(*states_free), m.by("system.filesystem.usage", _POINT)
    in_a_day = f"predict_linear({free}[1h], 86400)"
    disk = m.by("system.disk.io", _DEVICE, _DIRECTION)
    return Row(
        "File systems and disks",
        (
            lines(m, "Used", "system.filesystem.utilization", by(m, "system.filesystem.utilization", _POINT), top=1),
            lines(m, "Free", "system.filesystem.usage", (free, point)),
            Panel("Free in a day, at the pace of this hour", (Query(in_a_day, point),), "By"),
            Panel("Inodes used", (Query(inodes, "{{system_filesystem_mountpoint}}"),), "1", top=1),
            lines(m, "Read and written", "system.disk.io", (m.rate("system.disk.io"), disk), unit="By/s"),
            lines(m, "Operations", "system.disk.operations", (m.rate("system.disk.operations"), disk), unit="/s"),
            Panel("Time of an operation", (Query(latency, disk),), "s", description="Waiting for the disk included."),
            lines(
                m,
                "Busy",
                "system.disk.io_time",
                (m.rate("system.disk.io_time"), m.by("system.disk.io_time", _DEVICE)),
                unit="1",
            ),
        ),
    )


def _network(m: Metrics) -> Row:
    where = m.by("system.network.io", _INTERFACE, _WAY)
    sockets = by(m, "system.network.connection.count", "network.transport", "network.connection.state")
    lost = (
        Query(m.rate("system.network.packet.dropped"), f"{where} dropped"),
        Query(m.rate("system.network.errors"), f"{where} faulty"),
    )
    return Row(
        "Network",
        (
            lines(m, "Traffic", "system.network.io", (m.rate("system.network.io"), where), unit="By/s"),
            Panel(
                "Packets lost",
                lost,
                "/s",
                description=m.describe("system.network.packet.dropped", "system.network.errors"),
            ),
            lines(m, "Sockets", "system.network.connection.count", sockets),
            lines(
                m,
                "TCP sent again",
                "bitacora.network.tcp.retransmit.ratio",
                (m.select("bitacora.network.tcp.retransmit.ratio"), "segments"),
            ),
            lines(
                m,
                "Links in use",
                "hw.network.bandwidth.utilization",
                by(m, "hw.network.bandwidth.utilization", "hw.id"),
                top=1,
            ),
            lines(
                m,
                "Quality of links",
                "bitacora.network.link.quality",
                by(m, "bitacora.network.link.quality", "hw.id"),
                top=1,
            ),
        ),
    )


def _processes(m: Metrics) -> Row:
    return Row(
        "Processes",
        (
            stack(m, "Processes", "system.process.count", *by(m, "system.process.count", "process.state")),
            lines(
                m,
                "Started",
                "system.process.created",
                (m.rate("system.process.created"), "processes and threads"),
                unit="/s",
            ),
            _top(m, "CPU by executable", "process.cpu.time", m.rate("process.cpu.time"), unit="{cpu}"),
            _top(m, "Memory by executable", "process.memory.usage", m.select("process.memory.usage")),
            _top(m, "Disk I/O by executable", "process.disk.io", m.rate("process.disk.io"), unit="By/s"),
            _top(
                m,
                "Open files by executable",
                "process.unix.file_descriptor.count",
                m.select("process.unix.file_descriptor.count"),
            ),
        ),
    )


def _services(m: Metrics) -> Row:
    failed = m.select("systemd.unit.state", 'systemd.unit.active_state="failed"')
    return Row(
        "Services",
        (
            stack(
                m,
                "Units by state",
                "bitacora.systemd.units",
                *by(m, "bitacora.systemd.units", "systemd.unit.active_state"),
            ),
            lines(
                m,
                "Units that have failed",
                "systemd.unit.state",
                (f"{failed} == 1", m.by("systemd.unit.state", _UNIT)),
                unit="{unit}",
            ),
            lines(
                m,
                "Restarts",
                "systemd.service.restarts",
                (m.rate("systemd.service.restarts"), m.by("systemd.service.restarts", _UNIT)),
                unit="/s",
            ),
        ),
        is_open=False,
    )


def _groups(m: Metrics) -> Row:
    cpu, name = (
        f"sum by (bitacora_cgroup_name) ({m.rate('bitacora.cgroup.cpu.time')})",
        m.by("bitacora.cgroup.cpu.time", _GROUP),
    )
    killed = (m.rate("bitacora.cgroup.memory.oom_kills"), m.by("bitacora.cgroup.memory.oom_kills", _GROUP))
    held = (m.rate("bitacora.cgroup.cpu.throttled.time"), m.by("bitacora.cgroup.cpu.throttled.time", _GROUP))
    return Row(
        "Control groups",
        (
            lines(m, "CPUs used", "bitacora.cgroup.cpu.time", (cpu, name), unit="{cpu}"),
            lines(m, "Held back by the limit", "bitacora.cgroup.cpu.throttled.time", held, unit="1"),
            lines(
                m, "Memory of the group", "bitacora.cgroup.memory.usage", by(m, "bitacora.cgroup.memory.usage", _GROUP)
            ),
            lines(m, "Killed for want of memory", "bitacora.cgroup.memory.oom_kills", killed, unit="/s"),
        ),
        is_open=False,
    )


def _sensors(m: Metrics) -> Row:
    energy = (m.rate("hw.energy"), m.by("hw.energy", "hw.id"))
    return Row(
        "Sensors and power",
        (
            lines(m, "Temperatures", "hw.temperature", by(m, "hw.temperature", "hw.id")),
            lines(m, "Fans", "hw.fan.speed", by(m, "hw.fan.speed", "hw.id")),
            lines(m, "Power of the host", "hw.host.power", by(m, "hw.host.power", "hw.id")),
            lines(m, "Power of components, by their energy", "hw.energy", energy, unit="W"),
            lines(m, "Batteries", "hw.battery.charge", by(m, "hw.battery.charge", "hw.id"), top=1),
            lines(m, "Voltages", "hw.voltage", by(m, "hw.voltage", "hw.id")),
        ),
        is_open=False,
    )


def _gpus(m: Metrics) -> Row:
    utilization = by(m, "hw.gpu.utilization", "hw.name", "hw.gpu.task")
    reasons = by(m, "bitacora.gpu.throttled", "hw.id", "bitacora.gpu.throttle.reason")
    return Row(
        "GPUs",
        (
            lines(m, "GPU in use", "hw.gpu.utilization", utilization, top=1),
            lines(m, "GPU memory", "hw.gpu.memory.utilization", by(m, "hw.gpu.memory.utilization", "hw.name"), top=1),
            lines(m, "GPU power", "hw.power", (m.select("hw.power", 'hw.type="gpu"'), m.by("hw.power", "hw.id"))),
            lines(m, "GPU clocks held down", "bitacora.gpu.throttled", reasons, unit="{reason}"),
        ),
        is_open=False,
    )


def _health(m: Metrics) -> Row:
    unwell = m.select("hw.status", 'hw.type="physical_disk"', 'hw.state!="ok"')
    errors = (m.select("hw.errors", 'hw.type="physical_disk"'), m.by("hw.errors", "hw.id", "error.type"))
    return Row(
        "Health of disks",
        (
            lines(
                m,
                "Disks that are not well",
                "hw.status",
                (unwell, m.by("hw.status", "hw.id", "hw.state")),
                unit="{disk}",
            ),
            lines(
                m,
                "Endurance left",
                "hw.physical_disk.endurance_utilization",
                by(m, "hw.physical_disk.endurance_utilization", "hw.id"),
                top=1,
            ),
            lines(m, "Errors counted by disks", "hw.errors", errors),
        ),
        is_open=False,
    )


def _sidecar(m: Metrics) -> Row:
    collector = m.by("bitacora.collector.duration", "collector")
    return Row(
        "What watching costs",
        (
            stack(
                m,
                "CPU of the sidecar",
                "bitacora.sidecar.cpu.time",
                m.rate("bitacora.sidecar.cpu.time"),
                "{{cpu_mode}}",
                unit="{cpu}",
            ),
            lines(
                m,
                "Memory of the sidecar",
                "bitacora.sidecar.memory.usage",
                (m.select("bitacora.sidecar.memory.usage"), "resident"),
            ),
            lines(
                m, "Time to read", "bitacora.collector.duration", (m.select("bitacora.collector.duration"), collector)
            ),
            lines(
                m,
                "Collectors that succeed",
                "bitacora.collector.success",
                (m.select("bitacora.collector.success"), collector),
                unit="{collector}",
            ),
            lines(
                m,
                "Events of the host",
                "bitacora.monitor.events",
                (m.rate("bitacora.monitor.events"), m.by("bitacora.monitor.events", "event.name")),
                unit="/s",
            ),
            lines(
                m,
                "Data points sent over OTLP",
                "bitacora.exporter.data_points",
                (
                    m.rate("bitacora.exporter.data_points"),
                    m.by("bitacora.exporter.data_points", "exporter", "error.type"),
                ),
                unit="/s",
            ),
            lines(
                m,
                "Log records delivered",
                "bitacora.exporter.records",
                (m.rate("bitacora.exporter.records"), m.by("bitacora.exporter.records", "exporter", "outcome")),
                unit="/s",
            ),
            lines(
                m,
                "Behind with log records",
                "bitacora.exporter.lag.time",
                by(m, "bitacora.exporter.lag.time", "exporter"),
            ),
            lines(m, "Journal", "bitacora.journal.size", (m.select("bitacora.journal.size"), "bytes")),
        ),
    )


def _top(m: Metrics, title: str, name: str, expression: str, *, unit: str | None = None) -> Panel:
    busiest = f"topk(8, sum by (process_executable_name) ({expression}))"
    return lines(m, title, name, (busiest, m.by(name, _EXECUTABLE)), unit=unit)
