"""Names in the place of names: the same for the same, so that what belonged together still does."""

from __future__ import annotations

import ipaddress
import itertools
import re
from collections import defaultdict
from collections.abc import Iterable
from typing import TypeVar

_MAC = re.compile(rb"(?<![\w:])(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}(?![\w:])")
_UUID = re.compile(rb"(?<![\w-])[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?![\w-])")
_V4 = re.compile(rb"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])")
_V6 = re.compile(rb"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])")
_FEWEST_DIGITS = 4  # of an IPv6 address that could be somebody's
_NO_MAC = frozenset((b"00:00:00:00:00:00", b"ff:ff:ff:ff:ff:ff"))
# Set aside for documents and for tests (RFC 5737, 2544, 3849): they are nobody's.
_NETS_V4 = [ipaddress.ip_network(net) for net in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "198.18.0.0/15")]
_NET_V6, _LINK_LOCAL = ipaddress.ip_address("2001:db8::"), ipaddress.ip_address("fe80::")

T = TypeVar("T")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Pseudonyms:
    """Replaces addresses, and the *words* that are given by kind, such as `host` and `user`. `counts` says how many of each.

    A word is found where no letter or digit is next to it, in any case.
    """

    def __init__(self, words: Iterable[tuple[str, str]]) -> None:
        self.counts: defaultdict[str, int] = defaultdict(int)
        self._issued: set[object] = set()  # what was replaced once is not replaced again
        self._known: dict[tuple[str, object], str] = {}
        self._numbers: defaultdict[str, itertools.count[int]] = defaultdict(lambda: itertools.count(1))
        self._kinds = {word.lower().encode(): kind for kind, word in words if word}
        longest = sorted(self._kinds, key=len, reverse=True)  # a longer name may begin with a shorter one
        found = b"|".join(map(re.escape, longest)) or rb"(?!)"
        self._words = re.compile(rb"(?<![A-Za-z0-9])(?:" + found + rb")(?![A-Za-z0-9])", re.IGNORECASE)

    def text(self, content: bytes) -> bytes:
        """Return *content* without the words, and without addresses of networks, cards and volumes."""
        content = self._words.sub(lambda match: self._word(match[0]), content)
        content = _UUID.sub(lambda match: self.uuid(match[0]), content)
        content = _MAC.sub(lambda match: self.mac(match[0]), content)
        content = _V4.sub(lambda match: self._written(match[0]), content)
        return _V6.sub(lambda match: self._written(match[0]), content)

    def name(self, kind: str, name: str) -> str:
        """Return the pseudonym of *name*, such as `user-1`."""
        key = (kind, name.lower())
        if key not in self._known:
            self._known[key] = f"{kind}-{next(self._numbers[kind])}"
        self.counts[kind] += 1
        return self._known[key]

    def mac(self, written: bytes) -> bytes:
        if written.lower() in _NO_MAC or written in self._issued:
            return written
        number = int(self.name("mac", written.decode()).rpartition("-")[2])
        # Of those that anybody may give.
        return self._issue(b"02:00:00:" + number.to_bytes(3, "big").hex(":").encode())

    def uuid(self, written: bytes) -> bytes:
        if written in self._issued:
            return written
        number = int(self.name("uuid", written.decode()).rpartition("-")[2])
        return self._issue(b"00000000-0000-4000-8000-%012x" % number)

    def address(self, address: Address) -> Address:
        """Return what stands for *address*; what every host has (loopback, unspecified, multicast) stays."""
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            return ipaddress.IPv6Address(b"\0" * 10 + b"\xff\xff" + self.address(address.ipv4_mapped).packed)
        is_everywhere = address.is_loopback or address.is_unspecified or address.is_multicast
        if is_everywhere or str(address) == "255.255.255.255" or address in self._issued:
            return address
        kind = f"ipv{address.version}_local" if address.is_link_local else f"ipv{address.version}"
        number = int(self.name(kind, str(address)).rpartition("-")[2])
        if isinstance(address, ipaddress.IPv6Address):
            return self._issue((_LINK_LOCAL if address.is_link_local else _NET_V6) + number)
        return self._issue(ipaddress.IPv4Address("169.254.0.0") + number if address.is_link_local else _nobodys(number))

    def _issue(self, made: T) -> T:
        self._issued.add(made)
        return made

    def _word(self, found: bytes) -> bytes:
        return self.name(self._kinds[found.lower()], found.decode("utf-8", "replace")).encode()

    def _written(self, found: bytes) -> bytes:
        if found.count(b":") >= 2 and len(found) - found.count(b":") < _FEWEST_DIGITS:
            return found  # `0::/` begins a line of /proc/N/cgroup
        try:
            return str(self.address(ipaddress.ip_address(found.decode()))).encode()
        except ValueError:  # a version, a time, something of PCI
            return found


def _nobodys(number: int) -> ipaddress.IPv4Address:
    for net in _NETS_V4:
        if number < net.num_addresses - 1:
            return ipaddress.IPv4Address(int(net.network_address) + number)
        number -= net.num_addresses - 2
    return ipaddress.IPv4Address("198.19.255.254")
