from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from bitacora_collectors import BitacoraCollector, ProcessesCollector
from bitacora_collectors.contract import Attributes, Group, Host, Kind, Metric, Reading
from otel_bitacora.monitor.modelling import (
    hardware_metrics,
    network_metrics,
    process_metrics,
    snapshot_model,
    system_metrics,
)
from otel_bitacora.monitor.sampler import Sampler
from otel_bitacora.monitor.snapshot import Snapshot
from otel_bitacora.resource import HostIdentity
from otel_bitacora.testing import FakeClock, FakeHostCollector


def reading(name: str, value: float, attributes: Attributes | None = None) -> Reading:
    return Reading(Metric(name, Kind.GAUGE, "1", "", Group.SYSTEM), value, attributes or {})


def received(count: int, name: str = "eth0") -> Reading:
    return reading("system.network.io", count, {"network.interface.name": name, "network.io.direction": "receive"})


def sent(count: int, name: str = "eth0") -> Reading:
    return reading("system.network.io", count, {"network.interface.name": name, "network.io.direction": "transmit"})


@pytest.fixture
def traffic() -> FakeHostCollector:
    return FakeHostCollector("traffic", [received(1000), sent(500)], group=Group.NETWORK)


def only(identity: HostIdentity, clock: FakeClock, *readings: Reading) -> Snapshot:
    return Sampler([FakeHostCollector("fake", readings)], host=identity, clock=clock).tick()


def test_what_is_absent_is_null_never_zero(identity: HostIdentity, clock: FakeClock) -> None:
    snapshot = only(identity, clock)

    assert hardware_metrics(snapshot).cpu is None
    assert hardware_metrics(snapshot).memory is None
    assert hardware_metrics(snapshot).paging is None
    assert hardware_metrics(snapshot).disk is None
    assert system_metrics(snapshot).load is None
    assert system_metrics(snapshot).processes is None
    assert network_metrics(snapshot).interfaces is None
    assert process_metrics(snapshot).sidecar is None


@pytest.mark.parametrize("devices", [("/swap.img", "/dev/sdb"), (None,)])
def test_swap_is_by_device_and_of_all_where_no_device_is_told(
    identity: HostIdentity, clock: FakeClock, devices: tuple[str | None, ...]
) -> None:
    def usage(device: str | None, state: str, value: int) -> Reading:
        named = {} if device is None else {"system.device": device}
        return reading("system.paging.usage", value, {**named, "system.paging.state": state})

    snapshot = only(
        identity, clock, *(usage(one, state, value) for one in devices for state, value in (("used", 3), ("free", 5)))
    )

    paging = hardware_metrics(snapshot).paging
    assert paging is not None
    assert [(one.device, one.used_bytes, one.free_bytes) for one in paging.swap] == [
        (one or "", 3, 5) for one in devices
    ]


def test_the_cpus_are_busy_when_neither_idle_nor_waiting(identity: HostIdentity, clock: FakeClock) -> None:
    shares = {"user": 0.2, "system": 0.1, "idle": 0.6, "iowait": 0.1}
    readings = [
        *(reading("system.cpu.time", 10.0, {"cpu.mode": mode}) for mode in shares),
        *(reading("system.cpu.utilization", share, {"cpu.mode": mode}) for mode, share in shares.items()),
    ]

    cpu = hardware_metrics(only(identity, clock, *readings)).cpu

    assert cpu is not None
    assert cpu.utilization == pytest.approx(0.3)
    assert cpu.utilization_by_mode == shares
    assert cpu.frequency_hertz is None


def test_cpus_read_one_by_one_are_averaged(identity: HostIdentity, clock: FakeClock) -> None:
    readings = [
        reading("system.cpu.time", 10.0, {"cpu.mode": "idle", "cpu.logical_number": 0}),
        reading("system.cpu.time", 30.0, {"cpu.mode": "idle", "cpu.logical_number": 1}),
        reading("system.cpu.utilization", 1.0, {"cpu.mode": "idle", "cpu.logical_number": 0}),
        reading("system.cpu.utilization", 0.5, {"cpu.mode": "idle", "cpu.logical_number": 1}),
    ]

    cpu = hardware_metrics(only(identity, clock, *readings)).cpu

    assert cpu is not None
    assert cpu.time_seconds_by_mode == {"idle": 40.0}
    assert cpu.utilization == pytest.approx(0.25)


def test_traffic_has_no_rate_at_first_and_then_the_rate_of_the_last_tick(
    identity: HostIdentity, clock: FakeClock, traffic: FakeHostCollector
) -> None:
    sampler = Sampler([traffic], host=identity, clock=clock)
    first = network_metrics(sampler.tick())
    traffic.readings = (received(2000), sent(500), received(7, "wlan0"), sent(7, "wlan0"))
    clock.advance(5.0)

    second = network_metrics(sampler.tick())

    assert first.interfaces is not None
    assert second.interfaces is not None
    assert first.interfaces[0].receive.bytes_per_second is None
    rates = {one.name: (one.receive.bytes_per_second, one.transmit.bytes_per_second) for one in second.interfaces}
    assert rates == {"eth0": (200.0, 0.0), "wlan0": (None, None)}


def test_a_rate_needs_two_samples_in_a_row(
    identity: HostIdentity, clock: FakeClock, traffic: FakeHostCollector
) -> None:
    sampler = Sampler([traffic], host=identity, clock=clock)
    sampler.tick()
    traffic.error = OSError("gone for a moment")
    clock.advance(5.0)
    sampler.tick()
    traffic.error = None
    clock.advance(5.0)

    interfaces = network_metrics(sampler.tick()).interfaces

    assert interfaces is not None
    assert interfaces[0].receive.bytes_per_second is None


def test_every_file_system_keeps_its_own_numbers(identity: HostIdentity, clock: FakeClock) -> None:
    def at(mountpoint: str) -> dict[str, str]:
        return {
            "system.device": "/dev/sda1",
            "system.filesystem.mountpoint": mountpoint,
            "system.filesystem.type": "ext4",
            "system.filesystem.mode": "rw",
        }

    readings = [
        reading("system.filesystem.limit", 100, at("/")),
        reading("system.filesystem.usage", 60, {**at("/"), "system.filesystem.state": "used"}),
        reading("system.filesystem.usage", 30, {**at("/"), "system.filesystem.state": "free"}),
        reading("system.filesystem.limit", 7, at("/boot")),
        reading("system.filesystem.usage", 5, {**at("/boot"), "system.filesystem.state": "used"}),
    ]

    disk = hardware_metrics(only(identity, clock, *readings)).disk

    assert disk is not None
    found = {one.mountpoint: (one.limit_bytes, one.used_bytes, one.free_bytes) for one in disk.filesystems}
    assert found == {"/": (100, 60, 30), "/boot": (7, 5, 0)}


def test_times_are_utc_to_the_microsecond(identity: HostIdentity) -> None:
    clock = FakeClock(unix_nano=1_700_000_000_123_456_789)

    model = snapshot_model(only(identity, clock))

    assert model.timestamp == datetime(2023, 11, 14, 22, 13, 20, 123456, tzinfo=UTC)


def test_the_whole_model_is_json(identity: HostIdentity, clock: FakeClock, traffic: FakeHostCollector) -> None:
    model = snapshot_model(Sampler([traffic], host=identity, clock=clock).tick())

    decoded = orjson.loads(orjson.dumps(model, option=orjson.OPT_UTC_Z))

    assert decoded["timestamp"] == "2023-11-14T22:13:20Z"
    assert decoded["system"]["os"]["kernel_release"] == "6.1.0"
    assert decoded["hardware"]["cpu"] is None
    assert decoded["collectors"][0]["health"] == "ok"


@pytest.fixture
def laptop(root: Path, identity: HostIdentity, clock: FakeClock) -> Snapshot:
    host = Host(root / "tests/fixtures/hosts/laptop")
    return Sampler([ProcessesCollector(host), BitacoraCollector(host)], host=identity, clock=clock).tick()


def test_processes_are_rows_with_what_is_not_known_as_null(laptop: Snapshot) -> None:
    rows = {row.pid: row for row in process_metrics(laptop).processes or ()}

    firefox, vim = rows[812], rows[1302]
    assert (firefox.executable, firefox.owner, firefox.state, firefox.threads) == ("firefox", "me", "running", 28)
    assert (firefox.read_bytes, firefox.open_files, firefox.command_line) == (5242880, 3, None)
    assert firefox.started_at == datetime(2026, 9, 21, 14, 14, 16, 840000, tzinfo=UTC)
    assert (vim.owner, vim.read_bytes, vim.open_files, vim.cpu_utilization) == (None, None, None, None)


def test_every_process_but_the_first_is_the_child_of_another(laptop: Snapshot) -> None:
    rows = {row.pid: row for row in process_metrics(laptop).processes or ()}

    assert rows[913].children == (2001,)
    assert rows[2001].parent_pid == 913
    in_the_tree = sorted(child for row in rows.values() for child in row.children)
    assert in_the_tree == sorted(pid for pid, row in rows.items() if row.parent_pid)


def test_bitacoras_processes_are_rows_of_their_own(laptop: Snapshot) -> None:
    metrics = process_metrics(laptop)

    assert metrics.bitacora is not None
    assert [(row.pid, row.executable) for row in metrics.bitacora] == [(2001, "bitacora_timestamp")]


def test_without_bitacora_or_its_collector_there_is_none(root: Path, identity: HostIdentity, clock: FakeClock) -> None:
    host = Host(root / "tests/fixtures/hosts/vm")
    collectors = [ProcessesCollector(host), BitacoraCollector(host)]

    found = process_metrics(Sampler(collectors, host=identity, clock=clock).tick())

    assert found.processes is not None
    assert found.bitacora is None
    assert process_metrics(only(identity, clock)).processes is None


def test_rows_of_processes_are_json(laptop: Snapshot) -> None:
    decoded = orjson.loads(orjson.dumps(process_metrics(laptop), option=orjson.OPT_UTC_Z))

    row = next(row for row in decoded["processes"] if row["pid"] == 913)
    assert row["children"] == [2001]
    assert row["started_at"].endswith("Z")
