"""A sampler whose time the test lets pass, and the real server in front of it, in the test's own event loop."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn

from bitacora_collectors.contract import Group, Kind, Metric, Reading
from otel_bitacora.http.access import Guard
from otel_bitacora.http.app import create_app
from otel_bitacora.monitor.exposition import Exposition
from otel_bitacora.monitor.feed import Feed
from otel_bitacora.monitor.routes import monitor_endpoints
from otel_bitacora.monitor.sampler import Sampler, Timing
from otel_bitacora.monitor.stream import bound_backlog
from otel_bitacora.resource import HostIdentity
from otel_bitacora.sidecar.run import _Server
from otel_bitacora.testing import FakeClock, FakeHostCollector

TOKEN = "a-token-of-the-test-suite"
LOAD = [
    Metric(f"system.cpu.load_average.{span}", Kind.GAUGE, "{thread}", "Load.", Group.SYSTEM)
    for span in ("1m", "5m", "15m")
]
BYTES = Metric(
    "system.network.io",
    Kind.COUNTER,
    "By",
    "Bytes.",
    Group.NETWORK,
    ("network.interface.name", "network.io.direction"),
)


@dataclass
class Stage:
    """One machine with a load and a network interface."""

    sampler: Sampler
    feed: Feed
    clock: FakeClock
    load: FakeHostCollector
    traffic: FakeHostCollector
    processes: FakeHostCollector
    server: _Server | None = field(default=None)
    url: str = ""
    token: str = TOKEN

    def tick(self, seconds: float = 1.0) -> None:
        """Let *seconds* pass, and have what is due then read."""
        self.clock.advance(seconds)
        self.sampler.tick()

    def serve(self, port: int = 0) -> AbstractAsyncContextManager[str]:
        """Serve on *port* until the end of the block; gives the URL."""
        return _served(self, port)


def make_stage(identity: HostIdentity, clock: FakeClock) -> Stage:
    load = FakeHostCollector("load", [Reading(metric, 0.5) for metric in LOAD])
    key = {"network.interface.name": "eth0", "network.io.direction": "receive"}
    traffic = FakeHostCollector("traffic", [Reading(BYTES, 1, key)], group=Group.NETWORK)
    processes = FakeHostCollector("processes", metrics=[BYTES], group=Group.PROCESS)
    collectors = [load, traffic, processes]
    timings = {one.name: Timing(5.0, 30.0) for one in collectors}
    sampler = Sampler(collectors, host=identity, timings=timings, clock=clock)
    return Stage(sampler, Feed(sampler), clock, load, traffic, processes)


@asynccontextmanager
async def _served(stage: Stage, port: int) -> AsyncIterator[str]:
    app = create_app(monitor_endpoints(stage.sampler, Exposition({}), stage.feed), guard=Guard(TOKEN))
    listener = socket.create_server(("127.0.0.1", port))
    bound_backlog(listener)
    levels = dict(logging._levelToName), dict(logging._nameToLevel)
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=20)
    # uvicorn names level 5, for every other test of this process, too.
    logging._levelToName, logging._nameToLevel = levels
    server = stage.server = _Server(config, before_stop=stage.feed.close)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    stage.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        yield stage.url
    finally:
        server.stopping.set()
        await serving
        listener.close()


async def until(holds: Callable[[], bool]) -> None:
    """Let the event loop go on until *holds*; only a hang makes it fail."""
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(0.001)


@dataclass
class Leaks:
    """What was open before the test's own things were."""

    descriptors: int
    tasks: set[asyncio.Task[object]]

    async def none(self) -> None:
        """Wait until neither a task nor a file descriptor is left that wasn't there before."""
        async with asyncio.timeout(60):
            while _descriptors() > self.descriptors or _tasks() - self.tasks:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)


def watch_leaks() -> Leaks:
    """Return what is open now; call it in the event loop that is to be watched."""
    return Leaks(_descriptors(), _tasks())


def _descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def _tasks() -> set[asyncio.Task[object]]:
    # sse-starlette keeps one task for each event loop, however many streams there were.
    return {task for task in asyncio.all_tasks() if "_shutdown_watcher" not in repr(task)}
