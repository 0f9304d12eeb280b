import orjson
import pytest

from bitacora_collectors.connections import ListeningPort
from bitacora_collectors.contract import Attributes, Group, Kind, Metric, Reading
from bitacora_collectors.interfaces import NetworkInterface
from otel_bitacora.monitor.exposition import Exposition
from otel_bitacora.monitor.modelling import network_metrics
from otel_bitacora.monitor.sampler import Sampler
from otel_bitacora.monitor.snapshot import Snapshot
from otel_bitacora.resource import HostIdentity
from otel_bitacora.testing import FakeClock, FakeHostCollector

ETH0 = NetworkInterface("eth0", "02:00:00:00:00:01", 1500, True, 10**9, ("10.0.0.5", "fe80::1"))
PORT = ListeningPort("tcp", "127.0.0.1", 8080, 1000, "me", 412, "uvicorn")


def reading(name: str, value: float, attributes: Attributes | None = None) -> Reading:
    return Reading(Metric(name, Kind.GAUGE, "1", "", Group.NETWORK), value, attributes or {})


def traffic(name: str) -> list[Reading]:
    directions = ("receive", "transmit")
    return [
        reading("system.network.io", 7, {"network.interface.name": name, "network.io.direction": one})
        for one in directions
    ]


def count(value: int, transport: str, state: str | None = None) -> Reading:
    attributes = {"network.transport": transport, **({"network.connection.state": state} if state else {})}
    return reading("system.network.connection.count", value, attributes)


@pytest.fixture
def interfaces() -> FakeHostCollector:
    return FakeHostCollector("interfaces", group=Group.NETWORK)


@pytest.fixture
def connections() -> FakeHostCollector:
    return FakeHostCollector("connections", group=Group.NETWORK)


def tick(identity: HostIdentity, clock: FakeClock, *collectors: FakeHostCollector) -> Snapshot:
    return Sampler(collectors, host=identity, clock=clock).tick()


def test_what_is_absent_is_null_never_zero(identity: HostIdentity, clock: FakeClock) -> None:
    network = network_metrics(tick(identity, clock))

    assert network.connections is None
    assert network.listening_ports is None


def test_an_interface_has_its_facts_beside_its_traffic(
    identity: HostIdentity, clock: FakeClock, interfaces: FakeHostCollector
) -> None:
    interfaces.found = (ETH0,)
    interfaces.readings = (
        reading("bitacora.network.link.quality", 0.9, {"hw.id": "eth0"}),
        reading("bitacora.network.link.signal", -56, {"hw.id": "eth0"}),
        reading("hw.network.bandwidth.utilization", 0.25, {"hw.id": "eth0"}),
    )
    interfaces.metrics = tuple(one.metric for one in interfaces.readings)
    (eth0,) = (
        network_metrics(tick(identity, clock, FakeHostCollector("traffic", traffic("eth0")), interfaces)).interfaces
        or ()
    )

    assert eth0.receive is not None
    assert eth0.receive.bytes == 7
    assert (eth0.is_up, eth0.mac, eth0.mtu_bytes) == (True, "02:00:00:00:00:01", 1500)
    assert (eth0.speed_bits_per_second, eth0.addresses) == (10**9, ("10.0.0.5", "fe80::1"))
    assert (eth0.utilization, eth0.quality, eth0.signal_dbm) == (0.25, 0.9, -56)


def test_each_half_of_an_interface_may_be_missing(
    identity: HostIdentity, clock: FakeClock, interfaces: FakeHostCollector
) -> None:
    interfaces.found = (ETH0,)

    found = network_metrics(tick(identity, clock, FakeHostCollector("traffic", traffic("lo")), interfaces)).interfaces

    assert found is not None
    lo, eth0 = found
    assert (lo.name, lo.is_up, lo.addresses) == ("lo", None, None)
    assert (eth0.name, eth0.is_up, eth0.receive, eth0.transmit) == ("eth0", True, None, None)


def test_connections_are_counted_by_transport_and_state(
    identity: HostIdentity, clock: FakeClock, connections: FakeHostCollector
) -> None:
    connections.readings = (
        *(count(3, "tcp", "established"), count(0, "tcp", "listen"), count(2, "udp")),
        reading("bitacora.network.tcp.retransmit.ratio", 0.01),
    )
    connections.metrics = tuple({one.metric.name: one.metric for one in connections.readings}.values())

    found = network_metrics(tick(identity, clock, connections)).connections

    assert found is not None
    assert (found.tcp, found.udp) == (3, 2)
    assert found.tcp_by_state == {"established": 3, "listen": 0}
    assert found.tcp_retransmit_ratio == 0.01


def test_without_states_there_is_still_a_number(
    identity: HostIdentity, clock: FakeClock, connections: FakeHostCollector
) -> None:
    connections.readings = (count(3, "tcp"), count(2, "udp"))
    connections.metrics = (connections.readings[0].metric,)

    found = network_metrics(tick(identity, clock, connections)).connections

    assert found is not None
    assert (found.tcp, found.tcp_by_state, found.udp) == (3, None, 2)


def test_listening_ports_are_rows_in_json_and_no_series(
    identity: HostIdentity, clock: FakeClock, connections: FakeHostCollector
) -> None:
    connections.found = (PORT,)

    snapshot = tick(identity, clock, connections)

    decoded = orjson.loads(orjson.dumps(network_metrics(snapshot), option=orjson.OPT_UTC_Z))
    assert decoded["listening_ports"] == [
        {
            "transport": "tcp",
            "address": "127.0.0.1",
            "port": 8080,
            "uid": 1000,
            "user": "me",
            "pid": 412,
            "process_name": "uvicorn",
        }
    ]
    assert b"8080" not in Exposition({}).body(snapshot)


def test_no_listening_port_is_an_empty_list_and_a_failure_is_null(
    identity: HostIdentity, clock: FakeClock, connections: FakeHostCollector
) -> None:
    sampler = Sampler([connections], host=identity, clock=clock)

    none = network_metrics(sampler.tick()).listening_ports
    connections.error = OSError("gone")
    clock.advance(5.0)
    unknown = network_metrics(sampler.tick()).listening_ports

    assert none == ()
    assert unknown is None
