"""A server that answers as a test has written it, and streams that are to cope with it."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from otel_bitacora import MetricsStream
from otel_bitacora.monitor.metrics_stream import Connection
from otel_bitacora.monitor.models import MetricsSample
from otel_bitacora.monitor.remote import Remote

from ..monitor.stage import TOKEN, watch_leaks  # noqa: TID252  # tests are no package

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
SYSTEM = (
    b'{"timestamp":"2026-01-01T00:00:00Z","os":{"host_name":"lab","type":"linux","description":"Linux"},'
    b'"something_new":[1,2]}'
)
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nBitacora-Api-Version: 1.0\r\n"
EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nBitacora-Api-Version: 1.0\r\n\r\n"

GARBAGE = random.Random(6).randbytes(5000)


@dataclass
class Scripted:
    """A server that does what it is told, one connection after the other, and the last of it again and again."""

    script: list[Answer]
    url: str = ""
    connections: int = 0
    ended: int = 0
    last_request: bytes = b""
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        act = self.script[min(self.connections, len(self.script) - 1)]
        self.connections += 1
        self.writers.append(writer)
        try:
            self.last_request = await reader.readuntil(b"\r\n\r\n")
            await act(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.ended += 1
            writer.close()


@asynccontextmanager
async def scripted(*script: Answer) -> AsyncIterator[Scripted]:
    one = Scripted([*script])
    server = await asyncio.start_server(one.handle, "127.0.0.1", 0)
    one.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield one
    finally:
        server.close()
        for writer in one.writers:
            writer.transport.abort()


def says(answer: bytes) -> Answer:
    """Return a script that sends *answer* and hangs up."""

    async def act(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()

    return act


def stalls_after(answer: bytes) -> Answer:
    """Return a script that sends *answer* and then nothing, until the other side hangs up."""

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()
        await reader.read()

    return act


def body(content: bytes, head: bytes = OK) -> bytes:
    return head + b"Content-Length: %d\r\n\r\n" % len(content) + content


def sample(number: int, instance: str = "aa") -> bytes:
    text = b'{"number":%d,"timestamp":"2026-01-01T00:00:00Z"}' % number
    return b"id: %s-%d\nevent: sample\ndata: %s\n\n" % (instance.encode(), number, text)


def run(test: Coroutine[object, object, None]) -> None:
    """Run *test*, and see that it leaves no task and no file descriptor behind."""

    async def watched() -> None:
        leaks = watch_leaks()
        await test
        await leaks.none()

    asyncio.run(watched())


def at_once(_: float, __: float) -> float:
    """Draw no pause at all."""
    return 0.0


def patient_stream(url: str, silence_seconds: float = 30.0) -> tuple[MetricsStream, Remote]:
    """Return a stream that pauses for no time between two attempts."""
    source = Remote(url, TOKEN, 30.0, silence_seconds=silence_seconds, draw=at_once)

    async def connect() -> Connection:
        return await source.watch(["system"], 1.0)

    return MetricsStream(connect, draw=at_once), source


async def take(stream: MetricsStream) -> MetricsSample:
    async with asyncio.timeout(60):
        return await anext(stream)
