"""This machine's sockets, interfaces, pressure and control groups, beside what psutil and the files say of them."""

import os
import socket
import sys
from collections import Counter
from pathlib import Path

import psutil
import pytest

from bitacora_collectors import cgroup, connections, interfaces, pressure, sockets
from bitacora_collectors.contract import Host, Unavailable
from bitacora_collectors.netlink import dump

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

ATTEMPTS = 5
PSUTIL_STATES = {
    "ESTABLISHED": "established",
    "LISTEN": "listen",
    "CLOSE_WAIT": "close_wait",
    "FIN_WAIT2": "fin_wait_2",
    "SYN_SENT": "syn_sent",
}


def agree(attempt):
    """Run *attempt* until it agrees: other programs open and close sockets too."""
    for _ in range(ATTEMPTS - 1):
        try:
            return attempt()
        except AssertionError:
            continue
    return attempt()


def values(readings, metric, *keys):
    return {tuple(r.attributes[key] for key in keys): r.value for r in readings if r.metric is metric}


def loopbacks():
    """Return an address of each version that this machine has, or the same one twice."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return "127.0.0.1", "127.0.0.1"
    return "127.0.0.1", "::1"


@pytest.fixture
def open_sockets():
    """Fifty sockets in states that last: listen, established, close_wait with fin_wait_2; IPv4, IPv6 and UDP."""
    found = []
    try:
        for address in loopbacks():
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            listener = socket.create_server((address, 0), family=family)
            found.append(listener)
            for number in range(11):
                client = socket.create_connection(listener.getsockname()[:2])
                server, _ = listener.accept()
                found += (client, server)
                if number < 4:
                    client.shutdown(socket.SHUT_WR)
            datagram = socket.socket(family, socket.SOCK_DGRAM)
            datagram.bind((address, 0))
            connected = socket.socket(family, socket.SOCK_DGRAM)
            connected.connect(datagram.getsockname()[:2])
            found += (datagram, connected)
        yield found
    finally:
        for one in found:
            one.close()


def test_fifty_sockets_are_found_in_their_states(open_sockets):
    def attempt():
        counts = values(connections.ConnectionsCollector(Host()).collect(), connections.COUNT, "network.transport")
        states = sockets.from_netlink(dump).tcp_states

        assert len(open_sockets) == 50
        assert counts["udp",] >= 4
        assert states["listen"] >= 2
        assert states["established"] >= 28
        assert states["close_wait"] >= 8
        assert states["fin_wait_2"] >= 8

    agree(attempt)


def test_netlink_and_the_files_say_the_same(open_sockets):
    def attempt():
        of_netlink, of_files = sockets.from_netlink(dump), sockets.from_files(Host(), "/proc/net")

        assert of_netlink._replace(listeners=sorted(of_netlink.listeners)) == of_files._replace(
            listeners=sorted(of_files.listeners)
        )

    agree(attempt)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_those_in_time_wait_are_as_many_as_netlink_lists(address, open_sockets):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    if family == socket.AF_INET6 and not socket.has_dualstack_ipv6():
        pytest.skip("no IPv6 here")
    held = []
    with socket.create_server((address, 0), family=family) as server:
        for number in range(20):
            client = socket.create_connection(server.getsockname()[:2])
            accepted, _ = server.accept()
            client.close()
            accepted.close() if number % 2 else held.append(
                accepted
            )  # in fin_wait_2, with nobody to hold the other end

    def attempt():
        waiting = sockets.parse_waiting(Path("/proc/net/sockstat").read_bytes())
        counted, listed = sockets.from_netlink(dump, waiting), sockets.from_netlink(dump)
        assert counted.tcp_states == listed.tcp_states
        assert listed.tcp_states["time_wait"] >= 10

    agree(attempt)
    for one in held:
        one.close()


def test_netlink_and_psutil_say_the_same(open_sockets):
    def attempt():
        found = sockets.from_netlink(dump)
        of_psutil = psutil.net_connections("inet")

        expected = Counter(one.status for one in of_psutil if one.type == socket.SOCK_STREAM)
        assert {state: found.tcp_states[state] for state in PSUTIL_STATES.values()} == {
            state: expected[word] for word, state in PSUTIL_STATES.items()
        }
        assert found.udp == sum(one.type == socket.SOCK_DGRAM for one in of_psutil)

    agree(attempt)


def test_sockstat_says_how_many_netlink_lists(open_sockets):
    def attempt():
        of_sockstat, of_netlink = sockets.from_sockstat(Host(), "/proc/net"), sockets.from_netlink(dump)

        assert (of_sockstat.tcp, of_sockstat.udp) == (of_netlink.tcp, of_netlink.udp)

    agree(attempt)


def test_a_port_that_this_process_listens_on_is_told_to_be_ours(open_sockets):
    port = open_sockets[0].getsockname()[1]
    collector = connections.ConnectionsCollector(Host())

    collector.collect()

    (ours,) = [one for one in collector.entities() if one.port == port]
    assert (ours.transport, ours.address, ours.uid) == ("tcp", "127.0.0.1", os.getuid())
    assert (ours.pid, ours.process_name) == (os.getpid(), Path("/proc/self/comm").read_text().strip())


def test_interfaces_are_those_of_psutil():
    collector = interfaces.InterfacesCollector(Host())

    collector.collect()

    found = {one.name: one for one in collector.entities()}
    expected, addresses = psutil.net_if_stats(), psutil.net_if_addrs()
    assert set(found) == set(expected)
    for name, one in found.items():
        assert one.mtu_bytes == expected[name].mtu
        assert (one.speed_bits_per_second or 0) in (expected[name].speed * 10**6, 0)
        logical = {
            address.address.partition("%")[0]
            for address in addresses.get(name, ())
            if address.family in (socket.AF_INET, socket.AF_INET6)
        }
        assert set(one.addresses or ()) == logical
        if one.mac is not None:
            assert one.mac in {address.address for address in addresses[name] if address.family == psutil.AF_LINK}


def test_lo_is_up():
    assert values(interfaces.InterfacesCollector(Host()).collect(), interfaces.UP, "hw.id")["lo",] == 1


@pytest.mark.skipif(not Path("/proc/pressure/cpu").exists(), reason="a kernel without pressure")
def test_pressure_grows_and_lies_between_the_files():
    total = pressure.RESOURCES[0].total

    def now():
        stalls = pressure.parse_pressure(Path("/proc/pressure/cpu").read_bytes(), "/proc/pressure/cpu")
        return stalls["some"].total_seconds

    before = now()
    found = values(pressure.PressureCollector(Host()).collect(), total, "system.pressure.stall_type")
    after = now()

    assert before <= found["some",] <= after


def test_our_control_group_is_one_of_proc():
    try:
        readings = cgroup.CgroupCollector(Host()).collect()
    except Unavailable as error:
        pytest.skip(str(error))

    paths = {line.split(":", 2)[2] for line in Path("/proc/self/cgroup").read_text().splitlines()}
    assert {reading.attributes["bitacora.cgroup.name"] for reading in readings} <= paths
