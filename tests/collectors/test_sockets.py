"""The sources that tell of sockets, and that they tell the same."""

import errno
import socket
import struct
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitacora_collectors import sockets
from bitacora_collectors.contract import Unavailable
from bitacora_collectors.sockets import Listener, parse_diag, parse_proc_net, parse_sockstat

TCP, UDP = 6, 17
HEADINGS = b"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def diag(state, address="127.0.0.1", port=0, remote_port=0, *, uid=0, inode=0, timer=0):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    packed = socket.inet_pton(family, address).ljust(16, b"\0")
    ends = struct.pack(">HH", port, remote_port) + packed + bytes(16 + 12)
    return struct.pack("=BBBB", family, state, timer, 0) + ends + struct.pack("=IIIII", 0, 0, 0, uid, inode)


class Sockets:
    """Answers SOCK_DIAG requests from a table by protocol and family."""

    def __init__(self, states=0x1FFE, *, knows_both=True, **table):
        self.states = states  # established to new_syn_recv, and not those that are merely bound
        self.knows_both = knows_both
        self.table = table

    def __call__(self, protocol, request, body):
        assert (protocol, len(body)) == (4, 56 if request == 20 else 60)
        if request == 18:
            if not self.knows_both:
                raise OSError(errno.EOPNOTSUPP, "netlink: not so")
            assert struct.unpack("=52sII", body) == (bytes(52), self.states, 0)
            return [*self.table.get("tcp4", []), *self.table.get("tcp6", [])]
        assert request == 20
        family, number, extensions, states = struct.unpack_from("=BBBxI", body)
        assert extensions == 0
        assert states == self.states
        name = {TCP: "tcp", UDP: "udp"}[number] + {socket.AF_INET: "4", socket.AF_INET6: "6"}[family]
        return self.table.get(name, [])


@pytest.mark.parametrize("knows_both", [True, False])
def test_every_state_of_tcp_is_told_zero_too(knows_both):
    found = sockets.from_netlink(
        Sockets(tcp4=[diag(1), diag(1), diag(6)], tcp6=[diag(1, "::1")], knows_both=knows_both)
    )

    assert found.tcp == 4
    assert found.tcp_states == dict.fromkeys(sockets.STATES, 0) | {"established": 3, "time_wait": 1}


def test_those_that_wait_are_counted_and_not_listed():
    fin_wait_2 = [diag(5, timer=3), diag(5, timer=2), diag(4, timer=3)]
    query = Sockets(states=0x1FBE, tcp4=[diag(1), *fin_wait_2], tcp6=[diag(5, "::1", timer=3)], udp4=[diag(7)])

    found = sockets.from_netlink(query, waiting=12)

    assert {state: count for state, count in found.tcp_states.items() if count} == {
        "established": 1, "fin_wait_1": 1, "fin_wait_2": 3, "time_wait": 10
    }  # fmt: skip
    assert (found.tcp, found.udp) == (15, 1)


def test_a_count_of_those_that_wait_from_a_moment_before_is_no_negative_number():
    found = sockets.from_netlink(Sockets(states=0x1FBE, tcp4=[diag(5, timer=3)]), waiting=0)

    assert (found.tcp_states["time_wait"], found.tcp) == (0, 1)


@pytest.mark.parametrize(
    ("content", "waiting"),
    [
        (b"sockets: used 9\nTCP: inuse 3 orphan 0 tw 41 alloc 3 mem 1\nUDP: inuse 0 mem 0\n", 41),
        (b"TCP: inuse 3\n", None),
        (b"UDP: inuse 3 tw 5\n", None),
        (b"", None),
    ],
)
def test_the_number_of_those_that_wait_is_that_of_tcp(content, waiting):
    assert sockets.parse_waiting(content) == waiting


@pytest.mark.parametrize(
    ("number", "state"),
    [
        (1, "established"),
        (2, "syn_sent"),
        (3, "syn_received"),
        (4, "fin_wait_1"),
        (5, "fin_wait_2"),
        (6, "time_wait"),
        (7, "closed"),
        (8, "close_wait"),
        (9, "last_ack"),
        (10, "listen"),
        (11, "closing"),
        (12, "syn_received"),
    ],
)
def test_the_states_have_the_names_of_the_convention(number, state):
    assert sockets.from_netlink(Sockets(tcp4=[diag(number)])).tcp_states[state] == 1


def test_a_state_without_a_name_is_no_connection():
    assert sockets.from_netlink(Sockets(tcp4=[diag(13)])).tcp == 0


def test_udp_is_counted_whatever_its_state():
    assert sockets.from_netlink(Sockets(udp4=[diag(7), diag(1)], udp6=[diag(7, "::")])).udp == 3


def test_listeners_are_told_with_address_port_and_owner():
    found = sockets.from_netlink(
        Sockets(
            tcp4=[diag(10, "127.0.0.1", 8080, uid=1000, inode=77), diag(1, "10.0.0.5", 8080, 5000, inode=78)],
            tcp6=[diag(10, "fe80::1", 22, inode=79)],
            udp4=[
                diag(7, "0.0.0.0", 53, inode=80),
                diag(1, "0.0.0.0", 68, 67),
                diag(7, port=69, remote_port=9),
                diag(7),
            ],
        )
    )

    assert found.listeners == [
        Listener("tcp", "127.0.0.1", 8080, 1000, 77),
        Listener("tcp", "fe80::1", 22, 0, 79),
        Listener("udp", "0.0.0.0", 53, 0, 80),
    ]


def test_a_message_that_is_too_short_is_refused():
    with pytest.raises(ValueError, match="netlink: expected an inet_diag_msg"):
        parse_diag([diag(1), diag(1)[:71]], "tcp")


@given(st.lists(st.binary(max_size=90), max_size=4), st.sampled_from(["tcp", "udp"]))
def test_any_payloads_are_parsed_or_refused(payloads, transport):
    try:
        listed = parse_diag(payloads, transport)
    except ValueError as error:
        refusal = str(error)
    else:
        refusal = "netlink: not refused"
        assert listed.states.total() == len(payloads)
        assert all(0 < one.port < 65536 for one in listed.listeners)
    assert refusal.startswith("netlink: ")


def test_the_files_tell_the_states_and_listeners(recorded_host):
    found = sockets.from_files(recorded_host("laptop"), "/proc/1/net")

    assert {state: count for state, count in found.tcp_states.items() if count} == {
        "listen": 5,
        "established": 2,
        "time_wait": 1,
        "close_wait": 1,
    }
    assert found.udp == 3
    assert Listener("tcp", "127.0.0.53", 53, 101, 21034) in found.listeners
    assert Listener("tcp", "::1", 631, 0, 24001) in found.listeners
    assert Listener("udp", "::", 5353, 114, 21901) in found.listeners
    assert {one.port for one in found.listeners if one.transport == "udp"} == {5353}


def test_the_files_and_netlink_agree_on_one_listener(host_with):
    line = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 77 1 0 100\n"
    host = host_with({"/proc/1/net/tcp": HEADINGS.decode() + line, "/proc/1/net/udp": HEADINGS.decode()})

    of_files = sockets.from_files(host, "/proc/1/net")
    of_netlink = sockets.from_netlink(Sockets(tcp4=[diag(10, "127.0.0.1", 8080, uid=1000, inode=77)]))

    if sys.byteorder == "little":
        assert of_files == of_netlink


def test_a_kernel_without_ipv6_has_fewer_files(recorded_host):
    assert sockets.from_files(recorded_host("old-kernel"), "/proc/1/net").tcp == 2


def test_without_a_file_there_is_nothing_to_tell(host_with):
    with pytest.raises(Unavailable, match="/proc/net/tcp"):
        sockets.from_files(host_with({"/proc/net/udp": ""}), "/proc/net")


def test_a_line_that_is_no_socket_is_named():
    with pytest.raises(ValueError, match=r"/proc/net/tcp: expected a socket, got b'   0: 0100007F:1F90 nonsense'"):
        parse_proc_net(HEADINGS + b"   0: 0100007F:1F90 nonsense\n", "/proc/net/tcp", "tcp")


def test_sockstat_knows_how_many_there_are_and_no_states(recorded_host):
    found = sockets.from_sockstat(recorded_host("laptop"), "/proc/1/net")

    assert found == sockets.Sockets(tcp=9, tcp_states=None, udp=3, listeners=[])


def test_sockstat_agrees_with_the_list(recorded_host):
    of_sockstat = sockets.from_sockstat(recorded_host("laptop"), "/proc/1/net")
    of_files = sockets.from_files(recorded_host("laptop"), "/proc/1/net")

    assert (of_sockstat.tcp, of_sockstat.udp) == (of_files.tcp, of_files.udp)


def test_sockstat_counts_what_waits_for_time_to_pass():
    assert parse_sockstat(b"sockets: used 9\nTCP: inuse 3 orphan 0 tw 41 alloc 3 mem 1\n") == {"TCP": 44}
