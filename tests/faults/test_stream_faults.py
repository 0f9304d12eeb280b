"""What a stream has to cope with: whatever breaks it, it goes on and counts what it missed."""

import asyncio

import pytest

from otel_bitacora import MetricsStream
from otel_bitacora.errors import (
    MonitorError,
    MonitorUnauthorised,
    MonitorVersionMismatch,
)
from otel_bitacora.monitor.metrics_stream import Connection
from otel_bitacora.monitor.remote import Remote

from ..monitor.stage import TOKEN, until  # noqa: TID252  # tests are no package
from .scripted import (  # tests are no package
    EVENTS,
    GARBAGE,
    body,
    patient_stream,
    run,
    sample,
    says,
    scripted,
    stalls_after,
    take,
)


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
