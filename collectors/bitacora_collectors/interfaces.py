"""Network interfaces: whether they are up, how fast they are, how busy, and how good their link is."""

from __future__ import annotations

import re
import socket
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from .contract import SLOW_SECONDS, Attributes, Group, Host, Kind, Metric, Reading, Unavailable
from .net_dev import InterfaceTraffic, read_traffic
from .netlink import ROUTE, Query, dump

_ID = "hw.id"
_MAC = "hw.network.physical_address"


def _metric(name: str, kind: Kind, unit: str, description: str) -> Metric:
    return Metric(name, kind, unit, description, Group.NETWORK, (_ID, _MAC))


UP = _metric("hw.network.up", Kind.UP_DOWN_COUNTER, "1", "1 if the interface is up and has a link, else 0.")
LIMIT = _metric("hw.network.bandwidth.limit", Kind.UP_DOWN_COUNTER, "By/s", "What the link can carry in one direction.")
UTILIZATION = _metric(
    "hw.network.bandwidth.utilization",
    Kind.GAUGE,
    "1",
    "Share of the limit used since the last reading, in the busier direction.",
)
QUALITY = _metric(
    "bitacora.network.link.quality",
    Kind.GAUGE,
    "1",
    "Of wireless, the driver's judgement; else the share of packets since the last reading neither dropped nor faulty.",
)
SIGNAL = _metric("bitacora.network.link.signal", Kind.GAUGE, "dBm", "Strength of the signal that is received.")

EXCLUDE_INTERFACES = ""
"""A regular expression for the names of interfaces to leave out; empty keeps all, lo too."""

_IFF_UP = 0x1
_RTM_GETADDR = 22
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_ADDRESS_HEAD = struct.Struct("=BBBBI")  # family, prefix length, flags, scope, index of the interface
_ATTRIBUTE_HEAD = struct.Struct("=HH")
_ADDRESS_BYTES = {socket.AF_INET: 4, socket.AF_INET6: 16}

# 65535 and 2^32-1 are the -1 of drivers and kernels with other ideas of an integer.
_UNKNOWN_SPEEDS = (0, 65535, 2**32 - 1)
_WIRELESS_LINE = re.compile(rb" *(\S+): +[0-9a-f]{4} +(\d{1,3})[. ] +(-?\d{1,3})[. ] +-?\d{1,3}[. ] .*")
# mac80211 gives the quality as 0 to 70, and the files don't say where another driver's ends.
_BEST_WIRELESS = 70
_INET6_LINE = re.compile(rb"([0-9a-f]{32}) [0-9a-f]{2,8} [0-9a-f]{2} [0-9a-f]{2} [0-9a-f]{2,8} +(\S+)")


@dataclass(frozen=True, slots=True)
class NetworkInterface:
    """What an interface is. *addresses* are None where they can't be told, *speed_bits_per_second* where unknown.

    Under another root no file tells addresses of IPv4, so that only those of IPv6 are there.
    """

    name: str
    mac: str | None
    mtu_bytes: int | None
    is_up: bool
    speed_bits_per_second: int | None
    addresses: tuple[str, ...] | None

    @property
    def attributes(self) -> Attributes:
        # The convention's logical addresses are a list, which an attribute of ours can't be.
        optional = {_MAC: self.mac, "hw.network.logical_addresses": ",".join(self.addresses or ())}
        return {_ID: self.name, **{key: value for key, value in optional.items() if value}}

    def readings(self) -> Iterable[Reading]:
        return ()


class Wireless(NamedTuple):
    """A line of /proc/net/wireless; *signal_dbm* is None where the driver has no signal, or another unit for it."""

    quality: float
    signal_dbm: int | None


class _Moment(NamedTuple):
    monotonic_seconds: float
    traffic: Mapping[str, InterfaceTraffic]


class InterfacesCollector:
    name = "interfaces"
    group = Group.NETWORK
    metrics = (UP, LIMIT, UTILIZATION, QUALITY, SIGNAL)
    interval_seconds = SLOW_SECONDS

    def __init__(
        self,
        host: Host,
        *,
        exclude_interfaces: str = EXCLUDE_INTERFACES,
        query: Query = dump,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._host = host
        self._exclude = re.compile(exclude_interfaces) if exclude_interfaces else None
        self._query = query
        self._monotonic = monotonic
        self._before: _Moment | None = None
        self._found: tuple[NetworkInterface, ...] = ()
        self._attributes: dict[tuple[str, str | None], Attributes] = {}

    def collect(self) -> list[Reading]:
        now = _Moment(self._monotonic(), read_traffic(self._host))
        names = [name for name in now.traffic if self._exclude is None or not self._exclude.search(name)]
        is_linux = self._host.is_linux
        self._found = tuple(self._interfaces(names) if is_linux else from_psutil(self._host.psutil(), names))
        if names and not self._found and is_linux:
            raise Unavailable("/sys/class/net is not on this host")
        wireless = self._wireless() if is_linux else {}
        before, self._before = self._before, now
        known = self._attributes
        self._attributes = {
            (one.name, one.mac): known.get((one.name, one.mac)) or _attributes(one) for one in self._found
        }
        readings: list[Reading] = []
        for one in self._found:
            attributes = self._attributes[one.name, one.mac]
            change = passed(one.name, before, now)
            readings += _bandwidth(one, attributes, change)
            if one.is_up:
                readings += _link(wireless.get(one.name), attributes, change)
        return readings

    def entities(self) -> tuple[NetworkInterface, ...]:
        return self._found

    def _interfaces(self, names: list[str]) -> Iterator[NetworkInterface]:
        # An alias (eth0:1) has lines of its own in /proc, but is no interface in /sys.
        indexes = {name: index for name in names if (index := self._number(name, "ifindex")) is not None}
        addresses = self._addresses(indexes)
        for name in indexes:
            yield NetworkInterface(
                name=name,
                mac=parse_mac(self._host.read_optional(f"/sys/class/net/{name}/address")),
                mtu_bytes=self._number(name, "mtu"),
                is_up=is_up(
                    self._host.read_optional(f"/sys/class/net/{name}/operstate") or b"",
                    self._number(name, "flags") or 0,
                ),
                # Reading it raises EINVAL where the interface is down or has none.
                speed_bits_per_second=parse_speed(self._host.read_optional(f"/sys/class/net/{name}/speed"), name),
                addresses=None if addresses is None else tuple(addresses.get(name, ())),
            )

    def _addresses(self, indexes: Mapping[str, int]) -> dict[str, list[str]] | None:
        """Return the addresses by the name of the interface."""
        if self._host.is_own:
            try:
                found = parse_addresses(self._query(ROUTE, _RTM_GETADDR, _ADDRESS_HEAD.pack(0, 0, 0, 0, 0)))
            except OSError:  # netlink is refused here
                pass
            else:
                return {name: found[index] for name, index in indexes.items() if index in found}
        content = self._host.read_optional(f"{self._host.net_directory}/if_inet6")
        return None if content is None else parse_if_inet6(content)

    def _number(self, name: str, file: str) -> int | None:
        path = f"/sys/class/net/{name}/{file}"
        content = self._host.read_optional(path)
        return None if content is None else parse_number(content, path)

    def _wireless(self) -> dict[str, Wireless]:
        content = self._host.read_optional(f"{self._host.net_directory}/wireless")
        return {} if content is None else parse_wireless(content)


def from_psutil(psutil: Any, names: Iterable[str]) -> Iterator[NetworkInterface]:
    """Yield those of the interfaces *names* that psutil knows."""
    states, addresses = psutil.net_if_stats(), psutil.net_if_addrs()
    for name in names:
        if (state := states.get(name)) is None:
            continue
        own = addresses.get(name, ())
        macs = [one.address.replace("-", ":").lower() for one in own if one.family == psutil.AF_LINK]
        yield NetworkInterface(
            name=name,
            mac=parse_mac(macs[0].encode()) if macs else None,
            mtu_bytes=state.mtu or None,
            is_up=state.isup,
            speed_bits_per_second=None if state.speed in _UNKNOWN_SPEEDS else state.speed * 10**6,
            addresses=tuple(one.address.partition("%")[0] for one in own if one.family in _ADDRESS_BYTES),
        )


def _attributes(interface: NetworkInterface) -> Attributes:
    return {_ID: interface.name, _MAC: interface.mac} if interface.mac else {_ID: interface.name}


class Passed(NamedTuple):
    """What went through an interface between two moments."""

    seconds: float
    received_bytes: int
    transmitted_bytes: int
    packets: int
    lost: int
    """Errors and drops."""


def passed(name: str, before: _Moment | None, now: _Moment) -> Passed | None:
    """Return what went through the interface *name*; None at first, and when its counters were set back."""
    if before is None or name not in before.traffic:
        return None
    changes = [
        tuple((new or 0) - (old or 0) for old, new in zip(then, traffic, strict=True))
        for then, traffic in zip(before.traffic[name], now.traffic[name], strict=True)
    ]
    seconds = now.monotonic_seconds - before.monotonic_seconds
    if seconds <= 0 or any(change < 0 for direction in changes for change in direction):
        return None
    (received, packets_in, errors_in, dropped_in), (transmitted, packets_out, errors_out, dropped_out) = changes
    lost = errors_in + dropped_in + errors_out + dropped_out
    return Passed(seconds, received, transmitted, packets_in + packets_out, lost)


def _bandwidth(interface: NetworkInterface, attributes: Attributes, change: Passed | None) -> Iterator[Reading]:
    yield Reading(UP, int(interface.is_up), attributes)
    if not interface.speed_bits_per_second:
        return
    limit = interface.speed_bits_per_second // 8
    yield Reading(LIMIT, limit, attributes)
    if change is not None:
        # Links are full duplex: each direction has the whole limit, and the busier one is where it gets tight.
        busier = max(change.received_bytes, change.transmitted_bytes)
        yield Reading(UTILIZATION, min(1.0, busier / change.seconds / limit), attributes)


def _link(wireless: Wireless | None, attributes: Attributes, change: Passed | None) -> Iterator[Reading]:
    if wireless is not None:
        yield Reading(QUALITY, wireless.quality, attributes)
        if wireless.signal_dbm is not None:
            yield Reading(SIGNAL, wireless.signal_dbm, attributes)
    elif change is not None and (change.packets or change.lost):
        # The kernel doesn't count among the packets what never became one: there may be more lost than packets.
        yield Reading(QUALITY, max(0.0, 1 - change.lost / change.packets) if change.packets else 0.0, attributes)


def is_up(operstate: bytes, flags: int) -> bool:
    """Return whether an interface works: its state is up, or unknown while it is switched on, as with lo and tun.

    Source: Documentation/networking/operstates.rst.
    """
    state = operstate.strip()
    return state == b"up" or (state == b"unknown" and bool(flags & _IFF_UP))


def parse_number(content: bytes, path: str) -> int:
    """Return the number in a file of /sys, decimal or behind 0x.

    Raises:
        ValueError: *content* is no number; *path* is for the message.
    """
    match = re.fullmatch(rb"\s*(?:0x([0-9a-f]{1,16})|(\d{1,19}))\s*", content)
    if match is None:
        raise ValueError(f"{path}: expected a number, got {content[:40]!r}")
    return int(match[1], 16) if match[1] else int(match[2])


def parse_speed(content: bytes | None, name: str) -> int | None:
    """Return bits per second; None where the driver doesn't know them (no file, 0, -1).

    Raises:
        ValueError: *content* is no number; *name* is for the message.

    Source: /sys/class/net/X/speed, in Mbit/s.
    """
    if content is None or content.strip() == b"-1":
        return None
    megabits = parse_number(content, f"/sys/class/net/{name}/speed")
    return None if megabits in _UNKNOWN_SPEEDS else megabits * 10**6


def parse_mac(content: bytes | None) -> str | None:
    """Return the hardware address; None without a file, and for interfaces that have none (tun) or zeros (lo)."""
    text = (content or b"").strip().decode("ascii", "replace")
    return text if text.strip("0:") and re.fullmatch(r"[0-9a-f]{2}(:[0-9a-f]{2}){5,19}", text) else None


def parse_wireless(content: bytes) -> dict[str, Wireless]:
    """Return the wireless interfaces.

    Raises:
        ValueError: a line isn't a name, a status and three numbers.

    Source: /proc/net/wireless: two lines of headings, then name, status, and quality, level, noise, each with a dot
    if it is fresh. A level in dBm is negative; -256 is none, and one that isn't negative has the driver's own unit.
    """
    found = {}
    for line in content.splitlines()[2:]:
        match = _WIRELESS_LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"/proc/net/wireless: expected a name and numbers, got {line[:40]!r}")
        level = int(match[3])
        found[match[1].decode("utf-8", "replace")] = Wireless(
            min(1.0, int(match[2]) / _BEST_WIRELESS), level if -256 < level < 0 else None
        )
    return found


def parse_if_inet6(content: bytes) -> dict[str, list[str]]:
    """Return the addresses of IPv6 by interface.

    Raises:
        ValueError: a line isn't an address, four numbers and a name.

    Source: /proc/net/if_inet6, in hexadecimal.
    """
    found: dict[str, list[str]] = {}
    for line in content.splitlines():
        match = _INET6_LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"/proc/net/if_inet6: expected an address, got {line[:40]!r}")
        address = socket.inet_ntop(socket.AF_INET6, bytes.fromhex(match[1].decode()))
        found.setdefault(match[2].decode("utf-8", "replace"), []).append(address)
    return found


def parse_addresses(payloads: Iterable[bytes]) -> dict[int, list[str]]:
    """Return the addresses by the index of their interface; those of neither IP are passed over.

    Raises:
        ValueError: a payload isn't an ifaddrmsg with attributes.

    Source: rtnetlink(7), answers to RTM_GETADDR.
    """
    found: dict[int, list[str]] = {}
    for payload in payloads:
        if len(payload) < _ADDRESS_HEAD.size:
            raise ValueError(f"netlink: expected an ifaddrmsg, got {payload[:40]!r}")
        family, _, _, _, index = _ADDRESS_HEAD.unpack_from(payload)
        attributes = _attributes_of(payload, _ADDRESS_HEAD.size)
        # Of a tunnel, IFA_ADDRESS is the other end.
        packed = attributes.get(_IFA_LOCAL) or attributes.get(_IFA_ADDRESS)
        if packed is not None and len(packed) == _ADDRESS_BYTES.get(family):
            found.setdefault(index, []).append(socket.inet_ntop(family, packed))
    return found


def _attributes_of(payload: bytes, at: int) -> dict[int, bytes]:
    attributes = {}
    while at < len(payload):
        length, kind = _ATTRIBUTE_HEAD.unpack_from(payload, at) if len(payload) - at >= 4 else (0, 0)
        if not 4 <= length <= len(payload) - at:
            raise ValueError(f"netlink: expected an attribute, got {payload[at : at + 40]!r}")
        attributes[kind] = payload[at + 4 : at + length]
        at += (length + 3) & ~3
    return attributes
