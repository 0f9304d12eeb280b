"""Builds the models from a snapshot. Readings are found by metric name and attributes, never by their order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta

from bitacora_collectors.contract import Attributes, AttributeValue, Group, Reading

from . import models
from .hardware_models import cpu_temperature, disk_health, gpus, power, sensors
from .network_models import connections, interfaces, listening_ports
from .process_modelling import process_rows
from .service_models import services
from .snapshot import CollectorState, Snapshot
from .system_models import cgroups, pressure

_LARGEST = 2**63 - 1  # what JSON readers take for an integer
_READ = {"disk.io.direction": "read"}
_WRITE = {"disk.io.direction": "write"}


class Lookup:
    """The numbers among some readings, by metric name and attributes."""

    def __init__(self, readings: Iterable[Reading]) -> None:
        self._values: defaultdict[str, list[tuple[Attributes, float]]] = defaultdict(list)
        for metric, value, attributes in readings:
            if isinstance(value, int | float):
                self._values[metric.name].append((attributes, value))

    def number(self, metric: str, where: Attributes | None = None) -> float | None:
        """Return the value of *metric* with the attributes *where*; summed where several have them."""
        found = [value for attributes, value in self._values.get(metric, ()) if _has(attributes, where)]
        return sum(found) if found else None

    def integer(self, metric: str, where: Attributes | None = None) -> int | None:
        value = self.number(metric, where)
        return None if value is None else min(int(value), _LARGEST)

    def by(self, metric: str, key: str, where: Attributes | None = None) -> dict[str, float]:
        """Return the values of *metric* by their attribute *key*; summed where several share it."""
        found: dict[str, float] = {}
        for attributes, value in self._values.get(metric, ()):
            if key in attributes and _has(attributes, where):
                name = str(attributes[key])
                found[name] = found.get(name, 0) + value
        return found

    def distinct(self, metric: str) -> list[Attributes]:
        """Return the attributes of each reading of *metric*."""
        return [attributes for attributes, _ in self._values.get(metric, ())]


def _has(attributes: Attributes, where: Attributes | None) -> bool:
    return not where or all(attributes.get(key) == value for key, value in where.items())


class Rates:
    """Growth per second of counters between a collector's last two samples; None unless both have the series."""

    def __init__(self, state: CollectorState | None) -> None:
        self._now = self._before = Lookup(())
        self._seconds = 0.0
        if state and state.sample and state.before:
            self._now, self._before = Lookup(state.sample.readings), Lookup(state.before.readings)
            self._seconds = state.sample.monotonic_seconds - state.before.monotonic_seconds

    def per_second(self, metric: str, where: Attributes) -> float | None:
        now, before = self._now.number(metric, where), self._before.number(metric, where)
        if now is None or before is None or self._seconds <= 0:
            return None
        return (now - before) / self._seconds


def hardware_metrics(snapshot: Snapshot) -> models.HardwareMetrics:
    look = _lookup(snapshot)
    return models.HardwareMetrics(
        timestamp=moment(snapshot.time_unix_nano),
        cpu=_cpu(look),
        memory=_memory(look),
        paging=_paging(look),
        disk=_disk(look, Rates(snapshot.state("disk"))),
        sensors=sensors(look),
        power=power(look, Rates(snapshot.state("power")), snapshot.state("power")),
        disk_health=disk_health(snapshot.state("disk_health")),
        gpus=gpus(look, snapshot.state("gpu")),
    )


def system_metrics(snapshot: Snapshot) -> models.SystemMetrics:
    look = _lookup(snapshot)
    return models.SystemMetrics(
        timestamp=moment(snapshot.time_unix_nano),
        os=_os(snapshot, look),
        load=_load(look),
        processes=_process_counts(look),
        pressure=pressure(look),
        cgroups=cgroups(look),
        services=services(look, snapshot.state("services")),
    )


def network_metrics(snapshot: Snapshot) -> models.NetworkMetrics:
    look, rates = _lookup(snapshot), Rates(snapshot.state("traffic"))
    return models.NetworkMetrics(
        timestamp=moment(snapshot.time_unix_nano),
        interfaces=interfaces(look, rates, snapshot.state("interfaces")),
        connections=connections(look),
        listening_ports=listening_ports(snapshot.state("connections")),
    )


def process_metrics(snapshot: Snapshot) -> models.ProcessMetrics:
    return models.ProcessMetrics(
        timestamp=moment(snapshot.time_unix_nano),
        sidecar=_sidecar(_lookup(snapshot)),
        processes=process_rows(snapshot.state("processes")),
        bitacora=process_rows(snapshot.state("bitacora")) or None,
    )


MODELS: Mapping[Group, Callable[[Snapshot], object]] = {
    Group.SYSTEM: system_metrics,
    Group.HARDWARE: hardware_metrics,
    Group.NETWORK: network_metrics,
    Group.PROCESS: process_metrics,
}
"""What builds the model of each group."""


def snapshot_model(snapshot: Snapshot) -> models.SnapshotModel:
    return models.SnapshotModel(
        sequence=snapshot.sequence,
        timestamp=moment(snapshot.time_unix_nano),
        system=system_metrics(snapshot),
        hardware=hardware_metrics(snapshot),
        network=network_metrics(snapshot),
        process=process_metrics(snapshot),
        collectors=tuple(_status(state) for state in snapshot.states),
    )


def _lookup(snapshot: Snapshot) -> Lookup:
    return Lookup(reading for family in snapshot.families.values() for reading in family.readings)


def moment(unix_nano: int) -> datetime:
    """Return nanoseconds since the Unix epoch as a time, to the microsecond."""
    # Not fromtimestamp: a float can't hold microseconds of today.
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=unix_nano // 1000)


def _cpu(look: Lookup) -> models.CpuMetrics | None:
    times = look.by("system.cpu.time", "cpu.mode")
    if not times:
        return None
    modes = _shares(look)
    idle = modes.get("idle", 0.0) + modes.get("iowait", 0.0)
    limits = look.by("hw.cpu.speed.limit", "hw.id", {"hw.limit_type": "max"})
    return models.CpuMetrics(
        logical_count=look.integer("system.cpu.logical.count"),
        physical_count=look.integer("system.cpu.physical.count"),
        utilization=min(1.0, max(0.0, 1.0 - idle)) if modes else None,
        utilization_by_mode=modes or None,
        time_seconds_by_mode=times,
        frequency_hertz=tuple(look.by("system.cpu.frequency", "cpu.logical_number").values()) or None,
        frequency_limit_hertz=max(limits.values(), default=None),
        temperature_celsius=cpu_temperature(look),
    )


def _shares(look: Lookup) -> dict[str, float]:
    """Return the utilization by mode over all CPUs, whether or not it was read for each."""
    cores = len(look.by("system.cpu.utilization", "cpu.logical_number")) or 1
    return {mode: value / cores for mode, value in look.by("system.cpu.utilization", "cpu.mode").items()}


def _memory(look: Lookup) -> models.MemoryMetrics | None:
    limit = look.integer("system.memory.limit")
    states = look.by("system.memory.usage", "system.memory.state")
    if limit is None or not states:
        return None
    return models.MemoryMetrics(
        limit_bytes=limit,
        used_bytes=int(states.get("used", 0)),
        free_bytes=int(states.get("free", 0)),
        buffers_bytes=int(states.get("buffers", 0)),
        cached_bytes=int(states.get("cached", 0)),
        available_bytes=look.integer("system.memory.linux.available"),
        shared_bytes=look.integer("system.memory.linux.shared"),
        utilization=look.number("system.memory.utilization", {"system.memory.state": "used"}),
        committed_bytes=look.integer("bitacora.memory.committed"),
        committed_limit_bytes=look.integer("bitacora.memory.committed.limit"),
    )


def _paging(look: Lookup) -> models.PagingMetrics | None:
    usage, state, device = "system.paging.usage", "system.paging.state", "system.device"
    used_and_free = [
        (str(key.get(device, "")), look.integer(usage, key), look.integer(usage, {**key, state: "free"}))
        for key in look.distinct(usage)
        if key[state] == "used"
    ]
    swap = tuple(models.SwapMetrics(name, used or 0, free or 0) for name, used, free in used_and_free)
    counted = models.PagingMetrics(
        swap=swap,
        swapped_in=look.integer("system.paging.operations", {"system.paging.direction": "in"}),
        swapped_out=look.integer("system.paging.operations", {"system.paging.direction": "out"}),
        minor_faults=look.integer("system.paging.faults", {"system.paging.fault.type": "minor"}),
        major_faults=look.integer("system.paging.faults", {"system.paging.fault.type": "major"}),
    )
    return counted if swap or counted.swapped_in is not None or counted.minor_faults is not None else None


def _disk(look: Lookup, rates: Rates) -> models.DiskMetrics | None:
    filesystems = tuple(_filesystem(look, key) for key in look.distinct("system.filesystem.limit"))
    devices = tuple(_device(look, rates, device) for device in look.by("system.disk.io", "system.device", _READ))
    return models.DiskMetrics(filesystems, devices) if filesystems or devices else None


def _filesystem(look: Lookup, key: Attributes) -> models.FilesystemMetrics:
    states = look.by("system.filesystem.usage", "system.filesystem.state", key)
    return models.FilesystemMetrics(
        device=str(key.get("system.device", "")),
        mountpoint=str(key.get("system.filesystem.mountpoint", "")),
        type=str(key.get("system.filesystem.type", "")),
        mode=str(key.get("system.filesystem.mode", "")),
        limit_bytes=look.integer("system.filesystem.limit", key) or 0,
        used_bytes=int(states.get("used", 0)),
        free_bytes=int(states.get("free", 0)),
        reserved_bytes=int(states.get("reserved", 0)),
        utilization=look.number("system.filesystem.utilization", key),
    )


def _device(look: Lookup, rates: Rates, device: str) -> models.DiskIoMetrics:
    read: dict[str, AttributeValue] = {"system.device": device, **_READ}
    write: dict[str, AttributeValue] = {"system.device": device, **_WRITE}
    return models.DiskIoMetrics(
        device=device,
        read_bytes=look.integer("system.disk.io", read) or 0,
        written_bytes=look.integer("system.disk.io", write) or 0,
        reads=look.integer("system.disk.operations", read) or 0,
        writes=look.integer("system.disk.operations", write) or 0,
        merged_reads=look.integer("system.disk.merged", read),
        merged_writes=look.integer("system.disk.merged", write),
        read_time_seconds=look.number("system.disk.operation_time", read),
        write_time_seconds=look.number("system.disk.operation_time", write),
        io_time_seconds=look.number("system.disk.io_time", {"system.device": device}),
        limit_bytes=look.integer("system.disk.limit", {"system.device": device}),
        read_bytes_per_second=rates.per_second("system.disk.io", read),
        written_bytes_per_second=rates.per_second("system.disk.io", write),
    )


def _os(snapshot: Snapshot, look: Lookup) -> models.OsMetrics:
    host, uptime = snapshot.host, look.number("system.uptime")
    return models.OsMetrics(
        host_name=host.name,
        host_id=host.id,
        host_arch=host.arch,
        type=host.os_type,
        name=host.os_name,
        version=host.os_version,
        description=host.os_description,
        kernel_release=host.kernel_release,
        uptime_seconds=uptime,
        boot_time=None if uptime is None else moment(snapshot.time_unix_nano) - timedelta(seconds=uptime),
    )


def _load(look: Lookup) -> models.LoadMetrics | None:
    one = look.number("system.cpu.load_average.1m")
    five = look.number("system.cpu.load_average.5m")
    fifteen = look.number("system.cpu.load_average.15m")
    return None if one is None or five is None or fifteen is None else models.LoadMetrics(one, five, fifteen)


def _process_counts(look: Lookup) -> models.ProcessCounts | None:
    states = look.by("system.process.count", "process.state")
    if not states:
        return None
    return models.ProcessCounts(
        running=int(states.get("running", 0)),
        sleeping=int(states.get("sleeping", 0)),
        stopped=int(states.get("stopped", 0)),
        defunct=int(states.get("defunct", 0)),
        total=int(sum(states.values())),
        created=look.integer("system.process.created"),
        thread_limit=look.integer("system.process.limit"),
    )


def _sidecar(look: Lookup) -> models.SidecarMetrics | None:
    cpu_seconds = look.number("bitacora.sidecar.cpu.time")
    if cpu_seconds is None:
        return None
    return models.SidecarMetrics(
        cpu_seconds=cpu_seconds,
        memory_bytes=look.integer("bitacora.sidecar.memory.usage"),
        threads=look.integer("bitacora.sidecar.threads"),
        open_files=look.integer("bitacora.sidecar.file_descriptors"),
        uptime_seconds=look.number("bitacora.sidecar.uptime"),
    )


def _status(state: CollectorState) -> models.CollectorStatus:
    last = state.last_success_unix_nano
    return models.CollectorStatus(
        name=state.name,
        group=state.group.value,
        health=state.health.value,
        error=state.error,
        interval_seconds=state.interval_seconds,
        duration_seconds=state.duration_seconds,
        last_success=None if last is None else moment(last),
        timeouts=state.timeouts,
        readings=len(state.readings),
    )
