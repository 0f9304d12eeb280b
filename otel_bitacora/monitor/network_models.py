"""Builds what `modelling` puts into `NetworkMetrics`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from bitacora_collectors.connections import ListeningPort
from bitacora_collectors.contract import AttributeValue
from bitacora_collectors.interfaces import NetworkInterface

from . import models
from .snapshot import CollectorState

if TYPE_CHECKING:
    from .modelling import Lookup, Rates

_RECEIVE = {"network.io.direction": "receive"}
_TRANSMIT = {"network.io.direction": "transmit"}
_CONNECTIONS = "system.network.connection.count"


def interfaces(look: Lookup, rates: Rates, state: CollectorState | None) -> tuple[models.InterfaceMetrics, ...] | None:
    """Return the interfaces that have traffic, and those of *state* beside them; each tells what is known of it."""
    facts = {one.name: one for one in (state.entities if state else ()) if isinstance(one, NetworkInterface)}
    names = {**look.by("system.network.io", "network.interface.name", _RECEIVE), **facts}
    return tuple(_interface(look, rates, name, facts.get(name)) for name in names) or None


def _interface(look: Lookup, rates: Rates, name: str, facts: NetworkInterface | None) -> models.InterfaceMetrics:
    key = {"hw.id": name}
    return models.InterfaceMetrics(
        name=name,
        receive=_direction(look, rates, name, _RECEIVE),
        transmit=_direction(look, rates, name, _TRANSMIT),
        is_up=facts.is_up if facts else None,
        mac=facts.mac if facts else None,
        mtu_bytes=facts.mtu_bytes if facts else None,
        speed_bits_per_second=facts.speed_bits_per_second if facts else None,
        addresses=facts.addresses if facts else None,
        utilization=look.number("hw.network.bandwidth.utilization", key),
        quality=look.number("bitacora.network.link.quality", key),
        signal_dbm=look.number("bitacora.network.link.signal", key),
    )


def _direction(
    look: Lookup, rates: Rates, interface: str, direction: Mapping[str, str]
) -> models.DirectionMetrics | None:
    key: dict[str, AttributeValue] = {"network.interface.name": interface, **direction}
    count = look.integer("system.network.io", key)
    if count is None:
        return None
    return models.DirectionMetrics(
        bytes=count,
        # The convention has packets, and only packets, by system.device.
        packets=look.integer("system.network.packet.count", {"system.device": interface, **direction}),
        errors=look.integer("system.network.errors", key),
        dropped=look.integer("system.network.packet.dropped", key),
        bytes_per_second=rates.per_second("system.network.io", key),
    )


def connections(look: Lookup) -> models.ConnectionMetrics | None:
    tcp, udp = (look.integer(_CONNECTIONS, {"network.transport": name}) for name in ("tcp", "udp"))
    if tcp is None or udp is None:
        return None
    states = look.by(_CONNECTIONS, "network.connection.state", {"network.transport": "tcp"})
    return models.ConnectionMetrics(
        tcp=tcp,
        tcp_by_state={state: int(count) for state, count in states.items()} or None,
        udp=udp,
        tcp_retransmit_ratio=look.number("bitacora.network.tcp.retransmit.ratio"),
    )


def listening_ports(state: CollectorState | None) -> tuple[models.ListeningPortMetrics, ...] | None:
    """Return the ports that are listened on; None where that isn't read, or failed."""
    if state is None or state.sample is None:
        return None
    return tuple(
        models.ListeningPortMetrics(
            transport=one.transport,
            address=one.address,
            port=one.port,
            uid=one.uid,
            user=one.user,
            pid=one.pid,
            process_name=one.process_name,
        )
        for one in state.entities
        if isinstance(one, ListeningPort)
    )
