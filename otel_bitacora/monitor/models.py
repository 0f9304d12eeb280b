"""The snapshot as typed models: what the JSON API returns and a client reads. Units are in the names, None is absent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from .hardware_models import DiskHealthMetrics, GpuMetrics, PowerMetrics, SensorMetrics
from .process_models import ProcessRow
from .service_models import ServicesMetrics


@dataclass(frozen=True, slots=True)
class CpuMetrics:
    logical_count: int | None
    physical_count: int | None
    utilization: float | None
    """Share of the time since the sample before in which the CPUs were neither idle nor waiting for I/O, 0 to 1."""
    utilization_by_mode: Mapping[str, float] | None
    """Mode (user, system, nice, idle, iowait, interrupt, steal) to its share, 0 to 1, over all CPUs."""
    time_seconds_by_mode: Mapping[str, float]
    """Mode to CPU seconds since boot, summed over all CPUs."""
    frequency_hertz: tuple[float, ...] | None
    """Current frequency of each logical CPU."""
    frequency_limit_hertz: float | None
    """The highest that any of them can run at."""
    temperature_celsius: float | None
    """Of the hottest package."""


@dataclass(frozen=True, slots=True)
class MemoryMetrics:
    limit_bytes: int
    used_bytes: int
    free_bytes: int
    buffers_bytes: int
    cached_bytes: int
    available_bytes: int | None
    """What could be had without swapping, by the kernel's estimate."""
    shared_bytes: int | None
    utilization: float | None
    """Used share of the limit, 0 to 1; the four states sum to the limit."""
    committed_bytes: int | None
    committed_limit_bytes: int | None


@dataclass(frozen=True, slots=True)
class SwapMetrics:
    device: str
    used_bytes: int
    free_bytes: int


@dataclass(frozen=True, slots=True)
class PagingMetrics:
    swap: tuple[SwapMetrics, ...]
    swapped_in: int | None
    """Pages read from swap since boot."""
    swapped_out: int | None
    minor_faults: int | None
    major_faults: int | None


@dataclass(frozen=True, slots=True)
class FilesystemMetrics:
    device: str
    mountpoint: str
    type: str
    mode: str
    """`rw` or `ro`."""
    limit_bytes: int
    used_bytes: int
    free_bytes: int
    """Free for everybody; what only root may use is reserved."""
    reserved_bytes: int
    utilization: float | None
    """Used share of used and free, 0 to 1, as df shows it."""


@dataclass(frozen=True, slots=True)
class DiskIoMetrics:
    device: str
    read_bytes: int
    written_bytes: int
    reads: int
    writes: int
    merged_reads: int | None
    merged_writes: int | None
    read_time_seconds: float | None
    write_time_seconds: float | None
    io_time_seconds: float | None
    limit_bytes: int | None
    """Size of the device."""
    read_bytes_per_second: float | None
    """Over the last tick; None on the first."""
    written_bytes_per_second: float | None


@dataclass(frozen=True, slots=True)
class DiskMetrics:
    filesystems: tuple[FilesystemMetrics, ...]
    devices: tuple[DiskIoMetrics, ...]


@dataclass(frozen=True, slots=True)
class HardwareMetrics:
    timestamp: datetime
    cpu: CpuMetrics | None
    memory: MemoryMetrics | None
    paging: PagingMetrics | None
    disk: DiskMetrics | None
    sensors: SensorMetrics | None
    power: PowerMetrics | None
    disk_health: tuple[DiskHealthMetrics, ...] | None
    gpus: tuple[GpuMetrics, ...] | None


@dataclass(frozen=True, slots=True)
class OsMetrics:
    host_name: str
    host_id: str | None
    host_arch: str | None
    type: str
    name: str | None
    version: str | None
    description: str
    kernel_release: str | None
    uptime_seconds: float | None
    boot_time: datetime | None


@dataclass(frozen=True, slots=True)
class LoadMetrics:
    """Threads that ran or waited for a CPU or a disk, on average; not divided by CPUs."""

    average_1m: float
    average_5m: float
    average_15m: float


@dataclass(frozen=True, slots=True)
class ProcessCounts:
    running: int
    sleeping: int
    stopped: int
    defunct: int
    total: int
    created: int | None
    """Since boot."""
    thread_limit: int | None


@dataclass(frozen=True, slots=True)
class PressureMetrics:
    """One resource (cpu, memory, io, irq) for which some, or all, tasks that had work waited."""

    resource: str
    stall_type: str
    """`some` or `full`."""
    average_10s: float
    """Share of the last 10 seconds, 0 to 1."""
    average_1m: float
    average_5m: float
    total_seconds: float
    """Since boot."""


@dataclass(frozen=True, slots=True)
class CgroupDiskMetrics:
    device: str
    read_bytes: int | None
    written_bytes: int | None
    reads: int | None
    writes: int | None


@dataclass(frozen=True, slots=True)
class CgroupMetrics:
    """A control group, as far as its controllers tell; with version 1 they may each be in another group."""

    name: str
    """Its path, `/` being the root of the hierarchy (or of its namespace)."""
    cpu_user_seconds: float | None
    cpu_system_seconds: float | None
    cpu_limit: float | None
    """How many CPUs it may use at a time; None for all."""
    cpu_periods: int | None
    cpu_throttled_periods: int | None
    cpu_throttled_seconds: float | None
    memory_bytes: int | None
    memory_limit_bytes: int | None
    memory_peak_bytes: int | None
    oom_kills: int | None
    threads: int | None
    thread_limit: int | None
    disks: tuple[CgroupDiskMetrics, ...]


@dataclass(frozen=True, slots=True)
class SystemMetrics:
    timestamp: datetime
    os: OsMetrics
    load: LoadMetrics | None
    processes: ProcessCounts | None
    pressure: tuple[PressureMetrics, ...] | None
    cgroups: tuple[CgroupMetrics, ...] | None
    services: ServicesMetrics | None


@dataclass(frozen=True, slots=True)
class DirectionMetrics:
    bytes: int
    packets: int | None
    errors: int | None
    dropped: int | None
    bytes_per_second: float | None
    """Over the last tick; None on the first."""


@dataclass(frozen=True, slots=True)
class InterfaceMetrics:
    name: str
    receive: DirectionMetrics | None
    transmit: DirectionMetrics | None
    is_up: bool | None
    mac: str | None
    mtu_bytes: int | None
    speed_bits_per_second: int | None
    addresses: tuple[str, ...] | None
    utilization: float | None
    """Share of the speed used since the sample before, in the busier direction, 0 to 1."""
    quality: float | None
    """Of wireless, the driver's judgement; else the share of packets that weren't lost; 0 to 1."""
    signal_dbm: float | None


@dataclass(frozen=True, slots=True)
class ConnectionMetrics:
    tcp: int
    tcp_by_state: Mapping[str, int] | None
    """State, in the words of the semantic conventions, to the number of sockets; None where only that is known."""
    udp: int
    tcp_retransmit_ratio: float | None
    """Segments sent again per segment sent, since the sample before; None if none was sent."""


@dataclass(frozen=True, slots=True)
class ListeningPortMetrics:
    transport: str
    address: str
    port: int
    uid: int | None
    user: str | None
    pid: int | None
    """None where this program's user may not look."""
    process_name: str | None


@dataclass(frozen=True, slots=True)
class NetworkMetrics:
    timestamp: datetime
    interfaces: tuple[InterfaceMetrics, ...] | None
    connections: ConnectionMetrics | None
    listening_ports: tuple[ListeningPortMetrics, ...] | None


@dataclass(frozen=True, slots=True)
class SidecarMetrics:
    """What watching costs."""

    cpu_seconds: float
    memory_bytes: int | None
    threads: int | None
    open_files: int | None
    uptime_seconds: float | None


@dataclass(frozen=True, slots=True)
class ProcessMetrics:
    timestamp: datetime
    sidecar: SidecarMetrics | None
    processes: tuple[ProcessRow, ...] | None
    bitacora: tuple[ProcessRow, ...] | None
    """Bitacora's own among them, with the children that are Bitacora's too; None when none is running."""


@dataclass(frozen=True, slots=True)
class CollectorStatus:
    name: str
    group: str
    health: str
    """`ok`, `failed`, `hung`, `unavailable` (nothing to read here) or `pending`."""
    error: str | None
    interval_seconds: float
    duration_seconds: float | None
    last_success: datetime | None
    timeouts: int
    readings: int


@dataclass(frozen=True, slots=True)
class SnapshotModel:
    sequence: int
    timestamp: datetime
    system: SystemMetrics
    hardware: HardwareMetrics
    network: NetworkMetrics
    process: ProcessMetrics
    collectors: tuple[CollectorStatus, ...]


@dataclass(frozen=True, slots=True)
class MetricsSample:
    """One sample of the live stream: the groups that were asked for, None for the others."""

    number: int
    """How many intervals the sampler has run for: a gap between two samples is what was missed."""
    timestamp: datetime
    system: SystemMetrics | None
    hardware: HardwareMetrics | None
    network: NetworkMetrics | None
    process: ProcessMetrics | None
    """As of its own timestamp: processes are read once a second at the most."""
