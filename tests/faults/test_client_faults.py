"""The client against servers that do wrong: what it raises, what it survives, and that it leaves nothing open."""

import asyncio

import pytest

from otel_bitacora import MonitorClient
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
from otel_bitacora.resource import HostIdentity
from otel_bitacora.testing import FakeClock

from ..monitor.stage import TOKEN, make_stage, until  # noqa: TID252  # tests are no package
from .scripted import (  # tests are no package
    GARBAGE,
    OK,
    SYSTEM,
    Answer,
    body,
    patient_stream,
    run,
    says,
    scripted,
    stalls_after,
    take,
)


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
