"""macOS and Windows, as psutil tells of them: what becomes of its answers, and what is left out."""

import socket
import sys
import types

import psutil
import pytest

from bitacora_collectors import connections, cpu, disk, interfaces, load, memory, os_info, power, sensors, traffic
from bitacora_collectors.contract import Host, Unavailable

from .fake_psutil import BOOTED, GIB, io_counters, on_macos, on_windows, tuple_of


def host_of(fake, platform):
    return Host(platform=platform, load_psutil=lambda: fake)


@pytest.fixture
def mac():
    fake = on_macos()
    return types.SimpleNamespace(psutil=fake, host=host_of(fake, "darwin"))


@pytest.fixture
def windows():
    fake = on_windows()
    return types.SimpleNamespace(psutil=fake, host=host_of(fake, "win32"))


def values(readings, metric, *keys):
    return {tuple(r.attributes.get(key) for key in keys): r.value for r in readings if r.metric is metric}


def test_another_root_is_linuxs_wherever_we_run(tmp_path):
    assert Host(tmp_path, platform="darwin").is_linux
    assert not Host(platform="darwin").is_linux
    assert Host(platform="linux").is_linux


def test_without_psutil_the_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "psutil", None)

    with pytest.raises(Unavailable, match=r"pip install 'otel-bitacora\[monitor\]'"):
        load.LoadCollector(Host(platform="darwin")).collect()


def test_cpu_modes_are_those_that_macos_tells_apart(mac):
    readings = cpu.CpuCollector(mac.host).collect()

    assert values(readings, cpu.TIME, "cpu.mode") == {
        ("user",): 30, ("nice",): 0, ("system",): 10, ("idle",): 160
    }  # fmt: skip
    assert values(readings, cpu.LOGICAL_COUNT) == {(): 2}
    assert values(readings, cpu.PHYSICAL_COUNT) == {(): 1}
    assert values(readings, cpu.SPEED_LIMIT, "hw.id") == {("cpu",): 3.2e9}
    assert values(readings, cpu.FREQUENCY) == {}


def test_interrupts_on_windows_are_not_counted_in_system_as_well(windows):
    readings = cpu.CpuCollector(windows.host).collect()

    assert values(readings, cpu.TIME, "cpu.mode") == {
        ("user",): 10, ("system",): 6, ("idle",): 80, ("interrupt",): 3
    }  # fmt: skip


def test_cpu_utilization_is_of_the_time_between_two_readings(mac):
    collector = cpu.CpuCollector(mac.host, per_core=True)
    collector.collect()
    mac.psutil.cpus = [one._replace(user=one.user + 1, idle=one.idle + 3) for one in mac.psutil.cpus]

    shares = values(collector.collect(), cpu.UTILIZATION, "cpu.logical_number", "cpu.mode")

    assert (shares[0, "user"], shares[1, "idle"], shares[0, "nice"]) == (0.25, 0.75, 0)


@pytest.mark.parametrize("error", [NotImplementedError("none"), OSError("none"), RuntimeError("none")])
def test_a_machine_that_hides_its_frequency_has_the_other_readings(mac, error):
    def raises():
        raise error

    mac.psutil.cpu_freq = raises

    readings = cpu.CpuCollector(mac.host).collect()

    assert values(readings, cpu.SPEED_LIMIT) == {}
    assert values(readings, cpu.LOGICAL_COUNT) == {(): 2}


def test_memory_states_sum_to_the_limit_and_macos_caches_are_cached(mac):
    readings = memory.MemoryCollector(mac.host).collect()

    states = values(readings, memory.USAGE, "system.memory.state")
    assert states == {("used",): 10 * GIB, ("free",): 2 * GIB, ("cached",): 4 * GIB}
    assert sum(states.values()) == values(readings, memory.LIMIT)[()]
    assert values(readings, memory.PAGING_USAGE, "system.paging.state") == {("used",): GIB, ("free",): GIB}
    assert values(readings, memory.PAGING_OPERATIONS) == {}


def test_windows_tells_used_and_free_memory_only_and_maybe_no_swap(windows):
    windows.psutil.swap = windows.psutil.swap._replace(total=0, used=0, free=0)

    readings = memory.MemoryCollector(windows.host).collect()

    assert values(readings, memory.UTILIZATION, "system.memory.state") == {("used",): 0.625, ("free",): 0.375}
    assert values(readings, memory.PAGING_USAGE) == {}


def test_the_volumes_of_an_apfs_container_are_one_file_system(mac):
    readings = disk.DiskCollector(mac.host).collect()

    sizes = values(readings, disk.LIMIT, "system.filesystem.mountpoint", "system.filesystem.mode")
    assert sizes == {("/", "ro"): 1000 * GIB, ("/Volumes/stick", "rw"): 8 * GIB}
    assert values(readings, disk.UTILIZATION, "system.device")["/dev/disk3s1s1",] == 0.4


def test_disks_have_what_psutil_counts_and_no_zero_for_the_rest(mac):
    readings = disk.DiskCollector(mac.host).collect()

    assert values(readings, disk.DISK_IO, "system.device", "disk.io.direction") == {
        ("disk0", "read"): 512 * 30, ("disk0", "write"): 512 * 40
    }  # fmt: skip
    assert values(readings, disk.OPERATION_TIME, "disk.io.direction") == {("read",): 5, ("write",): 6}
    assert {disk.MERGED, disk.IO_TIME, disk.DISK_LIMIT} & {reading.metric for reading in readings} == set()


def test_a_drive_without_a_medium_is_not_asked(windows):
    readings = disk.DiskCollector(windows.host).collect()

    assert values(readings, disk.LIMIT, "system.filesystem.mountpoint") == {("C:\\",): 500 * GIB}
    assert values(readings, disk.DISK_IO, "system.device")["PhysicalDrive0",] == 512 * 40


def test_a_drive_that_cannot_be_asked_costs_no_other(mac):
    del mac.psutil.usages["/"]
    mac.psutil.disk_usage = lambda path, ask=mac.psutil.disk_usage: ask(path) if path != "/" else refuse()

    readings = disk.DiskCollector(mac.host).collect()

    assert values(readings, disk.LIMIT, "system.filesystem.mountpoint") == {("/Volumes/stick",): 8 * GIB}


def refuse():
    raise PermissionError("not for us")


def test_load_averages_are_the_systems(mac):
    readings = list(load.LoadCollector(mac.host).collect())

    assert [reading.value for reading in readings] == [1.5, 1.25, 1.0]


def test_load_averages_on_windows_begin_with_the_second_reading(windows):
    collector = load.LoadCollector(windows.host)

    assert list(collector.collect()) == []
    windows.psutil.load = (2.0, 1.0, 0.5)
    assert [reading.value for reading in collector.collect()] == [2.0, 1.0, 0.5]


def test_uptime_is_counted_from_boot_and_never_negative(mac):
    collector = os_info.OsInfoCollector(mac.host, clock=lambda: BOOTED + 60)
    too_early = os_info.OsInfoCollector(mac.host, clock=lambda: BOOTED - 60)

    assert [reading.value for reading in collector.collect()] == [60]
    assert [reading.value for reading in too_early.collect()] == [0]


def test_traffic_is_by_interface_and_macos_counts_no_drops_on_the_way_out(mac, windows):
    on_mac = traffic.TrafficCollector(mac.host, exclude_interfaces="^lo").collect()
    on_win = traffic.TrafficCollector(windows.host).collect()

    direction = "network.io.direction"
    assert values(on_mac, traffic.IO, "network.interface.name", direction) == {
        ("en0", "receive"): 1000, ("en0", "transmit"): 100
    }  # fmt: skip
    assert values(on_mac, traffic.ERRORS, direction) == {("receive",): 2, ("transmit",): 3}
    assert values(on_mac, traffic.PACKET_DROPPED, direction) == {("receive",): 4}
    assert values(on_win, traffic.PACKET_DROPPED, direction) == {("receive",): 4, ("transmit",): 6}


def test_interfaces_have_state_speed_and_addresses(mac, windows):
    collector = interfaces.InterfacesCollector(mac.host)

    readings = collector.collect()

    loopback, ethernet = collector.entities()
    assert values(readings, interfaces.UP, "hw.id") == {("lo0",): 1, ("en0",): 1}
    assert values(readings, interfaces.LIMIT, "hw.id") == {("en0",): 125_000_000}
    assert (ethernet.mac, ethernet.addresses) == ("aa:bb:cc:00:11:22", ("192.0.2.7", "fe80::1"))
    assert (loopback.mac, loopback.speed_bits_per_second) == (None, None)
    on_win = interfaces.InterfacesCollector(windows.host)
    on_win.collect()
    assert on_win.entities()[0].mac == "aa:bb:cc:00:11:22"


def test_an_interfaces_use_and_quality_are_of_the_time_between_two_readings(mac):
    clock = iter([0.0, 10.0])
    collector = interfaces.InterfacesCollector(mac.host, monotonic=lambda: next(clock))
    collector.collect()
    mac.psutil.nics = {"en0": io_counters(received=1000 + 125_000_000)}

    readings = collector.collect()

    assert values(readings, interfaces.UTILIZATION, "hw.id") == {("en0",): 0.1}


def test_an_interface_that_has_just_gone_is_left_out(mac):
    del mac.psutil.states["lo0"]

    readings = interfaces.InterfacesCollector(mac.host).collect()

    assert values(readings, interfaces.UP, "hw.id") == {("en0",): 1}


def connection(kind, status, local=None, remote=None, pid=None):
    def end(pair):
        return tuple_of(ip=pair[0], port=pair[1]) if pair else ()

    return tuple_of(type=kind, status=status, laddr=end(local), raddr=end(remote), pid=pid)


def test_sockets_are_counted_by_state_and_listeners_have_their_process(windows):
    stream, datagram = socket.SOCK_STREAM, socket.SOCK_DGRAM
    windows.psutil.sockets = [
        connection(stream, "LISTEN", ("127.0.0.1", 80), pid=70),
        connection(stream, "FIN_WAIT1", ("127.0.0.1", 80), ("127.0.0.1", 99)),
        connection(stream, "DELETE_TCB", ("127.0.0.1", 80), ("127.0.0.1", 98)),
        connection(stream, "NONE"),
        connection(datagram, "NONE", ("0.0.0.0", 53)),
        connection(datagram, "NONE", ("0.0.0.0", 53), ("192.0.2.1", 53)),
    ]
    collector = connections.ConnectionsCollector(windows.host)

    counts = values(collector.collect(), connections.COUNT, "network.transport", "network.connection.state")

    assert {key: count for key, count in counts.items() if count} == {
        ("tcp", "listen"): 1, ("tcp", "fin_wait_1"): 1, ("udp", None): 2
    }  # fmt: skip
    assert [(one.transport, one.port, one.pid, one.process_name) for one in collector.entities()] == [
        ("tcp", 80, 70, "bitacora.exe"),
        ("udp", 53, None, None),
    ]


def test_where_psutil_may_not_look_sockets_are_unavailable(mac):
    mac.psutil.sockets = None

    with pytest.raises(Unavailable, match="may not list the sockets: only for root"):
        connections.ConnectionsCollector(mac.host).collect()


@pytest.mark.parametrize(
    ("told", "charge", "left"),
    [
        ((55, 3600, False), 0.55, 3600.0),
        ((55, -2, True), 0.55, None),
        ((55, 3600, True), 0.55, None),
        ((101, -1, False), 1.0, None),
        ((0, 0, False), 0.0, 0.0),
    ],
)
def test_a_battery_has_its_charge_and_time_left_while_it_discharges(mac, told, charge, left):
    percent, seconds, plugged = told
    mac.psutil.battery = tuple_of(percent=percent, secsleft=seconds, power_plugged=plugged)

    collector = power.PowerCollector(mac.host)
    readings = collector.collect()

    assert values(readings, power.CHARGE, "hw.id") == {("battery",): charge}
    assert values(readings, power.TIME_LEFT, "hw.battery.state") == (
        {("discharging",): left} if left is not None else {}
    )
    assert [one.time_left_seconds for one in collector.entities()] == [left]


def test_without_a_battery_there_is_no_power_to_read(mac):
    mac.psutil.battery = None

    with pytest.raises(Unavailable):
        power.PowerCollector(mac.host).collect()


def test_sensors_are_read_where_psutil_has_them(mac, windows):
    heat = tuple_of(label="", current=41.5, high=None, critical=None)
    mac.psutil.sensors_temperatures = lambda: {"cpu": [heat, heat._replace(label="core 1", current=42.0)]}

    readings = sensors.SensorsCollector(mac.host).collect()

    assert values(readings, sensors.TEMPERATURE, "hw.id", "hw.name") == {
        ("cpu/0", "cpu"): 41.5, ("cpu/1", "core 1"): 42.0
    }  # fmt: skip
    with pytest.raises(Unavailable, match="psutil knows no sensors"):
        sensors.SensorsCollector(windows.host).collect()


@pytest.mark.skipif(sys.platform != "linux", reason="compares with /proc")
def test_through_the_real_psutil_the_numbers_are_those_of_proc():
    """The portable way, walked on this machine: psutil's answers have their real types here."""
    portable, own = Host(platform="freebsd", load_psutil=lambda: psutil), Host()

    sent = "network.interface.name", "network.io.direction"
    before = values(traffic.TrafficCollector(own).collect(), traffic.IO, *sent)
    between = values(traffic.TrafficCollector(portable).collect(), traffic.IO, *sent)
    after = values(traffic.TrafficCollector(own).collect(), traffic.IO, *sent)
    assert all(before[key] <= between[key] <= after[key] for key in before)
    for metric in (memory.LIMIT, cpu.LOGICAL_COUNT, cpu.PHYSICAL_COUNT):
        factory = memory.MemoryCollector if metric is memory.LIMIT else cpu.CpuCollector
        assert values(factory(portable).collect(), metric) == values(factory(own).collect(), metric)
    up = interfaces.InterfacesCollector(portable)
    up.collect()
    expected = interfaces.InterfacesCollector(own)
    expected.collect()
    assert {(one.name, one.mac, one.mtu_bytes) for one in up.entities()} == {
        (one.name, one.mac, one.mtu_bytes) for one in expected.entities()
    }
    points = "system.filesystem.mountpoint"
    mounted = values(disk.DiskCollector(own).collect(), disk.LIMIT, "system.device", points)
    assert (
        values(disk.DiskCollector(portable).collect(), disk.LIMIT, "system.device", points).items() <= mounted.items()
    )
