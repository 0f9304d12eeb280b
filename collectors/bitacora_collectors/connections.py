"""Connections by state, the ports that are listened on, and how much of TCP is sent again."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from .accounts import Accounts
from .contract import (
    FAST_SECONDS,
    NO_ATTRIBUTES,
    Attributes,
    AttributeValue,
    Group,
    Host,
    Kind,
    Metric,
    Reading,
    Unavailable,
)
from .cpu_clock import CpuClock, cpu_clock_for
from .netlink import Query, dump
from .sockets import (
    STATES,
    Listener,
    Sockets,
    from_files,
    from_netlink,
    from_psutil,
    from_sockstat,
    parse_waiting,
)

_TRANSPORT = "network.transport"
_STATE = "network.connection.state"

COUNT = Metric(
    "system.network.connection.count",
    Kind.UP_DOWN_COUNTER,
    "{connection}",
    "Sockets of each protocol, TCP's by their state.",
    Group.NETWORK,
    (_TRANSPORT, _STATE),
)
RETRANSMIT_RATIO = Metric(
    "bitacora.network.tcp.retransmit.ratio",
    Kind.GAUGE,
    "1",
    "Segments sent again per segment sent, since the last reading.",
    Group.NETWORK,
)

LISTED_PORTS = 1000
"""How many listening ports are told at most: a resolver may have ten thousand UDP sockets."""

_SCAN_SECONDS = 0.3
_TCP: Attributes = {_TRANSPORT: "tcp"}
_UDP: Attributes = {_TRANSPORT: "udp"}  # psutil's NONE: no state, so no attribute
_TCP_STATES: dict[str, Attributes] = {state: {_TRANSPORT: "tcp", _STATE: state} for state in STATES}
_SNMP = re.compile(rb"^Tcp:((?: [A-Za-z]\w*)+)\s*\nTcp:((?: -?\d{1,20})+)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ListeningPort:
    """A port that is listened on; of UDP, one that is bound and connected to nobody.

    *pid* and *process_name* are None where this user may not look into the process, *user* where no name is known.
    """

    transport: str
    address: str
    port: int
    uid: int | None
    user: str | None
    pid: int | None
    process_name: str | None

    @property
    def attributes(self) -> Attributes:
        named: dict[str, AttributeValue | None] = {
            _TRANSPORT: self.transport,
            "network.local.address": self.address,
            "network.local.port": self.port,
            "user.id": None if self.uid is None else str(self.uid),
            "user.name": self.user,
            "process.pid": self.pid,
            "process.executable.name": self.process_name,
        }
        return {key: value for key, value in named.items() if value is not None}

    def readings(self) -> Iterable[Reading]:
        return ()


class ConnectionsCollector:
    """Asks the kernel over netlink; where that is refused reads /proc/net. psutil is asked where there is no Linux."""

    name = "connections"
    group = Group.NETWORK
    metrics = (COUNT, RETRANSMIT_RATIO)
    interval_seconds = FAST_SECONDS

    def __init__(self, host: Host, *, query: Query = dump, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._host = host
        self._query = query
        self._owners = Owners(host, monotonic)
        self._accounts = Accounts(host)
        self._ports: tuple[ListeningPort, ...] = ()
        self._segments: Segments | None = None

    def collect(self) -> list[Reading]:
        sockets = self._read()
        self._ports = tuple(self._owned(sockets.listeners))
        if sockets.tcp_states is None:
            readings = [Reading(COUNT, sockets.tcp, _TCP)]
        else:
            states = sockets.tcp_states
            readings = [Reading(COUNT, states[state], attributes) for state, attributes in _TCP_STATES.items()]
        readings.append(Reading(COUNT, sockets.udp, _UDP))
        before, self._segments = self._segments, self._read_segments()
        if before and self._segments and (ratio := retransmit_ratio(before, self._segments)) is not None:
            readings.append(Reading(RETRANSMIT_RATIO, ratio, NO_ATTRIBUTES))
        return readings

    def entities(self) -> tuple[ListeningPort, ...]:
        return self._ports

    def _read(self) -> Sockets:
        if not self._host.is_linux:
            return from_psutil(self._host.psutil())
        for source in self._sources():
            try:
                return source()
            except (Unavailable, OSError):
                continue
        raise Unavailable(f"sockets are told neither by netlink nor by {self._host.net_directory}")

    def _sources(self) -> Iterator[Callable[[], Sockets]]:
        # Netlink answers for the network namespace that this program is in, and for no other root.
        if self._host.is_own:
            yield self._from_netlink
        yield lambda: from_files(self._host, self._host.net_directory)
        yield lambda: from_sockstat(self._host, self._host.net_directory)

    def _from_netlink(self) -> Sockets:
        content = self._host.read_optional(f"{self._host.net_directory}/sockstat")
        return from_netlink(self._query, None if content is None else parse_waiting(content))

    def _read_segments(self) -> Segments | None:
        content = self._host.read_optional(f"{self._host.net_directory}/snmp")
        return None if content is None else parse_snmp(content)

    def _owned(self, listeners: list[Listener]) -> Iterator[ListeningPort]:
        listeners = sorted(set(listeners), key=lambda one: (one.transport, one.port, one.address, one.inode))[
            :LISTED_PORTS
        ]
        owners = self._owners.of({one.inode for one in listeners if one.inode})
        known = set()
        for one in listeners:
            owner = owners.get(one.inode)
            pid = owner.pid if owner else one.pid
            # A server with SO_REUSEPORT has a socket for each of its threads.
            if (one[:3], pid) not in known:
                known.add((one[:3], pid))
                uid = self._accounts.known(one.uid)
                user = None if uid is None else self._accounts.name(uid)
                name = owner.name if owner else one.process_name
                yield ListeningPort(one.transport, one.address, one.port, uid, user, pid, name)


class Owner(NamedTuple):
    """The process that a socket belongs to, and the link in its fd directory that says so."""

    pid: int
    name: str | None
    link: str


class Owners:
    """Finds the processes that hold sockets, as far as this user may look.

    The links of all processes are read only for a socket not seen before, and *scan_seconds* at a time: a search that
    takes longer goes on at the next call. First come those that have run since the last search, as whoever has a new
    socket has, and among these the newest. A link that is known is looked at each time, since
    a socket may pass to a child.
    """

    def __init__(
        self,
        host: Host,
        monotonic: Callable[[], float],
        scan_seconds: float = _SCAN_SECONDS,
        clock_for: Callable[[Host], CpuClock | None] = cpu_clock_for,
    ) -> None:
        self._host = host
        self._monotonic = monotonic
        self._scan_seconds = scan_seconds
        self._known: dict[int, Owner | None] = {}
        self._searched: set[int] = set()
        self._clock_for = clock_for
        self._ran: dict[int, int | None] = {}

    def of(self, inodes: set[int]) -> dict[int, Owner | None]:
        """Return the owner of each of *inodes*, None where it can't be told, or not yet."""
        self._known = {
            inode: owner
            for inode, owner in self._known.items()
            if inode in inodes and (owner is None or _readlink(owner.link) == f"socket:[{inode}]")
        }
        if missing := inodes - self._known.keys():
            is_complete = self._search({f"socket:[{inode}]": inode for inode in missing})
            if is_complete:
                self._known |= dict.fromkeys(missing - self._known.keys())
        return {inode: self._known.get(inode) for inode in inodes}

    def _search(self, wanted: dict[str, int]) -> bool:
        """Look for the links *wanted*; return whether all processes have been searched, or need not be."""
        until = self._monotonic() + self._scan_seconds
        for pid in self._in_order(self._pids() - self._searched):
            for link in self._links(pid):
                inode = wanted.pop(_readlink(link), None)
                if inode is not None:
                    self._known[inode] = Owner(pid, self._name(pid), link)
            self._searched.add(pid)
            if not wanted:
                break
            if self._monotonic() > until:
                return False
        self._searched.clear()
        return True

    def _in_order(self, pids: set[int]) -> list[int]:
        clock = self._clock_for(self._host)
        if clock is None:
            return sorted(pids, reverse=True)
        before, self._ran = self._ran, {pid: clock(str(pid)) for pid in pids}
        return sorted(pids, key=lambda pid: (self._ran[pid] != before.get(pid), pid), reverse=True)

    def _pids(self) -> set[int]:
        try:
            return {int(name) for name in os.listdir(self._host.path("/proc")) if name.isdigit()}  # noqa: PTH208 - names
        except OSError:
            return set()

    def _links(self, pid: int) -> list[str]:
        directory = self._host.path(f"/proc/{pid}/fd")
        try:
            return [f"{directory}/{name}" for name in os.listdir(directory)]  # noqa: PTH208 - a Path for each is dear
        except OSError:  # it has ended, or is somebody else's
            return []

    def _name(self, pid: int) -> str | None:
        command = self._host.read_optional(f"/proc/{pid}/comm") or b""
        return command.decode("utf-8", "replace").strip() or None


def _readlink(path: str) -> str:
    try:
        return os.readlink(path)  # noqa: PTH115 - done for each open file of a process
    except OSError:
        return ""


class Segments(NamedTuple):
    """TCP segments since boot; those sent again are not among those *sent*."""

    sent: int
    sent_again: int


def retransmit_ratio(before: Segments, now: Segments) -> float | None:
    """Return segments sent again per segment sent since *before*, 1 at most; None if nothing was, or counts fell."""
    sent, again = now.sent - before.sent, now.sent_again - before.sent_again
    if sent < 0 or again < 0 or not (sent or again):
        return None
    return min(1.0, again / sent) if sent else 1.0


def parse_snmp(content: bytes) -> Segments:
    """Return what TCP has sent.

    Raises:
        ValueError: there are no two lines `Tcp:` with OutSegs and RetransSegs.

    Source: /proc/net/snmp: a line of names, then one of numbers, for each protocol (RFC 1213).
    """
    match = _SNMP.search(content)
    numbers = dict(zip(match[1].split(), match[2].split(), strict=False)) if match else {}
    sent, again = numbers.get(b"OutSegs", b""), numbers.get(b"RetransSegs", b"")
    if not sent.isdigit() or not again.isdigit():
        raise ValueError(f"/proc/net/snmp: no OutSegs and RetransSegs of Tcp in {content[:40]!r}")
    return Segments(int(sent), int(again))
