"""Runs the sidecar until it is told to stop: signals, systemd, and the HTTP server."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
from collections.abc import Callable, Iterator

import uvicorn

from otel_bitacora.errors import BitacoraError
from otel_bitacora.http.limits import HEADER_BYTES
from otel_bitacora.monitor.snapshot import Snapshot
from otel_bitacora.monitor.stream import bound_backlog
from otel_bitacora.settings import Settings

from .build import Sidecar
from .notify import keep_watchdog_quiet, notify, notify_reloading
from .protocol import BoundedProtocol

log = logging.getLogger("otel_bitacora.sidecar")
_KEEP_ALIVE_SECONDS = 120  # longer than scrape intervals are: Prometheus keeps its connection between two
_GRACE_SECONDS = 1  # for answers under way; a service must be gone within two

# A tick makes thousands of objects and no cycles, and has lists of thousands in its hands: each collection of the young
# goes through these, and at Python's 700 (2,000 from 3.12 on) there are several in a tick.
_YOUNG_OBJECTS = 10_000


def serve(sidecar: Sidecar, listener: socket.socket, reload: Callable[[], Settings]) -> None:
    """Serve on *listener* until SIGTERM or SIGINT; SIGHUP takes the settings that *reload* returns."""
    config = uvicorn.Config(
        sidecar.app,
        http=BoundedProtocol,
        h11_max_incomplete_event_size=HEADER_BYTES,
        proxy_headers=False,  # nobody may say to come from elsewhere than they do
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        date_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    config.load()
    config.ssl = sidecar.port.tls
    logging.getLogger("uvicorn.error").addFilter(_is_ours_to_tell)
    sidecar.sampler.on_snapshot(_tell_ready)
    bound_backlog(listener)
    gc.set_threshold(_YOUNG_OBJECTS, 10, 10)
    asyncio.run(_run(sidecar, _Server(config, before_stop=sidecar.feed.close), listener, reload))


def _is_ours_to_tell(record: logging.LogRecord) -> bool:
    """Leave out what strangers cause at will: each line is one for whoever reads the log, and costs them nothing."""
    said = str(record.msg)
    return not said.startswith(("Invalid HTTP request", "Unsupported upgrade request", "No supported WebSocket"))


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers, and without waking ten times a second to look whether it shall stop."""

    def __init__(self, config: uvicorn.Config, *, before_stop: Callable[[], None]) -> None:
        super().__init__(config)
        self.stopping = asyncio.Event()
        self._before_stop = before_stop

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        await self.stopping.wait()
        self._before_stop()  # or the streams, which have no end of their own, would be waited for


async def _run(sidecar: Sidecar, server: _Server, listener: socket.socket, reload: Callable[[], Settings]) -> None:
    loop = asyncio.get_running_loop()
    handlers: dict[str, Callable[[], object]] = {
        "SIGTERM": server.stopping.set,
        "SIGINT": server.stopping.set,
        "SIGHUP": lambda: _reload(sidecar, reload),  # Windows has none
    }
    for name, handler in handlers.items():
        if hasattr(signal, name):
            _handle(loop, getattr(signal, name), handler)
    watchdog = asyncio.create_task(keep_watchdog_quiet(lambda: not sidecar.sampler.is_stuck))
    try:
        await server.serve(sockets=[listener])
    finally:
        notify("STOPPING=1")
        watchdog.cancel()
        sidecar.stop()


def _handle(loop: asyncio.AbstractEventLoop, number: int, handler: Callable[[], object]) -> None:
    try:
        loop.add_signal_handler(number, handler)
    except NotImplementedError:  # Windows' loop doesn't look for signals
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(handler))


def _tell_ready(snapshot: Snapshot) -> None:
    if snapshot.sequence == 1:
        notify("READY=1")


def _reload(sidecar: Sidecar, reload: Callable[[], Settings]) -> None:
    """Take new settings; wrong ones change nothing, so that a slip in a file doesn't stop the watching."""
    notify_reloading()
    try:
        sidecar.reload(reload())
    except BitacoraError as error:
        log.error("the settings stay as they were: %s", error)  # noqa: TRY400 - the message says it all
    else:
        log.info("settings read again")
    notify("READY=1")
