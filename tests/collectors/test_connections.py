import errno
import itertools
import socket
import struct

import pytest

from bitacora_collectors import connections
from bitacora_collectors.connections import (
    LISTED_PORTS,
    ConnectionsCollector,
    ListeningPort,
    Owners,
    Segments,
    parse_snmp,
    retransmit_ratio,
)
from bitacora_collectors.contract import Entity, EntityCollector, Host, Unavailable

HEADINGS = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
SNMP = "Tcp: RtoMin OutSegs RetransSegs\nTcp: 200 {} {}\n"


def values(readings, metric):
    return {tuple(r.attributes.values()): r.value for r in readings if r.metric is metric}


def listening(*ports):
    """Return a file tcp with a listener for each (port, inode)."""
    rest = "00000000:00000000 00:00000000 00000000  1000        0"
    return HEADINGS + "".join(
        f"{number:4}: 0100007F:{port:04X} 00000000:0000 0A {rest} {inode} 1 0 100\n"
        for number, (port, inode) in enumerate(ports)
    )


def files(tcp=HEADINGS, **more):
    return {"/proc/1/net/tcp": tcp, "/proc/1/net/udp": HEADINGS, **more}


@pytest.fixture
def open_file(tmp_path):
    """Return a function that has a process of the host of `host_with` hold a socket, or let go of all."""

    def hold(pid, inode, descriptor=3, name="server"):
        directory = tmp_path / "proc" / str(pid)
        (directory / "fd").mkdir(parents=True, exist_ok=True)
        (directory / "comm").write_text(f"{name}\n")
        link = directory / "fd" / str(descriptor)
        link.unlink(missing_ok=True)
        link.symlink_to(f"socket:[{inode}]")
        return link

    return hold


def test_connections_are_told_by_transport_and_tcp_by_state(recorded_host):
    readings = ConnectionsCollector(recorded_host("server")).collect()

    counts = values(readings, connections.COUNT)
    assert {key: count for key, count in counts.items() if count} == {
        ("tcp", "listen"): 2,
        ("tcp", "established"): 1,
        ("tcp", "fin_wait_1"): 1,
        ("tcp", "fin_wait_2"): 1,
        ("tcp", "syn_received"): 2,
        ("tcp", "syn_sent"): 1,
        ("tcp", "last_ack"): 1,
        ("tcp", "closing"): 1,
        ("udp",): 1,
    }
    assert counts["tcp", "time_wait"] == 0


def answer(*inodes):
    """Return a query that knows TCP listeners of IPv4 alone."""

    def query(protocol, request, body):
        if request != 18:  # TCP, of both versions
            return []
        ends = struct.pack(">HH", 4000, 0) + b"\x7f\0\0\1".ljust(16, b"\0") + bytes(28)
        return [
            struct.pack("=BBBB", socket.AF_INET, 10, 0, 0) + ends + struct.pack("=IIIII", 0, 0, 0, 0, inode)
            for inode in inodes
        ]

    return query


def test_our_own_host_is_asked_over_netlink():
    collector = ConnectionsCollector(Host(), query=answer(0))

    counts = values(collector.collect(), connections.COUNT)

    assert counts["tcp", "listen"] == 1
    assert [one.port for one in collector.entities()] == [4000]


def refuse(protocol, request, body):
    raise PermissionError(errno.EPERM, "netlink: not here")


def test_where_netlink_is_refused_the_files_are_read(monkeypatch):
    asked = []
    monkeypatch.setattr(connections, "from_files", lambda host, path: asked.append(path) or EMPTY)

    ConnectionsCollector(Host(), query=refuse).collect()

    assert asked == ["/proc/net"]


EMPTY = connections.Sockets(0, dict.fromkeys(connections.STATES, 0), 0, [])


def test_another_root_is_never_asked_over_netlink(host_with):
    def query(protocol, request, body):
        pytest.fail("netlink knows our own network only")

    readings = ConnectionsCollector(host_with(files()), query=query).collect()

    assert values(readings, connections.COUNT)["udp",] == 0


def test_with_sockstat_alone_there_are_numbers_without_states(host_with):
    host = host_with({"/proc/1/net/sockstat": "TCP: inuse 5 orphan 0 tw 2 alloc 6 mem 1\nUDP: inuse 3 mem 1\n"})

    readings = ConnectionsCollector(host).collect()

    assert values(readings, connections.COUNT) == {("tcp",): 7, ("udp",): 3}


def test_a_host_without_a_network_is_unavailable(tmp_path):
    with pytest.raises(Unavailable, match="/proc/1/net"):
        ConnectionsCollector(Host(tmp_path)).collect()


def test_listening_ports_are_entities_and_no_readings(host_with, open_file):
    host = host_with(files(listening((8080, 77)), **{"/etc/passwd": "me:x:1000:1000::/home/me:/bin/sh\n"}))
    open_file(412, 77, name="uvicorn")
    collector = ConnectionsCollector(host)

    readings = collector.collect()

    (port,) = collector.entities()
    assert port == ListeningPort("tcp", "127.0.0.1", 8080, 1000, "me", 412, "uvicorn")
    assert isinstance(collector, EntityCollector)
    entity: Entity = port
    assert list(entity.readings()) == []
    assert dict(entity.attributes) == {
        "network.transport": "tcp",
        "network.local.address": "127.0.0.1",
        "network.local.port": 8080,
        "user.id": "1000",
        "user.name": "me",
        "process.pid": 412,
        "process.executable.name": "uvicorn",
    }
    assert not {"process.pid", "network.local.port"} & {key for r in readings for key in r.attributes}


def test_what_is_not_known_of_a_port_is_none_and_no_attribute(host_with):
    collector = ConnectionsCollector(host_with(files(listening((8080, 77)))))

    collector.collect()

    (port,) = collector.entities()
    assert (port.user, port.pid, port.process_name) == (None, None, None)
    assert "process.pid" not in port.attributes


def test_a_port_with_several_sockets_of_one_process_is_told_once(host_with, open_file):
    host = host_with(files(listening((80, 41), (80, 42), (80, 43))))
    open_file(33, 41, 3)
    open_file(33, 42, 4)
    open_file(34, 43, 3)
    collector = ConnectionsCollector(host)

    collector.collect()

    assert [(one.port, one.pid) for one in collector.entities()] == [(80, 33), (80, 34)]


def test_there_is_an_end_to_the_ports_that_are_told(host_with):
    ports = ((port, 0) for port in range(1, LISTED_PORTS + 50))
    collector = ConnectionsCollector(host_with(files(listening(*ports))))

    collector.collect()

    assert [one.port for one in collector.entities()] == list(range(1, LISTED_PORTS + 1))


def test_a_port_that_is_closed_is_forgotten(host_with, open_file):
    collector = ConnectionsCollector(host_with(files(listening((80, 41)))))
    open_file(33, 41)

    collector.collect()
    host_with(files())
    collector.collect()

    assert collector.entities() == ()
    assert collector._owners._known == {}


def owners_of(host, *, step=0.0, **options):
    seconds = itertools.count(step=step)
    return Owners(host, lambda: next(seconds), **options)


def pids(found):
    return {inode: owner and owner.pid for inode, owner in found.items()}


def test_processes_are_searched_only_for_a_socket_not_seen_before(host_with, open_file, monkeypatch):
    open_file(33, 41)
    owners = owners_of(host_with({}))
    owners.of({41, 99})
    monkeypatch.setattr(Owners, "_pids", lambda self: pytest.fail("searched again"))

    assert pids(owners.of({41, 99})) == {41: 33, 99: None}


def test_a_socket_that_has_passed_to_a_child_is_looked_for_again(host_with, open_file):
    link = open_file(1, 41)
    owners = owners_of(host_with({}))
    before = pids(owners.of({41}))
    open_file(700, 41)
    link.unlink()

    after = pids(owners.of({41}))

    assert (before, after) == ({41: 1}, {41: 700})


def test_a_search_that_takes_too_long_goes_on_at_the_next_call(host_with, open_file):
    for pid in (10, 20, 30):
        open_file(pid, pid)
    owners = owners_of(host_with({}), step=1.0, scan_seconds=1.5)

    found = [pids(owners.of({10, 20, 30})) for _ in range(2)]

    assert found == [{10: None, 20: 20, 30: 30}, {10: 10, 20: 20, 30: 30}]


def test_processes_that_have_run_since_the_last_search_are_searched_first(host_with, open_file, monkeypatch):
    for pid in (10, 20, 30):
        open_file(pid, pid)
    ran = {"10": 1, "20": 1, "30": 1}
    owners = owners_of(host_with({}), clock_for=lambda _: ran.get)
    owners.of({10, 20, 30})
    open_file(10, 11)
    ran["10"] = 2
    searched, links = [], Owners._links
    monkeypatch.setattr(Owners, "_links", lambda self, pid: searched.append(pid) or links(self, pid))

    found = pids(owners.of({11, 20, 30}))
    owners.of({99, 20, 30})

    assert found == {11: 10, 20: 20, 30: 30}
    assert searched == [10, *(30, 20, 10)]


def test_a_process_that_may_not_be_looked_into_hides_its_sockets(host_with, tmp_path):
    (tmp_path / "proc/33").mkdir(parents=True)
    (tmp_path / "proc/33/fd").write_text("as good as forbidden")

    assert pids(owners_of(host_with({})).of({41})) == {41: None}


def test_segments_sent_again_are_told_from_the_second_tick_on(host_with):
    collector = ConnectionsCollector(host_with(files(**{"/proc/1/net/snmp": SNMP.format(1000, 10)})))

    first = collector.collect()
    host_with({"/proc/1/net/snmp": SNMP.format(1200, 13)})
    second = collector.collect()

    assert values(first, connections.RETRANSMIT_RATIO) == {}
    assert values(second, connections.RETRANSMIT_RATIO) == {(): pytest.approx(0.015)}


@pytest.mark.parametrize(
    ("now", "ratio"),
    [
        (Segments(100, 10), None),
        (Segments(200, 10), 0.0),
        (Segments(200, 35), 0.25),
        (Segments(101, 99), 1.0),
        (Segments(100, 11), 1.0),
        (Segments(5, 11), None),
        (Segments(200, 0), None),
    ],
    ids=["nothing sent", "no loss", "loss", "more lost than sent", "only sent again", "reset", "half reset"],
)
def test_the_ratio_is_a_share_or_nothing(now, ratio):
    assert retransmit_ratio(Segments(100, 10), now) == ratio


def test_without_snmp_there_is_no_ratio(host_with):
    collector = ConnectionsCollector(host_with(files()))

    readings = [*collector.collect(), *collector.collect()]

    assert values(readings, connections.RETRANSMIT_RATIO) == {}


def test_lines_of_snmp_without_the_numbers_are_refused():
    with pytest.raises(ValueError, match="/proc/net/snmp: no OutSegs and RetransSegs"):
        parse_snmp(b"Tcp: RtoMin OutSegs\nTcp: 200 5\n")
