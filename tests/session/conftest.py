"""A machine to ask, made from a snapshot of a fake collector."""

from __future__ import annotations

import pytest

from bitacora_collectors.contract import Group, Kind, Metric, Reading
from otel_bitacora.monitor.modelling import hardware_metrics, system_metrics
from otel_bitacora.monitor.models import HardwareMetrics, SystemMetrics
from otel_bitacora.monitor.sampler import Sampler
from otel_bitacora.resource import HostIdentity
from otel_bitacora.testing import FakeClock, FakeHostCollector

_LOADS = [
    Metric(f"system.cpu.load_average.{span}", Kind.GAUGE, "{thread}", "", Group.SYSTEM) for span in ("1m", "5m", "15m")
]


class Machine:
    """A client whose machine has load and nothing else."""

    def __init__(self, system: SystemMetrics, hardware: HardwareMetrics) -> None:
        self._system, self._hardware = system, hardware

    async def get_system_metrics(self) -> SystemMetrics:
        return self._system

    async def get_hardware_metrics(self) -> HardwareMetrics:
        return self._hardware


@pytest.fixture
def machine(identity: HostIdentity, clock: FakeClock) -> Machine:
    load = FakeHostCollector("load", [Reading(metric, 0.5, {}) for metric in _LOADS])
    snapshot = Sampler([load], host=identity, clock=clock).tick()
    return Machine(system_metrics(snapshot), hardware_metrics(snapshot))
