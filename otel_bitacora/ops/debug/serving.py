"""The port of `debug replay`: what a sidecar of the recorded host would serve."""

from __future__ import annotations

import logging
import signal
import socket
import sys
import threading

import uvicorn

from otel_bitacora import __version__
from otel_bitacora.http.app import create_app
from otel_bitacora.http.port import Port
from otel_bitacora.monitor.exposition import Exposition
from otel_bitacora.monitor.feed import Feed
from otel_bitacora.monitor.recorded.host import RecordedHost
from otel_bitacora.monitor.routes import monitor_endpoints
from otel_bitacora.monitor.sampler import Sampler
from otel_bitacora.settings import Settings

from .replay import play_host

log = logging.getLogger("otel_bitacora.debug")
_PATIENCE_SECONDS = 5.0  # with the reading of one moment


def serve_recording(
    host: RecordedHost, sampler: Sampler, *, settings: Settings, port: Port, listener: socket.socket, speed: float
) -> None:
    """Serve on *listener* what *sampler* reads of *host*, which is played meanwhile, until SIGINT or SIGTERM."""
    resource = {"service.name": "otel-bitacora", "service.version": __version__, **sampler.host.attributes()}
    feed = Feed(sampler)
    app = create_app(
        monitor_endpoints(sampler, Exposition(resource), feed),
        guard=port.guard,
        allowed_hosts=settings.http.allowed_hosts,
        headers=port.headers,
    )
    config = uvicorn.Config(
        app, proxy_headers=False, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1
    )
    config.load()
    config.ssl = port.tls
    stopped = threading.Event()
    player = threading.Thread(target=_play, args=(host, sampler, speed, stopped), name="bitacora-replay", daemon=True)
    player.start()
    # uvicorn raises the signals that it was stopped by again: none may end us before the copy is gone.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        uvicorn.Server(config).run(sockets=[listener])
    except KeyboardInterrupt:
        pass
    finally:
        stopped.set()
        player.join(_PATIENCE_SECONDS)
        feed.close()


def _play(host: RecordedHost, sampler: Sampler, speed: float, stopped: threading.Event) -> None:
    def wait(seconds: float) -> None:
        if stopped.wait(seconds):
            sys.exit()  # this thread alone

    count = play_host(host, sampler, speed, wait=wait)
    log.info("that was the last of %d moments: it stays until this is interrupted", count)
