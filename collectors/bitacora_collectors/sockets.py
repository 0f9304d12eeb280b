"""The sources that tell of sockets, from the best to the poorest; `connections` takes the first that answers.

For 10,000 sockets netlink costs a thirteenth of psutil, and a third of the files of /proc/net: `bench/sockets.py`.
"""

from __future__ import annotations

import re
import socket
import struct
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from operator import itemgetter
from typing import Any, NamedTuple

from .contract import Host, Unavailable
from .netlink import SOCK_DIAG, Query

# The kernel's numbers (include/net/tcp_states.h). 12 is a request that is part of the handshake; what comes behind
# it exists in sock_diag alone (13: bound, and neither listening nor connected) and is in no list of states.
_STATES = {
    1: "established",
    2: "syn_sent",
    3: "syn_received",
    4: "fin_wait_1",
    5: "fin_wait_2",
    6: "time_wait",
    7: "closed",
    8: "close_wait",
    9: "last_ack",
    10: "listen",
    11: "closing",
    12: "syn_received",
}
STATES = tuple(sorted(set(_STATES.values())))
"""The values of `network.connection.state`."""

_FIN_WAIT_2, _TIME_WAIT, _CLOSED, _LISTEN = 5, 6, 7, 10
_ASKED_STATES = sum(1 << state for state in _STATES)
_WAITING_TIMER = 3

_FAMILIES = (socket.AF_INET, socket.AF_INET6)
_PROTOCOLS = {"tcp": socket.IPPROTO_TCP, "udp": socket.IPPROTO_UDP}
# enum in include/uapi/linux/sock_diag.h; AF_INET6 is 10 on Linux, which alone is asked.
_SOCK_DIAG_BY_FAMILY = 20
_DIAG_REQUEST = struct.Struct("=BBBxI48x")
_TCPDIAG_GETSOCK = 18
_TCPDIAG_REQUEST = struct.Struct("=52xI4x")
# family, state, timer, retransmissions, then ports, addresses, interface, cookie, then expiry, queues, uid, inode
_DIAG_MESSAGE = struct.Struct("=BB2x2s2s16s16x12x12xII")
_FILE_LINE = re.compile(
    rb" *\d{1,10}: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) (?:[0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) ([0-9A-F]{2})"
    rb" [0-9A-F]{8,16}:[0-9A-F]{8,16} [0-9A-F]{2}:[0-9A-F]{8,16} [0-9A-F]{8,16} +(\d{1,10}) +\d{1,10} (\d{1,20})(?: .*)?"
)
_SOCKSTAT_LINE = re.compile(rb"(\w+): inuse (\d{1,10})(?: .*)?")
_WAITING = re.compile(rb" tw (\d{1,10})(?= |$)")
# psutil's words; UDP's NONE has no state, and the others are those of systems that we don't report.
_PSUTIL_STATES = {
    "ESTABLISHED": 1,
    "SYN_SENT": 2,
    "SYN_RECV": 3,
    "FIN_WAIT1": 4,
    "FIN_WAIT2": 5,
    "TIME_WAIT": 6,
    "CLOSE": 7,
    "CLOSE_WAIT": 8,
    "LAST_ACK": 9,
    "LISTEN": 10,
    "CLOSING": 11,
}


class Listener(NamedTuple):
    """A socket that waits for whoever comes: TCP's listen, and UDP that is bound and connected to nobody."""

    transport: str
    address: str
    port: int
    uid: int | None
    inode: int
    """0 where it isn't told."""
    pid: int | None = None
    """Where the source tells it, as only psutil does."""
    process_name: str | None = None


class Sockets(NamedTuple):
    """The sockets of one network namespace. TCP's *tcp_states* are None where only their number is known."""

    tcp: int
    tcp_states: Mapping[str, int] | None
    udp: int
    listeners: list[Listener]


class Listed(NamedTuple):
    """The sockets of one list: how many are in each of the kernel's states, and the listeners."""

    states: Counter[int]
    listeners: list[Listener]
    waiting_otherwise: int = 0
    """Those in another state than time_wait, for which the kernel waits all the same."""


def from_netlink(query: Query, waiting: int | None = None) -> Sockets:
    """Return what the kernel lists over NETLINK_SOCK_DIAG; raises as `netlink.dump` does.

    With *waiting*, the number that `parse_waiting` returns, those in time_wait aren't listed, but counted by it: after
    many short connections there are ten thousand of them.
    """
    states = _ASKED_STATES if waiting is None else _ASKED_STATES & ~(1 << _TIME_WAIT)

    def listed(transport: str) -> list[Listed]:
        found = parse_diag(_asked(query, transport, states), transport)
        if waiting is not None and transport == "tcp":
            found.states[_TIME_WAIT] = max(0, waiting - found.waiting_otherwise)
        return [found]

    return _sockets(listed)


def _asked(query: Query, transport: str, states: int) -> list[bytes]:
    """Return the sockets of both versions of IP that are in one of *states*, a bit mask."""
    if transport == "tcp":
        # The kernel looks through its whole table of TCP sockets for each request: 0.3 ms where it has 262,144 places
        # and nobody in them. The request of before Linux 3.3, which it takes as well, is for both versions at once.
        with suppress(OSError):
            return query(SOCK_DIAG, _TCPDIAG_GETSOCK, _TCPDIAG_REQUEST.pack(states))
    requests = (_DIAG_REQUEST.pack(family, _PROTOCOLS[transport], 0, states) for family in _FAMILIES)
    return [payload for body in requests for payload in query(SOCK_DIAG, _SOCK_DIAG_BY_FAMILY, body)]


def from_files(host: Host, directory: str) -> Sockets:
    """Return what the files tcp, tcp6, udp and udp6 in *directory* list.

    Raises:
        Unavailable: there is no file tcp.
    """

    def listed(transport: str) -> list[Listed]:
        path = f"{directory}/{transport}"
        lists = [parse_proc_net(host.read_bytes(path), path, transport)]
        with suppress(Unavailable):  # a kernel without IPv6
            lists.append(parse_proc_net(host.read_bytes(f"{path}6"), f"{path}6", transport))
        return lists

    return _sockets(listed)


def from_sockstat(host: Host, directory: str) -> Sockets:
    """Return how many there are, which is all that the files sockstat and sockstat6 say.

    Raises:
        Unavailable: there is no file sockstat.
    """
    counts = parse_sockstat(host.read_bytes(f"{directory}/sockstat"))
    with suppress(Unavailable):
        counts |= parse_sockstat(host.read_bytes(f"{directory}/sockstat6"))
    tcp, udp = (counts.get(name, 0) + counts.get(f"{name}6", 0) for name in ("TCP", "UDP"))
    return Sockets(tcp, None, udp, [])


def from_psutil(psutil: Any) -> Sockets:
    """Return what psutil finds, the portable way.

    Raises:
        Unavailable: it may not see the sockets (macOS shows them to root alone).
    """
    try:
        found = psutil.net_connections("inet")
    except psutil.Error as error:
        raise Unavailable(f"psutil may not list the sockets: {error}") from error
    states: Counter[int] = Counter()
    listeners, udp = [], 0
    for one in found:
        is_tcp = one.type == socket.SOCK_STREAM
        udp += not is_tcp
        if is_tcp and (state := _PSUTIL_STATES.get(one.status)):
            states[state] += 1
        if one.laddr and (one.status == psutil.CONN_LISTEN if is_tcp else not one.raddr):
            transport = "tcp" if is_tcp else "udp"
            name = _process_name(psutil, one.pid)
            listeners.append(Listener(transport, one.laddr.ip, one.laddr.port, None, 0, one.pid, name))
    return Sockets(states.total(), _named(states), udp, listeners)


def _process_name(psutil: Any, pid: int | None) -> str | None:
    try:
        return str(psutil.Process(pid).name()) if pid else None
    except psutil.Error:  # it has ended
        return None


def _sockets(listed: Callable[[str], list[Listed]]) -> Sockets:
    tcp, udp = listed("tcp"), listed("udp")
    states = _named(sum((one.states for one in tcp), Counter[int]()))
    return Sockets(
        tcp=sum(states.values()),
        tcp_states=states,
        udp=sum(one.states.total() for one in udp),
        listeners=[listener for one in (*tcp, *udp) for listener in one.listeners],
    )


def _named(states: Mapping[int, int]) -> dict[str, int]:
    """Return every state that there is, with 0 for those that no socket is in."""
    named = dict.fromkeys(STATES, 0)
    for number, count in states.items():
        if number in _STATES:
            named[_STATES[number]] += count
    return named


def parse_diag(payloads: Iterable[bytes], transport: str) -> Listed:
    """Return what an answer to SOCK_DIAG_BY_FAMILY lists.

    Raises:
        ValueError: a payload is shorter than an inet_diag_msg.

    Source: sock_diag(7), in the kernel's byte order but for ports and addresses.
    """
    payloads = list(payloads)
    shortest = min(payloads, key=len, default=None)
    if shortest is not None and len(shortest) < _DIAG_MESSAGE.size:
        raise ValueError(f"netlink: expected an inet_diag_msg, got {shortest[:40]!r}")
    waiting = _waiting_state(transport)
    states: Counter[int] = Counter()
    timers = Counter(map(itemgetter(slice(1, 3)), payloads))
    for (state, _), count in timers.items():
        states[state] += count
    return Listed(
        states,
        [
            Listener(transport, _address(address, family), int.from_bytes(port, "big"), uid, inode)
            for payload in payloads
            if payload[1] == waiting
            for family, _, port, remote_port, address, uid, inode in (_DIAG_MESSAGE.unpack_from(payload),)
            if port != b"\0\0" and remote_port == b"\0\0"
        ],
        # Nobody holds them any more: the kernel keeps a small one of the kind that it keeps in time_wait.
        waiting_otherwise=timers[bytes((_FIN_WAIT_2, _WAITING_TIMER))],
    )


def parse_proc_net(content: bytes, path: str, transport: str) -> Listed:
    """Return what a file of /proc/net lists; *path* is for the message.

    Raises:
        ValueError: a line isn't one of these files'.

    Source: /proc/net/{tcp,tcp6,udp,udp6}: a line of headings, then numbers in hexadecimal, with addresses as words in
    the byte order of the machine.
    """
    waiting = _waiting_state(transport)
    states: Counter[int] = Counter()
    listeners = []
    for line in content.splitlines()[1:]:
        match = _FILE_LINE.fullmatch(line.rstrip())
        if match is None:
            raise ValueError(f"{path}: expected a socket, got {line[:40]!r}")
        words, port, remote_port, state, uid, inode = match.groups()
        number = int(state, 16)
        states[number] += 1
        if number == waiting and remote_port == b"0000" and port != b"0000":
            address = _address_of_words(words.decode())
            listeners.append(Listener(transport, address, int(port, 16), int(uid), int(inode)))
    return Listed(states, listeners)


def parse_sockstat(content: bytes) -> dict[str, int]:
    """Return the sockets of each protocol; those of TCP that wait for time to pass are counted too.

    Raises:
        ValueError: there is no line for TCP, of either version.

    Source: /proc/net/sockstat and sockstat6, where inuse leaves out time_wait.
    """
    counts = {}
    for line in content.splitlines():
        if (match := _SOCKSTAT_LINE.fullmatch(line.rstrip())) is not None:
            waiting = _WAITING.search(line)
            counts[match[1].decode()] = int(match[2]) + (int(waiting[1]) if waiting else 0)
    if not counts.keys() & {"TCP", "TCP6"}:
        raise ValueError(f"/proc/net/sockstat: no number of TCP sockets in {content[:40]!r}")
    return counts


def parse_waiting(content: bytes) -> int | None:
    """Return how many TCP sockets wait for time to pass, of both versions of IP: those in time_wait, and those in
    fin_wait_2 that nobody holds any more; None where this isn't told.

    Source: /proc/net/sockstat, `tw`: the small sockets (inet_timewait_sock) of this network namespace.
    """
    line = next((line for line in content.splitlines() if line.startswith(b"TCP: ")), b"")
    match = _WAITING.search(line)
    return int(match[1]) if match else None


def _waiting_state(transport: str) -> int:
    return _LISTEN if transport == "tcp" else _CLOSED


def _address(packed: bytes, family: int) -> str:
    if family == socket.AF_INET:
        return socket.inet_ntop(socket.AF_INET, packed[:4])
    return socket.inet_ntop(socket.AF_INET6, packed)


def _address_of_words(words: str) -> str:
    packed = bytes.fromhex(words)
    if sys.byteorder == "little":
        packed = b"".join(packed[at : at + 4][::-1] for at in range(0, len(packed), 4))
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)
