"""The host's collectors. A new one is a module here, a line in `BUILTIN`, a test and a row in the README."""

from __future__ import annotations

from typing import Protocol

from .bitacora import BitacoraCollector
from .cgroup import CgroupCollector
from .connections import ConnectionsCollector
from .contract import Collector, Host
from .cpu import CpuCollector
from .disk import DiskCollector
from .disk_health import DiskHealthCollector
from .gpu import GpuCollector
from .interfaces import InterfacesCollector
from .load import LoadCollector
from .memory import MemoryCollector
from .os_info import OsInfoCollector
from .power import PowerCollector
from .pressure import PressureCollector
from .process_counts import ProcessCountsCollector
from .processes import ProcessesCollector
from .sensors import SensorsCollector
from .services import ServicesCollector
from .traffic import TrafficCollector

__all__ = [
    "BUILTIN",
    "BitacoraCollector",
    "BuiltinFactory",
    "CgroupCollector",
    "ConnectionsCollector",
    "CpuCollector",
    "DiskCollector",
    "DiskHealthCollector",
    "GpuCollector",
    "InterfacesCollector",
    "LoadCollector",
    "MemoryCollector",
    "OsInfoCollector",
    "PowerCollector",
    "PressureCollector",
    "ProcessCountsCollector",
    "ProcessesCollector",
    "SensorsCollector",
    "ServicesCollector",
    "TrafficCollector",
]


class BuiltinFactory(Protocol):
    """A collector's class: it can be named without being built."""

    @property
    def name(self) -> str: ...

    def __call__(self, host: Host) -> Collector: ...


BUILTIN: tuple[BuiltinFactory, ...] = (
    CpuCollector,
    MemoryCollector,
    DiskCollector,
    LoadCollector,
    ProcessCountsCollector,
    ProcessesCollector,
    BitacoraCollector,
    OsInfoCollector,
    TrafficCollector,
    InterfacesCollector,
    ConnectionsCollector,
    PressureCollector,
    CgroupCollector,
    SensorsCollector,
    PowerCollector,
    GpuCollector,
    ServicesCollector,
    DiskHealthCollector,
)
"""The factories of the collectors that come along, in the order in which they are read."""
