"""Builds the sidecar from its settings; nothing runs until `run.serve`."""

from __future__ import annotations

import logging
import resource
import threading
from dataclasses import dataclass

from starlette.applications import Starlette

from otel_bitacora import __version__
from otel_bitacora.http.app import create_app
from otel_bitacora.http.port import Port, secure_port
from otel_bitacora.http.token import state_directory
from otel_bitacora.monitor.exposition import Exposition
from otel_bitacora.monitor.routes import monitor_endpoints
from otel_bitacora.monitor.sampler import Sampler
from otel_bitacora.resource import service_attributes, stable_instance_id
from otel_bitacora.settings import Settings

from .housekeeping import Housekeeping, journal_of
from .sampling import build_sampler, check_named, select_with_own

_DESCRIPTORS = 8192
SERVICE_NAME = "otel-bitacora"
log = logging.getLogger("otel_bitacora.sidecar")


@dataclass(slots=True)
class Sidecar:
    """One sampler and the app that publishes it."""

    settings: Settings
    port: Port
    sampler: Sampler
    app: Starlette
    named: frozenset[str]
    housekeeping: Housekeeping

    def start(self) -> None:
        """Start to sample.

        Raises:
            CollectorUnavailable: a collector that was asked for by name finds nothing to read.
        """
        raise_descriptor_limit()
        first = threading.Event()
        self.sampler.on_snapshot(lambda _: first.set())
        self.sampler.start()
        self.housekeeping.start()
        if self.named:
            first.wait()
            check_named(self.sampler.snapshot, self.named)

    def reload(self, settings: Settings) -> None:
        """Read with other *settings* from now on; what needs a restart is named in the log."""
        self.port.look_again()
        if (settings.http, settings.token, settings.token_file, settings.state_dir, settings.monitor.root_path) != (
            self.settings.http,
            self.settings.token,
            self.settings.token_file,
            self.settings.state_dir,
            self.settings.monitor.root_path,
        ):
            log.warning("[http], token, state_dir and monitor.root_path take effect after a restart")
        selection = select_with_own(settings)
        self.sampler.replace(selection.collectors, selection.timings)
        self.settings = settings


def raise_descriptor_limit() -> None:
    """Let this program have more than the usual 1,024 open files, if it may: it keeps one open for each process."""
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
    sampler, named = build_sampler(settings)
    instance_id = stable_instance_id(sampler.host, state_directory(settings))
    target = {**service_attributes(SERVICE_NAME, __version__, instance_id), **sampler.host.attributes()}
    endpoints = monitor_endpoints(sampler, Exposition(target))
    app = create_app(endpoints, guard=port.guard, allowed_hosts=settings.http.allowed_hosts, headers=port.headers)
    return Sidecar(settings, port, sampler, app, named, Housekeeping(journal_of(settings)))
