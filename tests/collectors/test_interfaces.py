import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitacora_collectors import interfaces
from bitacora_collectors.contract import Host, Unavailable
from bitacora_collectors.interfaces import (
    InterfacesCollector,
    NetworkInterface,
    is_up,
    parse_addresses,
    parse_mac,
    parse_speed,
    parse_wireless,
)

HEADINGS = "Inter-|   Receive  |  Transmit\n face |bytes packets\n"
WIRELESS = "Inter-| sta-|   Quality\n face | tus | link level noise\n"


def values(readings, metric):
    return {r.attributes["hw.id"]: r.value for r in readings if r.metric is metric}


def dev(received=0, transmitted=0, packets=0, lost=0, name="eth0"):
    return f"{HEADINGS}{name}: {received} {packets} {lost} 0 0 0 0 0 {transmitted} 0 0 0 0 0 0 0\n"


def interface(name="eth0", **changed):
    content = {
        "ifindex": 2,
        "operstate": "up",
        "flags": "0x1003",
        "address": "02:00:00:00:00:01",
        "mtu": 1500,
    } | changed
    return {f"/sys/class/net/{name}/{file}": f"{text}\n" for file, text in content.items()}


class Clock:
    def __init__(self):
        self.seconds = 100.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def clock():
    return Clock()


def test_an_interface_is_told_with_its_name_and_hardware_address(recorded_host):
    readings = InterfacesCollector(recorded_host("server")).collect()

    (eno1,) = [r for r in readings if r.metric is interfaces.UP and r.attributes["hw.id"] == "eno1"]
    assert dict(eno1.attributes) == {"hw.id": "eno1", "hw.network.physical_address": "ac:1f:6b:00:12:34"}
    assert eno1.value == 1


def test_up_needs_a_link_but_lo_has_no_state(recorded_host):
    server = values(InterfacesCollector(recorded_host("server")).collect(), interfaces.UP)
    laptop = values(InterfacesCollector(recorded_host("laptop")).collect(), interfaces.UP)

    assert server == {"lo": 1, "eno1": 1, "eno2": 1, "bond0": 1, "veth0a1b2c3": 0}
    assert laptop == {"lo": 1, "wlp58s0": 1, "docker0": 0}


@pytest.mark.parametrize(
    ("state", "flags", "expected"),
    [
        (b"up\n", 0x1003, True),
        (b"unknown\n", 0x9, True),
        (b"unknown\n", 0x8, False),
        (b"down\n", 0x1003, False),
        (b"lowerlayerdown\n", 0x1003, False),
        (b"dormant\n", 0x1003, False),
        (b"", 0x1003, False),
    ],
)
def test_a_state_is_up_or_unknown_and_switched_on(state, flags, expected):
    assert is_up(state, flags) is expected


def test_speed_is_in_bytes_per_second(recorded_host):
    limits = values(InterfacesCollector(recorded_host("server")).collect(), interfaces.LIMIT)

    assert limits["eno1"] == 1_250_000_000


@pytest.mark.parametrize("unknown", [b"0\n", b"-1\n", b"65535\n", b"4294967295\n", None])
def test_a_speed_that_is_unknown_is_none(unknown):
    assert parse_speed(unknown, "eth0") is None


def test_an_interface_without_a_speed_has_no_limit_and_no_utilization(host_with, clock):
    host = host_with({"/proc/1/net/dev": dev(), **interface(speed=-1)})
    collector = InterfacesCollector(host, monotonic=clock)

    collector.collect()
    clock.seconds += 10
    host_with({"/proc/1/net/dev": dev(10_000_000)})
    readings = collector.collect()

    assert {r.metric for r in readings} == {interfaces.UP}


def test_utilization_is_that_of_the_busier_direction_since_the_last_tick(host_with, clock):
    host = host_with({"/proc/1/net/dev": dev(1000, 1000), **interface(speed=100)})
    collector = InterfacesCollector(host, monotonic=clock)

    first = collector.collect()
    clock.seconds += 10
    host_with({"/proc/1/net/dev": dev(1000 + 12_500_000, 1000 + 62_500_000)})
    second = collector.collect()

    assert values(first, interfaces.UTILIZATION) == {}
    assert values(second, interfaces.UTILIZATION) == {"eth0": pytest.approx(0.5)}


def test_utilization_is_never_more_than_everything(host_with, clock):
    host = host_with({"/proc/1/net/dev": dev(), **interface(speed=10)})
    collector = InterfacesCollector(host, monotonic=clock)

    collector.collect()
    clock.seconds += 1
    host_with({"/proc/1/net/dev": dev(10**9)})

    assert values(collector.collect(), interfaces.UTILIZATION) == {"eth0": 1.0}


def test_counters_set_back_tell_nothing_for_a_tick(host_with, clock):
    host = host_with({"/proc/1/net/dev": dev(1000, packets=9), **interface(speed=10)})
    collector = InterfacesCollector(host, monotonic=clock)

    collector.collect()
    clock.seconds += 1
    host_with({"/proc/1/net/dev": dev(5, packets=1)})

    assert {r.metric for r in collector.collect()} == {interfaces.UP, interfaces.LIMIT}


@pytest.mark.parametrize(
    ("packets", "lost", "quality"), [(200, 0, 1.0), (200, 50, 0.75), (10, 99, 0.0), (0, 3, 0.0), (0, 0, None)]
)
def test_the_quality_of_a_wire_is_the_share_of_packets_not_lost(host_with, clock, packets, lost, quality):
    host = host_with({"/proc/1/net/dev": dev(packets=7, lost=2), **interface()})
    collector = InterfacesCollector(host, monotonic=clock)

    first = collector.collect()
    clock.seconds += 1
    host_with({"/proc/1/net/dev": dev(packets=7 + packets, lost=2 + lost)})
    second = collector.collect()

    assert values(first, interfaces.QUALITY) == {}
    assert values(second, interfaces.QUALITY).get("eth0") == quality


def test_the_quality_of_wireless_is_the_drivers_with_its_signal(recorded_host):
    readings = InterfacesCollector(recorded_host("laptop")).collect()

    assert values(readings, interfaces.QUALITY) == {"wlp58s0": pytest.approx(54 / 70)}
    assert values(readings, interfaces.SIGNAL) == {"wlp58s0": -56}


def test_wireless_that_is_down_has_no_quality_and_not_one_of_zero(recorded_host):
    readings = InterfacesCollector(recorded_host("raspberry")).collect()

    assert values(readings, interfaces.UP)["wlan0"] == 0
    assert values(readings, interfaces.QUALITY) == {}


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        (" 70.  -40.  -95.", (1.0, -40)),
        (" 94.  -40.  -95.", (1.0, -40)),
        (" 35   200   161 ", (0.5, None)),
        ("  0.  -256. -256.", (0.0, None)),
    ],
    ids=["the best", "of another scale", "in units of its own", "no signal"],
)
def test_a_level_is_a_signal_only_in_dbm(numbers, expected):
    line = f" wlan0: 0000  {numbers}       0      0      0      0      0        0\n"

    assert parse_wireless((WIRELESS + line).encode()) == {"wlan0": expected}


def test_an_alias_is_no_interface_and_a_file_of_bonding_neither(recorded_host):
    collector = InterfacesCollector(recorded_host("server"))

    collector.collect()

    assert {one.name for one in collector.entities()} == {"lo", "eno1", "eno2", "bond0", "veth0a1b2c3"}


def test_interfaces_can_be_left_out(recorded_host):
    collector = InterfacesCollector(recorded_host("server"), exclude_interfaces="^(lo|veth)")

    readings = collector.collect()

    assert {r.attributes["hw.id"] for r in readings} == {"eno1", "eno2", "bond0"}


def test_facts_are_an_entity(recorded_host):
    collector = InterfacesCollector(recorded_host("laptop"))

    collector.collect()

    (wifi,) = [one for one in collector.entities() if one.name == "wlp58s0"]
    assert wifi == NetworkInterface(
        name="wlp58s0",
        mac="9c:b6:d0:1a:2b:3c",
        mtu_bytes=1500,
        is_up=True,
        speed_bits_per_second=None,
        addresses=("fd00::20", "fe80::a2b:cfff:fe00:1234"),
    )
    assert dict(wifi.attributes) == {
        "hw.id": "wlp58s0",
        "hw.network.physical_address": "9c:b6:d0:1a:2b:3c",
        "hw.network.logical_addresses": "fd00::20,fe80::a2b:cfff:fe00:1234",
    }
    assert list(wifi.readings()) == []


def test_where_no_address_can_be_told_there_is_none_and_no_empty_list(host_with):
    collector = InterfacesCollector(host_with({"/proc/1/net/dev": dev(), **interface()}))

    collector.collect()

    assert [one.addresses for one in collector.entities()] == [None]


def test_without_sysfs_interfaces_are_unavailable(host_with):
    with pytest.raises(Unavailable, match="/sys/class/net"):
        InterfacesCollector(host_with({"/proc/1/net/dev": dev()})).collect()


def test_zeros_are_no_hardware_address_and_infiniband_has_a_long_one():
    infiniband = ":".join(["80"] * 20)

    assert parse_mac(b"00:00:00:00:00:00\n") is None
    assert parse_mac(b"\n") is None
    assert parse_mac(f"{infiniband}\n".encode()) == infiniband


def attribute(kind, value):
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def address(index, text, *, peer=None, label=b"eth0\0"):
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    packed = socket.inet_pton(family, text)
    first = attribute(1, socket.inet_pton(family, peer) if peer else packed)
    local = attribute(2, packed) if family == socket.AF_INET else b""
    return struct.pack("=BBBBI", family, 24, 0, 0, index) + first + local + attribute(3, label)


def test_addresses_come_by_the_index_of_their_interface():
    found = parse_addresses([address(1, "127.0.0.1"), address(2, "10.0.0.5"), address(2, "fe80::1")])

    assert found == {1: ["127.0.0.1"], 2: ["10.0.0.5", "fe80::1"]}


def test_of_a_tunnel_it_is_our_end():
    assert parse_addresses([address(7, "10.8.0.2", peer="10.8.0.1")]) == {7: ["10.8.0.2"]}


def test_addresses_of_no_ip_are_passed_over():
    assert parse_addresses([struct.pack("=BBBBI", 17, 0, 0, 0, 3) + attribute(1, b"12345678")]) == {}


@pytest.mark.parametrize(
    "broken", [b"", b"\2\0\0\0", address(1, "10.0.0.5")[:-5], address(1, "10.0.0.5") + b"\1\0\0\0"]
)
def test_an_address_that_is_cut_off_is_refused(broken):
    with pytest.raises(ValueError, match="netlink: expected an"):
        parse_addresses([broken])


@given(st.lists(st.binary(max_size=60), max_size=3), st.binary(max_size=20))
def test_any_payloads_are_parsed_or_refused(payloads, garbage):
    for answer in (payloads, [address(1, "10.0.0.5") + garbage]):
        try:
            found = parse_addresses(answer)
        except ValueError as error:
            refusal = str(error)
        else:
            refusal = "netlink: not refused"
            for one in (one for addresses in found.values() for one in addresses):
                socket.inet_pton(socket.AF_INET6 if ":" in one else socket.AF_INET, one)
        assert refusal.startswith("netlink: ")


def test_our_own_addresses_are_asked_over_netlink():
    asked = []

    def query(protocol, request, body):
        asked.append((protocol, request, body))
        return [address(1, "127.0.0.9", label=b"lo\0")]

    collector = InterfacesCollector(Host(), query=query)
    try:
        collector.collect()
    except Unavailable:
        pytest.skip("no /sys/class/net here")

    assert asked == [(0, 22, bytes(8))]
    assert {one.name: one.addresses for one in collector.entities()}["lo"] == ("127.0.0.9",)
