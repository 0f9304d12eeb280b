"""Builds the sidecar from its settings; nothing runs until `run.serve`."""

from __future__ import annotations

import logging
import sys
import threading
from dataclasses import dataclass

from starlette.applications import Starlette

from otel_bitacora import __version__
from otel_bitacora.http.app import create_app
from otel_bitacora.http.token import obtain_token, state_directory
from otel_bitacora.monitor.exposition import Exposition
from otel_bitacora.monitor.feed import Feed
from otel_bitacora.monitor.routes import monitor_endpoints
from otel_bitacora.monitor.sampler import Sampler
from otel_bitacora.resource import service_attributes, stable_instance_id
from otel_bitacora.settings import Settings

from .housekeeping import Housekeeping, journal_of
from .sampling import build_sampler, check_named, select_with_own

if sys.platform != "win32":
    import resource

_DESCRIPTORS = 8192
SERVICE_NAME = "otel-bitacora"
log = logging.getLogger("otel_bitacora.sidecar")


@dataclass(slots=True)
class Sidecar:
    """One sampler and the app that publishes it."""

    settings: Settings
    token: str
    sampler: Sampler
    feed: Feed
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
    if sys.platform == "win32":
        return  # there is no such limit
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(_DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def build_sidecar(settings: Settings) -> Sidecar:
    """Return the whole for *settings*.

    Raises:
        SettingsError: a setting can't be carried out.
        StateUnavailable: the token can't be kept in the state directory.
    """
    token = obtain_token(settings)
    sampler, named = build_sampler(settings)
    instance_id = stable_instance_id(sampler.host, state_directory(settings))
    target = {**service_attributes(SERVICE_NAME, __version__, instance_id), **sampler.host.attributes()}
    feed = Feed(sampler)
    endpoints = monitor_endpoints(sampler, Exposition(target), feed)
    app = create_app(endpoints, token=token, allowed_hosts=settings.http.allowed_hosts)
    return Sidecar(settings, token, sampler, feed, app, named, Housekeeping(journal_of(settings)))
