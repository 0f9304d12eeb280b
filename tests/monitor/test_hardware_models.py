"""Sensors, power, disks, GPUs and services as models, from recorded hosts and from readings as the collectors give them."""

from pathlib import Path

import orjson
import pytest

from bitacora_collectors import CpuCollector, gpu, gpu_instances, services
from bitacora_collectors.contract import Collector, Host, Reading
from bitacora_collectors.disk_health import DiskHealth, DiskHealthCollector
from bitacora_collectors.gpu import GpuProcess
from bitacora_collectors.hardware import ENERGY, ERRORS, FAN_SPEED_RATIO, POWER, TEMPERATURE
from bitacora_collectors.power import HOST_ENERGY, PowerCollector
from bitacora_collectors.sensors import SensorsCollector
from bitacora_collectors.services import Service
from bitacora_collectors.smartctl import Device, Disk
from otel_bitacora.monitor import models
from otel_bitacora.monitor.modelling import hardware_metrics, system_metrics
from otel_bitacora.monitor.sampler import Sampler
from otel_bitacora.resource import HostIdentity
from otel_bitacora.testing import FakeClock, FakeHostCollector


@pytest.fixture
def hosts(root: Path) -> Path:
    return root / "tests/fixtures/hosts"


def hardware_of(identity: HostIdentity, clock: FakeClock, *collectors: Collector) -> models.HardwareMetrics:
    return hardware_metrics(Sampler(collectors, host=identity, clock=clock).tick())


def test_sensors_have_their_limits(identity: HostIdentity, clock: FakeClock, hosts: Path) -> None:
    hardware = hardware_of(identity, clock, SensorsCollector(Host(hosts / "server")))

    assert hardware.sensors is not None
    temperatures = {one.name: one for one in hardware.sensors.temperatures}
    assert temperatures["drivetemp temp1"].parent == "sda"
    assert temperatures["SYSTIN"].parent is None
    assert temperatures["SYSTIN"].limits_celsius == {"high.degraded": 80.0}
    fans = {one.name: (one.rpm, one.ratio) for one in hardware.sensors.fans}
    assert fans["nct6779 fan2"] == (0, None)
    assert fans["amdgpu fan1"] == (981, pytest.approx(981 / 3300))
    assert {one.name: one.volts for one in hardware.sensors.voltages}["3VSB"] == 3.344


@pytest.mark.parametrize(("name", "celsius"), [("laptop", 49.0), ("server", 46.25), ("raspberry", 52.582)])
def test_the_processors_temperature_is_that_of_its_package(
    identity: HostIdentity, clock: FakeClock, hosts: Path, name: str, celsius: float
) -> None:
    host = Host(hosts / name)

    hardware = hardware_of(identity, clock, CpuCollector(host), SensorsCollector(host))

    assert hardware.cpu is not None
    assert hardware.cpu.temperature_celsius == celsius


def test_a_host_without_any_of_it_has_none(identity: HostIdentity, clock: FakeClock, hosts: Path) -> None:
    host = Host(hosts / "vm")

    hardware = hardware_of(identity, clock, SensorsCollector(host), PowerCollector(host), DiskHealthCollector(host))

    assert (hardware.sensors, hardware.power, hardware.disk_health, hardware.gpus) == (None, None, None, None)


def test_power_is_measured_where_it_can_be(identity: HostIdentity, clock: FakeClock, hosts: Path) -> None:
    laptop = hardware_of(identity, clock, PowerCollector(Host(hosts / "laptop"))).power
    server = hardware_of(identity, clock, PowerCollector(Host(hosts / "server"))).power

    assert laptop is not None
    assert (laptop.host_watts, laptop.host_energy_joules) == (7.213, 71402.112182)
    (battery,) = laptop.batteries
    assert (battery.id, battery.status, battery.charge, battery.cycles) == ("BAT0", "Discharging", 0.61, 214)
    assert server is not None
    assert server.host_watts == 186.0
    assert {one.name: (one.type, one.watts) for one in server.components} == {
        "package-0": ("cpu", None),
        "PPT": ("gpu", 38.0),
    }


def test_power_is_the_growth_of_energy_where_nothing_measures_it(identity: HostIdentity, clock: FakeClock) -> None:
    cpu = {"hw.id": "package-0", "hw.name": "package-0", "hw.type": "cpu"}
    host = {"hw.id": "package-0"}
    collector = FakeHostCollector("power", [Reading(HOST_ENERGY, 100.0, host), Reading(ENERGY, 100.0, cpu)])
    sampler = Sampler([collector], host=identity, clock=clock)

    first = hardware_metrics(sampler.tick()).power
    collector.readings = (Reading(HOST_ENERGY, 150.0, host), Reading(ENERGY, 150.0, cpu))
    clock.advance(5.0)
    second = hardware_metrics(sampler.tick()).power

    assert first is not None
    assert (first.host_watts, first.components[0].watts) == (None, None)
    assert second is not None
    assert (second.host_watts, second.components[0].watts) == (10.0, 10.0)


def test_a_disk_is_a_row_whatever_it_says(identity: HostIdentity, clock: FakeClock) -> None:
    collector = FakeHostCollector("disk_health")
    known = Disk(Device("/dev/sda"), model="WDC", state="ok", endurance_used=1.3, errors={"uncorrected": 2})
    collector.found = (DiskHealth(known), DiskHealth(Disk(Device("/dev/sdb"), error="Permission denied")))

    disks = hardware_of(identity, clock, collector).disk_health

    assert disks is not None
    assert [(one.id, one.state, one.endurance_remaining, one.error) for one in disks] == [
        ("sda", "ok", 0.0, None),
        ("sdb", None, None, "Permission denied"),
    ]


def test_a_gpu_gathers_what_its_id_is_on(identity: HostIdentity, clock: FakeClock) -> None:
    own = {"hw.id": "GPU-1"}
    described = {**own, "hw.model": "H100", "hw.driver_version": "550"}
    collector = FakeHostCollector(
        "gpu",
        [
            Reading(gpu.XID_ERRORS, 1, own),
            Reading(gpu.XID_ERRORS, 0, {"hw.id": "GPU-2"}),
            Reading(gpu.MEMORY_LIMIT, 80, described),
            Reading(gpu.MEMORY_USAGE, 20, described),
            Reading(gpu.UTILIZATION, 0.5, {**described, "hw.gpu.task": "general"}),
            Reading(gpu.THROTTLED, 1, {**own, "bitacora.gpu.throttle.reason": "sw_power_cap"}),
            Reading(gpu.THROTTLED, 0, {**own, "bitacora.gpu.throttle.reason": "sync_boost"}),
            Reading(TEMPERATURE, 41, {"hw.id": "GPU-1/temperature", "hw.parent": "GPU-1"}),
            Reading(POWER, 127.5, {**own, "hw.type": "gpu"}),
            Reading(ERRORS, 3, {**own, "hw.type": "gpu", "error.type": "corrected"}),
            Reading(FAN_SPEED_RATIO, 0.3, {"hw.id": "GPU-1/fan0", "hw.parent": "GPU-1"}),
        ],
    )
    collector.found = (GpuProcess("GPU-1", 7, "compute", 10), GpuProcess("GPU-2", 8, "graphics", None))

    found = hardware_of(identity, clock, collector).gpus

    assert found is not None
    one, other = found
    assert (one.model, one.utilization, one.memory_used_bytes, one.memory_limit_bytes) == ("H100", 0.5, 20, 80)
    assert (one.temperature_celsius, one.watts, one.fan_ratio, one.errors) == (41, 127.5, 0.3, {"corrected": 3})
    assert (one.throttled_by, one.xid_errors) == (("sw_power_cap",), 1)
    assert [process.pid for process in one.processes] == [7]
    assert (other.id, other.utilization, other.memory_limit_bytes) == ("GPU-2", None, None)
    assert one.instances == ()


def test_a_gpu_that_is_cut_has_its_instances(identity: HostIdentity, clock: FakeClock) -> None:
    mine = {"hw.id": "MIG-1", "hw.name": "GPU 0 instance 1/0", "hw.parent": "GPU-1", "hw.model": "H100 MIG 1g.10gb"}
    collector = FakeHostCollector(
        "gpu",
        [
            Reading(gpu.XID_ERRORS, 0, {"hw.id": "GPU-1"}),
            Reading(gpu_instances.MEMORY_USAGE, 3, mine),
            Reading(gpu_instances.MEMORY_LIMIT, 10, mine),
            Reading(gpu_instances.MULTIPROCESSORS, 16, {**mine, "hw.id": "MIG-2"}),
            Reading(gpu_instances.MULTIPROCESSORS, 60, {**mine, "hw.id": "MIG-3", "hw.parent": "GPU-2"}),
        ],
    )

    found = hardware_of(identity, clock, collector).gpus

    assert found is not None
    assert [(i.id, i.multiprocessors, i.memory_used_bytes, i.memory_limit_bytes) for i in found[0].instances] == [
        ("MIG-2", 16, None, None),
        ("MIG-1", None, 3, 10),
    ]
    assert found[0].instances[1].model == "H100 MIG 1g.10gb"


def test_services_are_counts_failures_and_rows(identity: HostIdentity, clock: FakeClock) -> None:
    state, name = "systemd.unit.active_state", "systemd.unit.name"
    collector = FakeHostCollector(
        "services",
        [
            Reading(services.UNITS, 120, {state: "active"}),
            Reading(services.UNITS, 1, {state: "failed"}),
            Reading(services.UNIT_STATE, 1, {name: "a.service", state: "failed"}),
            Reading(services.UNIT_STATE, 0, {name: "b.service", state: "failed"}),
            Reading(services.UNIT_STATE, 1, {name: "b.service", state: "active"}),
        ],
    )
    collector.found = (Service("a.service", "A", "failed", "failed", None),)

    found = system_metrics(Sampler([collector], host=identity, clock=clock).tick()).services

    assert found is not None
    assert found.units_by_state == {"active": 120, "failed": 1}
    assert found.failed == ("a.service",)
    assert found.services[0].sub_state == "failed"


def test_all_of_it_is_json(identity: HostIdentity, clock: FakeClock, hosts: Path) -> None:
    host = Host(hosts / "laptop")

    decoded = orjson.loads(orjson.dumps(hardware_of(identity, clock, SensorsCollector(host), PowerCollector(host))))

    assert decoded["power"]["batteries"][0]["charge"] == 0.61
    assert decoded["sensors"]["temperatures"][0]["celsius"] > 0
