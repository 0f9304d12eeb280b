"""systemd's services as a model, and how it is built from a snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bitacora_collectors.services import Service

from .snapshot import CollectorState

if TYPE_CHECKING:
    from .modelling import Lookup


@dataclass(frozen=True, slots=True)
class ServiceMetrics:
    name: str
    description: str
    active_state: str
    """`active`, `reloading`, `inactive`, `failed`, `activating`, `deactivating`, `maintenance` or `refreshing`."""
    sub_state: str
    """systemd's finer word, such as `running`, `exited` or `auto-restart`."""
    restarts: int | None
    """None unless the setting `units` asks for it."""


@dataclass(frozen=True, slots=True)
class ServicesMetrics:
    units_by_state: Mapping[str, int]
    """All units, services and others."""
    failed: tuple[str, ...]
    """Units that have failed, as far as they are named."""
    services: tuple[ServiceMetrics, ...]


def services(look: Lookup, state: CollectorState | None) -> ServicesMetrics | None:
    units = look.by("bitacora.systemd.units", "systemd.unit.active_state")
    if not units:
        return None
    failed = look.by("systemd.unit.state", "systemd.unit.name", {"systemd.unit.active_state": "failed"})
    return ServicesMetrics(
        units_by_state={name: int(count) for name, count in units.items()},
        failed=tuple(sorted(name for name, value in failed.items() if value)),
        services=tuple(
            ServiceMetrics(one.name, one.description, one.active_state, one.sub_state, one.restarts)
            for one in (state.entities if state else ())
            if isinstance(one, Service)
        ),
    )
