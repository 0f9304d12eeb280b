"""The sampler as the settings ask for it; needs nothing of what serving needs, so that a plain install can sample."""

from __future__ import annotations

from collections.abc import Sequence

from otel_bitacora.errors import CollectorUnavailable
from otel_bitacora.monitor.otlp.outcome import ExportersCollector, Tally
from otel_bitacora.monitor.registry import Selection, select
from otel_bitacora.monitor.sampler import Sampler
from otel_bitacora.monitor.snapshot import Health, Snapshot
from otel_bitacora.resource import identify_host
from otel_bitacora.settings import Settings

from .own_cost import SidecarCollector


def build_sampler(settings: Settings, tallies: Sequence[Tally] = ()) -> tuple[Sampler, frozenset[str]]:
    """Return a sampler for *settings*, and the collectors that must find something to read."""
    selection = select_with_own(settings, tallies)
    host = identify_host(settings.monitor.root_path)
    return Sampler(selection.collectors, host=host, timings=selection.timings), selection.named


def select_with_own(settings: Settings, tallies: Sequence[Tally] = ()) -> Selection:
    """Return the collectors that *settings* ask for, the sidecar's own cost, and what its exporters have done."""
    return select(settings, extra=[SidecarCollector(), ExportersCollector(*tallies)])


def check_named(snapshot: Snapshot, named: frozenset[str]) -> None:
    """Raise CollectorUnavailable for the collectors among *named* that found nothing to read."""
    missing = [state for state in snapshot.states if state.name in named and state.health is Health.UNAVAILABLE]
    if missing:
        raise CollectorUnavailable(
            *(f"monitor.collect = {state.name!r}: nothing to read here: {state.error}" for state in missing)
        )
