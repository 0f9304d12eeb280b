"""What went through each interface, by /proc/net/dev or psutil; below the collectors, since two of them want it."""

from __future__ import annotations

import re
from typing import NamedTuple

from .contract import Host

# The name ends at the last colon that numbers follow: an alias has one in its name, and old kernels leave
# no blank after it.
_LINE = re.compile(rb"\s*(\S+):\s*(\d{1,20}(?:\s+\d{1,20}){15,})\s*")


class Traffic(NamedTuple):
    """What went one way through one interface since it came up."""

    io_bytes: int
    packets: int
    errors: int
    dropped: int | None
    """None where the system doesn't count them."""


class InterfaceTraffic(NamedTuple):
    received: Traffic
    transmitted: Traffic


def read_traffic(host: Host) -> dict[str, InterfaceTraffic]:
    """Return the traffic of each interface of *host*.

    Raises:
        Unavailable: it has no /proc/net/dev, or psutil isn't installed.
    """
    if host.is_linux:
        return parse_net_dev(host.read_bytes(f"{host.net_directory}/dev"))
    # macOS counts no packets that were dropped on their way out: psutil says 0.
    counts_dropped_out = host.platform == "win32"
    return {
        name: InterfaceTraffic(
            Traffic(one.bytes_recv, one.packets_recv, one.errin, one.dropin),
            Traffic(one.bytes_sent, one.packets_sent, one.errout, one.dropout if counts_dropped_out else None),
        )
        for name, one in host.psutil().net_io_counters(pernic=True, nowrap=False).items()
    }


def parse_net_dev(content: bytes) -> dict[str, InterfaceTraffic]:
    """Return the traffic of each interface.

    Raises:
        ValueError: a line isn't a name and 16 numbers.

    Source: /proc/net/dev: two lines of headings, then name, 8 numbers received, 8 transmitted.
    """
    interfaces = {}
    for line in content.splitlines()[2:]:
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"/proc/net/dev: expected an interface and 16 numbers, got {line[:40]!r}")
        numbers = [int(number) for number in match[2].split()]
        interfaces[match[1].decode("utf-8", "replace")] = InterfaceTraffic(
            Traffic(*numbers[:4]), Traffic(*numbers[8:12])
        )
    return interfaces
