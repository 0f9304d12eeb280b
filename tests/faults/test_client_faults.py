"""The client against servers that do wrong: what it raises, what it survives, and that it leaves nothing open."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from otel_bitacora import MetricsStream, MonitorClient
from otel_bitacora.errors import (
    MonitorError,
    MonitorProtocolError,
    MonitorTimeout,
    MonitorUnauthorised,
    MonitorUnreachable,
    MonitorUnsupported,
    MonitorVersionMismatch,
)
from otel_bitacora.monitor import remote as remote_module
from otel_bitacora.monitor.metrics_stream import Connection
from otel_bitacora.monitor.models import MetricsSample
from otel_bitacora.monitor.remote import Remote
from otel_bitacora.resource import HostIdentity
from otel_bitacora.testing import FakeClock

from ..monitor.stage import TOKEN, make_stage, until, watch_leaks  # noqa: TID252  # tests are no package

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
SYSTEM = (
    b'{"timestamp":"2026-01-01T00:00:00Z","os":{"host_name":"lab","type":"linux","description":"Linux"},'
    b'"something_new":[1,2]}'
)
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nBitacora-Api-Version: 1.0\r\n"
EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nBitacora-Api-Version: 1.0\r\n\r\n"


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


GARBAGE = random.Random(6).randbytes(5000)


@pytest.mark.parametrize(
    ("script", "error", "text"),
    [
        (says(GARBAGE + b"\r\n\r\n"), MonitorProtocolError, "doesn't speak HTTP as it should"),
        (says(b""), MonitorUnreachable, "Server disconnected"),
        (says(body(b"x" * 10)[:-4]), MonitorUnreachable, "peer closed connection"),
        (says(body(GARBAGE)), MonitorProtocolError, "this is no JSON"),
        (says(body(b'{"os": 1}')), MonitorProtocolError, "SystemMetrics.timestamp is missing"),
        (says(body(b"<html>", b"HTTP/1.1 200 OK\r\n")), MonitorProtocolError, "doesn't say which version"),
        (says(body(b"", b"HTTP/1.1 404 Not Found\r\n")), MonitorProtocolError, "doesn't answer like"),
        (
            says(body(b"", b"HTTP/1.1 404 Not Found\r\nBitacora-Api-Version: 1.9\r\n")),
            MonitorUnsupported,
            "has no /api/v1/system; its API is version 1.9",
        ),
        (
            says(body(SYSTEM, OK.replace(b"1.0", b"2.3"))),
            MonitorVersionMismatch,
            "speaks version 2.3 of the API, this client 1.0",
        ),
        (says(body(b"", b"HTTP/1.1 406 Not Acceptable\r\n")), MonitorVersionMismatch, "speaks version ?"),
        (says(body(b"", b"HTTP/1.1 401 Unauthorized\r\n")), MonitorUnauthorised, "401: Unauthorized"),
        (says(body(b"", b"HTTP/1.1 502 Bad Gateway\r\n")), MonitorUnreachable, "502: Bad Gateway"),
        (says(body(b"", b"HTTP/1.1 599 What\r\n")), MonitorProtocolError, "599: an unknown status"),
        (
            says(body(b"", b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n")),
            MonitorProtocolError,
            "302: Found",
        ),
        (
            says(body(b'{"detail":"the host \\u001b[31m is not served"}', b"HTTP/1.1 421 Misdirected Request\r\n")),
            MonitorProtocolError,
            "421: the host [31m is not served",
        ),
    ],
)
def test_each_way_to_answer_wrongly_has_its_error(script: Answer, error: type[MonitorError], text: str) -> None:
    async def test() -> None:
        async with scripted(script) as server, MonitorClient(server.url, TOKEN, timeout_seconds=30) as client:
            with pytest.raises(error) as caught:
                await client.get_system_metrics()
            assert text in str(caught.value)
            assert server.url in str(caught.value) or error is MonitorProtocolError

    run(test())


def test_a_server_that_stalls_is_a_time_out_wherever_it_stalls() -> None:
    async def test() -> None:
        for before in (b"", OK, body(SYSTEM)[:-10]):
            async with scripted(stalls_after(before)) as server, MonitorClient(server.url, TOKEN, 0.3) as client:
                with pytest.raises(MonitorTimeout, match=r"didn't answer within 0\.3 s"):
                    await client.get_system_metrics()
                await until(lambda: server.connections > 0)


def test_a_stream_that_is_none_or_does_not_begin_is_said_at_once() -> None:
    async def test() -> None:
        async with scripted(stalls_after(b"")) as server, MonitorClient(server.url, TOKEN, 0.3) as client:
            with pytest.raises(MonitorTimeout, match=r"didn't answer within 0\.3 s"):
                await client.start_realtime_monitoring()
            await until(lambda: server.connections > 0)
        async with scripted(stalls_after(body(SYSTEM))) as server, MonitorClient(server.url, TOKEN) as client:
            with pytest.raises(MonitorProtocolError, match="'application/json' where a stream of events was asked"):
                await client.start_realtime_monitoring()
            await until(lambda: server.ended == 1)

    run(test())


def test_an_endpoint_where_nobody_listens_says_what_to_start() -> None:
    async def test() -> None:
        async with scripted(says(b"")) as server:
            url = server.url
        async with MonitorClient(url, TOKEN) as client:
            with pytest.raises(MonitorUnreachable, match="is `otel-bitacora serve` running there"):
                await client.get_system_metrics()
            with pytest.raises(MonitorUnreachable):
                await client.start_realtime_monitoring()

    run(test())


def test_a_read_is_repeated_until_it_succeeds() -> None:
    async def test() -> None:
        wrong = (says(b""), says(GARBAGE), says(body(b"", b"HTTP/1.1 503 No\r\n")))
        async with scripted(*wrong, says(body(SYSTEM))) as server:
            async with MonitorClient(server.url, TOKEN, timeout_seconds=30) as client:
                system = await client.get_system_metrics()
            assert (system.os.host_name, system.load, server.connections) == ("lab", None, 4)

    run(test())


def test_a_refusal_is_not_repeated() -> None:
    async def test() -> None:
        async with scripted(says(body(b"", b"HTTP/1.1 401 No\r\n"))) as server, MonitorClient(server.url) as client:
            with pytest.raises(MonitorUnauthorised):
                await client.get_system_metrics()
            assert server.connections == 1

    run(test())


def test_an_answer_without_an_end_is_not_gathered_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_module, "_LARGEST_BODY", 100_000)

    async def flood(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK.replace(b"application/json", b"text/event-stream") + b"\r\ndata: ")
        while True:
            writer.write(b"x" * 10_000)
            await writer.drain()

    async def test() -> None:
        async with scripted(flood) as server, MonitorClient(server.url, TOKEN, timeout_seconds=30) as client:
            with pytest.raises(MonitorProtocolError, match="more than 100000 bytes"):
                await client.get_system_metrics()
            await until(lambda: server.connections == server.ended == 4)
            with pytest.raises(MonitorProtocolError, match="an event of more than 100000 bytes"):
                await take(client.start_realtime_monitoring())

    run(test())


def test_a_stream_goes_on_after_whatever_breaks_it_and_counts_what_it_missed() -> None:
    """A half of an event, a hang-up, silence, garbage, an error page: each costs a reconnect, and what lay between."""

    async def test() -> None:
        script = (
            says(EVENTS + sample(1) + sample(2) + sample(3)[:20]),
            says(b""),
            stalls_after(EVENTS + sample(5)),
            says(GARBAGE),
            says(EVENTS + b": heartbeat\n\nevent: unknown\ndata: {}\n\n" + sample(6)),
            says(EVENTS + b"event: sample\ndata: {broken\n\n"),
            says(body(b"<html>", b"HTTP/1.1 502 Bad Gateway\r\n")),
            stalls_after(EVENTS + sample(6) + sample(9)),
        )
        async with scripted(*script) as server:
            stream, source = patient_stream(server.url, silence_seconds=0.2)
            numbers = [(await take(stream)).number for _ in range(5)]
            assert numbers == [1, 2, 5, 6, 9]
            assert stream.missed == 1 + 1 + 2
            assert stream.reconnects == 4
            await stream.aclose()
            await source.aclose()

    run(test())


def test_a_connection_that_is_given_up_is_closed_and_not_only_forgotten() -> None:
    async def test() -> None:
        broken = EVENTS + sample(1) + b"event: sample\ndata: {broken\n\n"
        async with scripted(stalls_after(broken), stalls_after(EVENTS + sample(2))) as server:
            stream, source = patient_stream(server.url)
            assert [(await take(stream)).number for _ in range(2)] == [1, 2]
            await until(lambda: server.ended == 1)
            await stream.aclose()
            await source.aclose()

    run(test())


def test_a_server_that_was_started_anew_counts_from_its_own_beginning() -> None:
    async def test() -> None:
        async with scripted(says(EVENTS + sample(40, "aa")), stalls_after(EVENTS + sample(3, "bb"))) as server:
            stream, source = patient_stream(server.url)
            numbers = [(await take(stream)).number for _ in range(2)]
            assert (numbers, stream.missed) == ([40, 3], 3)
            await stream.aclose()
            await source.aclose()

    run(test())


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (body(b"", b"HTTP/1.1 401 No\r\n"), MonitorUnauthorised),
        (body(b"", b"HTTP/1.1 406 No\r\nBitacora-Api-Version: 2.0\r\n"), MonitorVersionMismatch),
    ],
)
def test_what_no_reconnect_can_mend_is_raised(answer: bytes, error: type[MonitorError]) -> None:
    async def test() -> None:
        async with scripted(says(EVENTS + sample(1)), says(answer)) as server:
            stream, source = patient_stream(server.url)
            await take(stream)
            with pytest.raises(error):
                await take(stream)
            await stream.aclose()
            await source.aclose()

    run(test())


def test_pauses_grow_with_full_jitter_and_start_anew_after_a_sample() -> None:
    asked: list[float] = []

    def draw(low: float, high: float) -> float:
        assert low == 0.0
        asked.append(high)
        return 0.0

    async def test() -> None:
        script = (says(EVENTS + sample(1)), *[says(b"")] * 8, says(EVENTS + sample(2)), says(b""))
        async with scripted(*script, stalls_after(EVENTS + sample(3))) as server:
            source = Remote(server.url, TOKEN, 30.0)

            async def connect() -> Connection:
                return await source.watch(["system"], 1.0)

            stream = MetricsStream(connect, draw=draw)
            assert [(await take(stream)).number for _ in range(3)] == [1, 2, 3]
            await stream.aclose()
            await source.aclose()

    run(test())
    assert asked == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0, 0.5, 1.0]


def test_closing_ends_a_pause_at_once() -> None:
    async def test() -> None:
        async with scripted(says(EVENTS + sample(1)), says(b"")) as server:
            source = Remote(server.url, TOKEN, 30.0)

            async def connect() -> Connection:
                return await source.watch(["system"], 1.0)

            stream = MetricsStream(connect, draw=lambda _, __: 3600.0)
            await take(stream)
            waiting = asyncio.create_task(anext(stream, None))  # type: ignore[arg-type]
            await asyncio.sleep(0.01)
            await stream.aclose()
            async with asyncio.timeout(60):
                assert await waiting is None
            await source.aclose()

    run(test())


def test_a_half_open_connection_is_found_out_by_its_silence() -> None:
    """The server has gone without a word, as when a cable is pulled: nothing comes, not even a heartbeat."""

    async def test() -> None:
        async with scripted(stalls_after(EVENTS + sample(1)), stalls_after(EVENTS + sample(2))) as server:
            stream, source = patient_stream(server.url, silence_seconds=0.1)
            assert [(await take(stream)).number for _ in range(2)] == [1, 2]
            assert stream.reconnects == 1
            await stream.aclose()
            await source.aclose()

    run(test())


def test_a_restarted_sidecar_is_found_again(identity: HostIdentity) -> None:
    async def test() -> None:
        first, second = make_stage(identity, FakeClock()), make_stage(identity, FakeClock())
        first.tick(0.0)
        second.tick(0.0)
        async with first.serve() as url:
            port = int(url.rpartition(":")[2])
            stream, source = patient_stream(url)
            before = await take(stream)
        async with second.serve(port):
            after = await take(stream)
            second.tick()
            then = await take(stream)
            await stream.aclose()
            await source.aclose()
        assert (before.number, after.number, then.number) == (0, 0, 1)
        assert (stream.reconnects, stream.missed) == (1, 0)

    run(test())


def test_a_getter_survives_a_restart_on_its_kept_connection(identity: HostIdentity) -> None:
    async def test() -> None:
        first, second = make_stage(identity, FakeClock()), make_stage(identity, FakeClock())
        first.tick()
        second.tick()
        async with first.serve() as url:
            client = MonitorClient(url, TOKEN, timeout_seconds=30)
            await client.get_system_metrics()
        async with second.serve(int(url.rpartition(":")[2])):
            system = await client.get_system_metrics()
            await client.aclose()
        assert system.os.host_name == "lab"

    run(test())


def test_a_getter_that_is_cancelled_leaves_nothing_open() -> None:
    async def test() -> None:
        async with scripted(stalls_after(OK)) as server, MonitorClient(server.url, TOKEN) as client:
            asking = asyncio.create_task(client.get_system_metrics())
            await until(lambda: server.last_request != b"")
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking

    run(test())
