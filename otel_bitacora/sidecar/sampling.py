"""The sampler as the settings ask for it; needs nothing of what serving needs, so that a plain install can sample."""

from __future__ import annotations

from dataclasses import dataclass, field

from bitacora_collectors.contract import Collector
from otel_bitacora.errors import CollectorUnavailable
from otel_bitacora.monitor.events.record import EventLog, EventsCollector
from otel_bitacora.monitor.otlp.outcome import ExportersCollector, Tally
from otel_bitacora.monitor.registry import Selection, select
from otel_bitacora.monitor.sampler import Sampler
from otel_bitacora.monitor.snapshot import Health, Snapshot
from otel_bitacora.reporter.production.shipper.metrics import ShippingCollector
from otel_bitacora.resource import identify_host
from otel_bitacora.settings import Settings

from .own_cost import SidecarCollector


@dataclass(frozen=True, slots=True)
class Own:
    """What this program counts of itself, whatever is read of the host; it stays when settings are read again."""

    tallies: tuple[Tally, ...] = ()
    events: EventLog = field(default_factory=lambda: EventLog(min_interval_seconds=1.0))

    others: tuple[Collector, ...] = (ShippingCollector(),)

    def collectors(self) -> list[Collector]:
        return [SidecarCollector(), EventsCollector(self.events), ExportersCollector(*self.tallies), *self.others]


def build_sampler(settings: Settings, own: Own | None = None) -> tuple[Sampler, frozenset[str]]:
    """Return a sampler for *settings*, and the collectors that must find something to read."""
    selection = select_with_own(settings, own)
    host = identify_host(settings.monitor.root_path)
    return Sampler(selection.collectors, host=host, timings=selection.timings), selection.named


def select_with_own(settings: Settings, own: Own | None = None) -> Selection:
    """Return the collectors that *settings* ask for, and those of what this program does itself."""
    return select(settings, extra=(own or Own()).collectors())


def check_named(snapshot: Snapshot, named: frozenset[str]) -> None:
    """Raise CollectorUnavailable for the collectors among *named* that found nothing to read."""
    missing = [state for state in snapshot.states if state.name in named and state.health is Health.UNAVAILABLE]
    if missing:
        raise CollectorUnavailable(
            *(f"monitor.collect = {state.name!r}: nothing to read here: {state.error}" for state in missing)
        )
