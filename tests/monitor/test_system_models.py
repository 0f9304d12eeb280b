from collections.abc import Callable
from pathlib import Path

import pytest

from bitacora_collectors.cgroup import CgroupCollector
from bitacora_collectors.contract import Host
from bitacora_collectors.pressure import PressureCollector
from otel_bitacora.monitor.modelling import system_metrics
from otel_bitacora.monitor.models import CgroupDiskMetrics, SystemMetrics
from otel_bitacora.monitor.sampler import Sampler
from otel_bitacora.resource import HostIdentity
from otel_bitacora.testing import FakeClock

Model = Callable[[str], SystemMetrics]


@pytest.fixture
def model(identity: HostIdentity, clock: FakeClock, root: Path) -> Model:
    """Return a function that reads pressure and control groups of a recorded host."""

    def read(name: str) -> SystemMetrics:
        host = Host(root / "tests/fixtures/hosts" / name)
        collectors = [PressureCollector(host), CgroupCollector(host, names=("system.slice/build.service",))]
        return system_metrics(Sampler(collectors, host=identity, clock=clock).tick())

    return read


def test_pressure_is_a_row_for_each_resource_and_kind_of_stall(model: Model) -> None:
    pressure = model("laptop").pressure

    assert pressure is not None
    rows = {(one.resource, one.stall_type): one for one in pressure}
    assert set(rows) == {(name, kind) for name in ("cpu", "memory", "io") for kind in ("some", "full")} | {
        ("irq", "full")
    }
    io = rows["io", "some"]
    assert (io.average_10s, io.average_1m, io.average_5m) == (0.015, 0.0091, 0.004)
    assert io.total_seconds == 91.234567


def test_a_host_without_pressure_and_control_groups_has_null(model: Model) -> None:
    raspberry = model("raspberry")

    assert raspberry.pressure is None
    assert raspberry.cgroups is None


def test_a_control_group_is_a_row_with_its_disks(model: Model) -> None:
    cgroups = model("laptop").cgroups

    assert cgroups is not None
    assert [one.name for one in cgroups] == ["/init.scope", "/system.slice/build.service"]
    build = cgroups[1]
    assert (build.cpu_user_seconds, build.cpu_system_seconds, build.cpu_limit) == (612.345678, 200.0, 1.5)
    assert (build.cpu_periods, build.cpu_throttled_periods, build.cpu_throttled_seconds) == (90123, 1203, 40.123456)
    assert (build.memory_bytes, build.memory_limit_bytes, build.memory_peak_bytes) == (2**30, 2**31, 2**31)
    assert (build.oom_kills, build.threads, build.thread_limit) == (2, 48, 4915)
    assert build.disks == (CgroupDiskMetrics("nvme0n1", 812345344, 912345088, 20123, 30123),)


def test_no_limit_is_null(model: Model) -> None:
    cgroups = model("server").cgroups

    assert cgroups is not None
    assert (cgroups[0].cpu_limit, cgroups[0].memory_limit_bytes, cgroups[0].thread_limit) == (None, None, None)
