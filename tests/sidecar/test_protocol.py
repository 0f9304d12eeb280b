import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvicorn

from otel_bitacora.sidecar.protocol import BoundedProtocol


class Impatient(BoundedProtocol):
    request_seconds = 0.05
    most_connections = 3


class Ordinary(BoundedProtocol):
    request_seconds = 0.5


class Patient(BoundedProtocol):
    most_connections = 3


async def app(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await asyncio.sleep(0.7 if scope["path"] == "/slow" else 0)
    await send({"type": "http.response.body", "body": b"ok"})


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Use = Callable[[Callable[[], Awaitable[Connection]]], Awaitable[Any]]


def serving(protocol: type[BoundedProtocol], use: Use) -> Any:
    """Return what *use* returns, which may connect to a server with *protocol*."""

    async def run() -> Any:
        config = uvicorn.Config(app, http=protocol, port=0, lifespan="off", log_config=None, ws="none")
        server = uvicorn.Server(config)
        config.load()
        server.lifespan = config.lifespan_class(config)
        await server.startup()
        port = server.servers[0].sockets[0].getsockname()[1]
        try:
            return await asyncio.wait_for(use(lambda: asyncio.open_connection("127.0.0.1", port)), 60)
        finally:
            server.servers[0].close()

    return asyncio.run(run())


REQUEST = b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def read_to_the_end(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""


@pytest.mark.parametrize("beginning", [b"", b"GET / HTTP/1.1\r\nHost: "])
def test_a_request_that_does_not_arrive_is_not_waited_for(beginning: bytes) -> None:
    async def use(connect: Callable[[], Awaitable[Connection]]) -> bytes:
        reader, writer = await connect()
        writer.write(beginning)
        found = await read_to_the_end(reader)
        writer.close()
        return found

    assert serving(Impatient, use) == b""


def test_a_byte_now_and_then_does_not_keep_it_open() -> None:
    async def use(connect: Callable[[], Awaitable[Connection]]) -> bool:
        reader, writer = await connect()
        ended = asyncio.ensure_future(read_to_the_end(reader))
        while not ended.done():
            writer.write(b"x")
            await asyncio.wait([ended], timeout=0.01)
        writer.close()
        return ended.result() == b""

    assert serving(Impatient, use)


def test_a_request_that_is_here_has_all_the_time_and_so_has_the_next_one() -> None:
    async def use(connect: Callable[[], Awaitable[Connection]]) -> list[bytes]:
        reader, writer = await connect()
        answers = []
        for _ in range(2):
            writer.write(REQUEST % b"/slow")
            answers.append(await reader.readuntil(b"ok"))
        await asyncio.sleep(0.7)  # idle: that is for the keep-alive to end
        writer.write(REQUEST % b"/")
        answers.append(await reader.readuntil(b"ok"))
        writer.close()
        return answers

    assert [answer.split(b"\r\n")[0] for answer in serving(Ordinary, use)] == [b"HTTP/1.1 200 OK"] * 3


def test_a_connection_too_many_is_closed_and_the_others_are_served() -> None:
    async def use(connect: Callable[[], Awaitable[Connection]]) -> tuple[list[bytes], bytes]:
        connections = [await connect() for _ in range(4)]
        refused = await read_to_the_end(connections[3][0])
        answers = []
        for reader, writer in connections[:3]:
            writer.write(REQUEST % b"/")
            answers.append((await reader.readuntil(b"ok"))[:15])
        for _, writer in connections:
            writer.close()
        return answers, refused

    assert serving(Patient, use) == ([b"HTTP/1.1 200 OK"] * 3, b"")
