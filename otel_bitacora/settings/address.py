"""Addresses to listen on: `host:port`, where the host is an IP literal or localhost."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple


class Address(NamedTuple):
    host: str
    """An IP literal, without brackets."""
    port: int

    @property
    def is_loopback(self) -> bool:
        address = ipaddress.ip_address(self.host)
        mapped = getattr(address, "ipv4_mapped", None)
        return (mapped or address).is_loopback

    @property
    def is_any(self) -> bool:
        """Whether it stands for every address of the host."""
        return ipaddress.ip_address(self.host).is_unspecified

    @property
    def to_reach(self) -> Address:
        """The address that a program on this host can connect to."""
        if not self.is_any:
            return self
        return Address("::1" if ":" in self.host else "127.0.0.1", self.port)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """Return the address that *text* names.

    Raises:
        ValueError: it isn't `host:port` or `[ip6]:port` with an IP literal or localhost.
    """
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError("must be ADDRESS:PORT with a port from 0 to 65535, such as 127.0.0.1:9464")
    host = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    try:
        return Address(str(ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)), int(port))
    except ValueError:
        raise ValueError(f"must name an IP address or localhost, not {host!r}") from None
