"""Network traffic: bytes and packets through each interface, and those that were lost."""

from __future__ import annotations

import re
from typing import NamedTuple

from .contract import FAST_SECONDS, Attributes, Group, Host, Kind, Metric, Reading
from .net_dev import read_traffic

_DIRECTION = "network.io.direction"
_INTERFACE = "network.interface.name"
_DEVICE = "system.device"

IO = Metric(
    "system.network.io", Kind.COUNTER, "By", "Bytes through an interface.", Group.NETWORK, (_INTERFACE, _DIRECTION)
)
# The one that semconv gives `system.device` instead of the interface's name.
PACKET_COUNT = Metric(
    "system.network.packet.count",
    Kind.COUNTER,
    "{packet}",
    "Packets through an interface.",
    Group.NETWORK,
    (_DEVICE, _DIRECTION),
)
PACKET_DROPPED = Metric(
    "system.network.packet.dropped",
    Kind.COUNTER,
    "{packet}",
    "Packets dropped, though they were intact.",
    Group.NETWORK,
    (_INTERFACE, _DIRECTION),
)
ERRORS = Metric(
    "system.network.errors",
    Kind.COUNTER,
    "{error}",
    "Packets that couldn't be received or sent.",
    Group.NETWORK,
    (_INTERFACE, _DIRECTION),
)

EXCLUDE_INTERFACES = ""
"""A regular expression for the names of interfaces to leave out; empty keeps all, lo too."""


class _Direction(NamedTuple):
    """The attributes of one direction of an interface, by whom they name."""

    interface: Attributes
    device: Attributes


class TrafficCollector:
    name = "traffic"
    group = Group.NETWORK
    metrics = (IO, PACKET_COUNT, PACKET_DROPPED, ERRORS)
    interval_seconds = FAST_SECONDS

    def __init__(self, host: Host, *, exclude_interfaces: str = EXCLUDE_INTERFACES) -> None:
        self._host = host
        self._exclude = re.compile(exclude_interfaces) if exclude_interfaces else None
        self._directions: dict[str, tuple[_Direction, _Direction]] = {}

    def collect(self) -> list[Reading]:
        interfaces = read_traffic(self._host)
        known = self._directions
        self._directions = {
            name: known.get(name) or (_direction(name, "receive"), _direction(name, "transmit"))
            for name in interfaces
            if self._exclude is None or not self._exclude.search(name)
        }
        readings: list[Reading] = []
        for name, directions in self._directions.items():
            for traffic, attributes in zip(interfaces[name], directions, strict=True):
                readings += (
                    Reading(IO, traffic.io_bytes, attributes.interface),
                    Reading(PACKET_COUNT, traffic.packets, attributes.device),
                    Reading(ERRORS, traffic.errors, attributes.interface),
                )
                if traffic.dropped is not None:
                    readings.append(Reading(PACKET_DROPPED, traffic.dropped, attributes.interface))
        return readings


def _direction(name: str, direction: str) -> _Direction:
    return _Direction({_INTERFACE: name, _DIRECTION: direction}, {_DEVICE: name, _DIRECTION: direction})
