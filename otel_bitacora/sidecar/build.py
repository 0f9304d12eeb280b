"""Builds the sidecar from its settings; nothing runs until `run.serve`."""

from __future__ import annotations

import logging
import sys
import threading
from dataclasses import dataclass

from starlette.applications import Starlette

from otel_bitacora import __version__
from otel_bitacora.http.app import create_app
from otel_bitacora.http.port import Port, secure_port
from otel_bitacora.http.token import state_directory
from otel_bitacora.monitor.events.record import EventLog
from otel_bitacora.monitor.events.sources import event_sources
from otel_bitacora.monitor.events.watch import Watch
from otel_bitacora.monitor.exposition import Exposition
from otel_bitacora.monitor.feed import Feed
from otel_bitacora.monitor.otlp.outcome import Tally
from otel_bitacora.monitor.otlp.target import target_of
from otel_bitacora.monitor.routes import monitor_endpoints
from otel_bitacora.monitor.sampler import Sampler
from otel_bitacora.resource import service_attributes, stable_instance_id
from otel_bitacora.settings import Address, Settings

from .housekeeping import Housekeeping, journal_of
from .own_log import OwnLog
from .receiving import Receiving
from .sampling import Own, build_sampler, check_named, select_with_own
from .sending import Sending
from .shipping import Shipping

if sys.platform != "win32":
    import resource

_DESCRIPTORS = 8192
SERVICE_NAME = "otel-bitacora"
log = logging.getLogger("otel_bitacora.sidecar")


@dataclass(slots=True)
class Sidecar:
    """One sampler, the app that publishes it and takes records in, what watches between two samples, and what sends them on."""

    settings: Settings
    port: Port
    sampler: Sampler
    feed: Feed
    app: Starlette
    named: frozenset[str]
    own: Own
    housekeeping: Housekeeping
    watch: Watch
    sending: Sending
    receiving: Receiving
    own_log: OwnLog
    shipping: Shipping

    def start(self, address: Address) -> None:
        """Start to sample, to watch and to send, *address* being the one that is served on.

        Raises:
            CollectorUnavailable: a collector that was asked for by name finds nothing to read.
            SettingsError: nothing may be sent where the settings have it sent.
            MissingExtra: what sends isn't installed.
        """
        raise_descriptor_limit()
        self.own_log.start()
        self.sending.start(address)
        self.sampler.on_snapshot(self.watch.seen)
        first = threading.Event()
        self.sampler.on_snapshot(lambda _: first.set())
        self.sampler.start()
        self.watch.start()
        self.housekeeping.start()
        self.receiving.start()
        self.shipping.start(address)
        if self.named:
            first.wait()
            check_named(self.sampler.snapshot, self.named)

    def stop(self) -> None:
        """Stop everything, in little more than a second, whatever hangs."""
        self.housekeeping.stop()
        self.watch.stop(timeout_seconds=0.3)
        self.sampler.stop(timeout_seconds=0.2)
        self.sending.stop(timeout_seconds=0.5)
        self.receiving.stop(timeout_seconds=0.5)
        self.own_log.stop()
        self.shipping.stop(timeout_seconds=0.5)

    def reload(self, settings: Settings) -> None:
        """Read with other *settings* from now on; what needs a restart is named in the log."""
        self.port.look_again()
        if _what_needs_a_restart(settings) != _what_needs_a_restart(self.settings):
            log.warning(
                "[http], [events], [otlp], [sources], [exporters], to, token, state_dir, journal_dir, keep_own_log and "
                "monitor.root_path take effect after a restart"
            )
        selection = select_with_own(settings, self.own)
        self.sampler.replace(selection.collectors, selection.timings)
        self.settings = settings


def _what_needs_a_restart(settings: Settings) -> tuple[object, ...]:
    root_path = settings.monitor.root_path
    return (
        settings.http,
        settings.events,
        settings.otlp,
        settings.sources,
        settings.to,
        settings.exporters,
        settings.token,
        settings.token_file,
        settings.state_dir,
        settings.journal_dir,
        settings.keep_own_log,
        root_path,
    )


def raise_descriptor_limit() -> None:
    """Let this program have more than the usual 1,024 open files, if it may: it keeps one open for each process."""
    if sys.platform == "win32":
        return  # there is no such limit
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(_DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def build_sidecar(settings: Settings) -> Sidecar:
    """Return the whole for *settings*.

    Raises:
        SettingsError: a setting can't be carried out, or would let others than this machine in unguarded.
        StateUnavailable: the token can't be kept in the state directory.
    """
    port = secure_port(settings)
    receiver = target_of(settings.otlp)
    journal = journal_of(settings)
    shipping = Shipping(settings, journal)
    events = EventLog(settings.events.min_interval_seconds)
    own = Own((Tally("otlp"),) if receiver else (), events, (shipping.collector(),))
    sampler, named = build_sampler(settings, own)
    watch = Watch(event_sources(settings), events=own.events, wake=sampler.wake)
    instance_id = stable_instance_id(sampler.host, state_directory(settings))
    service = service_attributes(SERVICE_NAME, __version__, instance_id)
    target = {**service, **sampler.host.attributes()}
    sending = Sending(receiver, own.tallies, sampler=sampler, resource=target, processes=settings.otlp.processes)
    feed = Feed(sampler)
    receiving = Receiving(
        settings.sources, journal=journal, state=state_directory(settings), host=sampler.host.attributes()
    )
    endpoints = [
        *monitor_endpoints(sampler, Exposition(target), feed, ailments=shipping.ailments),
        *receiving.endpoints(),
        shipping.endpoint(),
    ]
    app = create_app(endpoints, guard=port.guard, allowed_hosts=settings.http.allowed_hosts, headers=port.headers)
    housekeeping = Housekeeping(journal)
    own_log = OwnLog(journal if settings.keep_own_log else None, service)
    return Sidecar(
        settings, port, sampler, feed, app, named, own, housekeeping, watch, sending, receiving, own_log, shipping
    )
