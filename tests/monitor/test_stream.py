"""The stream as a server serves it, over real sockets."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from httpx_sse import EventSource, ServerSentEvent
from starlette.datastructures import QueryParams

from bitacora_collectors.contract import Group
from otel_bitacora.monitor import feed as feed_module
from otel_bitacora.monitor import stream as stream_module
from otel_bitacora.monitor.feed import Beat
from otel_bitacora.monitor.stream import BadQuery, Rendering, bound_backlog, parse_query

from .stage import Stage, until, watch_leaks  # tests are no package

HEADERS = {"Authorization": "Bearer a-token-of-the-test-suite"}


@asynccontextmanager
async def events(
    http: httpx.AsyncClient, query: str = "groups=system,network"
) -> AsyncIterator[AsyncIterator[ServerSentEvent]]:
    async with http.stream("GET", f"/api/v1/stream?{query}") as response:
        assert response.status_code == 200, await response.aread()
        yield EventSource(response).aiter_sse()


def connect(url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=url, headers=HEADERS, timeout=60, trust_env=False)


def test_each_sample_is_an_event_with_the_groups_that_were_asked_for(stage: Stage) -> None:
    async def run() -> None:
        stage.tick(0.0)
        async with stage.serve() as url, connect(url) as http, events(http) as found:
            first = await anext(found)
            stage.tick()
            second = await anext(found)

        assert (first.event, second.event) == ("sample", "sample")
        assert (first.id, second.id) == (f"{stage.feed.instance}-0", f"{stage.feed.instance}-1")
        sample = json.loads(second.data)
        assert set(sample) == {"number", "timestamp", "system", "network"}
        assert sample["system"]["load"]["average_1m"] == pytest.approx(0.5)
        assert sample["network"]["interfaces"][0]["receive"]["bytes"] == 1

    asyncio.run(run())


def test_two_hundred_readers_cost_one_reading_and_one_rendering(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    rendered = []
    part = Rendering._part
    monkeypatch.setattr(Rendering, "_part", lambda self, beat, group: rendered.append(group) or part(self, beat, group))

    async def run() -> None:
        leaks = watch_leaks()
        stage.tick(0.0)
        limits = httpx.Limits(max_connections=None)
        async with stage.serve() as url, httpx.AsyncClient(base_url=url, headers=HEADERS, limits=limits) as http:
            async with asyncio.timeout(120):
                streams = [events(http, "groups=system") for _ in range(200)]
                readers = [await stream.__aenter__() for stream in streams]
                firsts = [(await anext(reader)).id for reader in readers]
                calls = stage.load.calls
                rendered.clear()
                stage.tick()
                seconds = [(await anext(reader)).id for reader in readers]
            assert (len(set(firsts)), len(set(seconds))) == (1, 1)
            assert stage.load.calls == calls + 1
            assert rendered == [Group.SYSTEM]
            for stream in streams:
                await stream.__aexit__(None, None, None)
            await until(lambda: stage.feed.watchers == 0)
        await leaks.none()

    asyncio.run(run())


def test_a_group_that_was_not_read_again_is_not_rendered_again(stage: Stage) -> None:
    stage.tick(0.0)
    subscription = stage.sampler.subscribe([Group.SYSTEM], 1.0)
    rendering = Rendering("abc")
    both = frozenset({Group.SYSTEM, Group.NETWORK})

    first = rendering.event(Beat(0, both, stage.sampler.snapshot))
    stage.tick()
    second = rendering.event(Beat(1, both, stage.sampler.snapshot))

    one, other = (json.loads(text.partition(b"data: ")[2]) for text in (first, second))
    assert one["network"] == other["network"]
    assert one["system"]["timestamp"] < other["system"]["timestamp"] == other["timestamp"]
    subscription.close()


def test_a_reader_that_stops_reading_is_dropped_to_the_newest_sample_and_told(stage: Stage) -> None:
    """The reader's socket and the server's hold a little; what comes on top of that is dropped, not kept."""

    async def run() -> None:
        stage.tick(0.0)
        async with stage.serve() as url:
            host, port = url.removeprefix("http://").split(":")
            slow = socket.socket()
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(slow, (host, int(port)))
            request = (
                f"GET /api/v1/stream HTTP/1.1\r\nHost: {host}\r\nAuthorization: {HEADERS['Authorization']}\r\n\r\n"
            )
            await loop.sock_sendall(slow, request.encode())
            await until(lambda: stage.feed.watchers == 1)
            (channel,) = stage.feed._channels.values()
            (watcher,) = channel.watchers
            await until(lambda: watcher._beat is None)
            while watcher._dropped < 10:
                stage.tick()
                await asyncio.sleep(0.0001)
            last = stage.sampler.snapshot

            received = b""
            async with asyncio.timeout(60):
                while b"event: dropped" not in received or not received.endswith(b"\n\n\r\n"):
                    received += await loop.sock_recv(slow, 65536)
            slow.close()
            await until(lambda: stage.feed.watchers == 0)

        told = received.partition(b"event: dropped\ndata: ")[2]
        assert json.loads(told.partition(b"\n")[0])["dropped"] >= 10
        assert f'event: sample\ndata: {{"number":{round(last.elapsed_seconds)},'.encode() in told

    asyncio.run(run())


def test_a_reader_that_goes_away_frees_everything(stage: Stage) -> None:
    async def run() -> None:
        leaks = watch_leaks()
        stage.tick(0.0)
        async with stage.serve() as url:
            async with connect(url) as http, events(http) as found:
                await anext(found)
                assert stage.sampler._subscriptions
            await until(lambda: stage.feed.watchers == 0)
            assert not stage.sampler._subscriptions
        await leaks.none()

    asyncio.run(run())


def test_silence_has_heartbeats(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "HEARTBEAT_SECONDS", 0.01)

    async def run() -> None:
        async with stage.serve() as url, connect(url) as http, http.stream("GET", "/api/v1/stream") as response:
            async with asyncio.timeout(60):
                assert await anext(response.aiter_bytes()) == b": nothing new\n\n"

    asyncio.run(run())


def test_stopping_the_server_ends_its_streams_in_good_order(stage: Stage) -> None:
    async def run() -> None:
        stage.tick(0.0)
        async with connect("http://127.0.0.1") as http:
            async with stage.serve() as url:
                response = await http.send(http.build_request("GET", f"{url}/api/v1/stream"), stream=True)
                found = EventSource(response).aiter_sse()
                await anext(found)
            async with asyncio.timeout(60):
                assert [event async for event in found] == []
            await response.aclose()

    asyncio.run(run())


def test_too_many_readers_are_refused(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "_MOST_WATCHERS", 1)

    async def run() -> None:
        stage.tick(0.0)
        async with stage.serve() as url, connect(url) as http, events(http) as found:
            await anext(found)
            refused = await http.get("/api/v1/stream")

        assert refused.status_code == 503
        assert "1 are watching already" in refused.json()["detail"]

    asyncio.run(run())


def test_without_the_token_there_is_no_stream(stage: Stage) -> None:
    async def run() -> None:
        async with stage.serve() as url, httpx.AsyncClient(trust_env=False) as http:
            assert (await http.get(f"{url}/api/v1/stream")).status_code == 401

    asyncio.run(run())


def test_the_head_of_a_stream_has_an_end(stage: Stage) -> None:
    async def run() -> None:
        async with stage.serve() as url, connect(url) as http:
            head = await http.head("/api/v1/stream")

        assert (head.status_code, stage.feed.watchers) == (200, 0)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("query", "groups", "seconds"),
    [
        ("", set(Group), 1.0),
        ("groups=network", {Group.NETWORK}, 1.0),
        ("groups=process, system&interval=0.1", {Group.PROCESS, Group.SYSTEM}, 0.1),
        ("interval=3600", set(Group), 3600.0),
        ("interval=5e-1", set(Group), 0.5),
        ("interval=3074.537563180841", set(Group), 3074.537563180841),
    ],
)
def test_groups_and_interval_are_read_from_the_query(query: str, groups: set[Group], seconds: float) -> None:
    assert parse_query(QueryParams(query)) == (groups, pytest.approx(seconds))


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("interval=0.05", "interval='0.05': allowed are seconds from 0.1 to 3600, such as 0.5"),
        ("interval=3601", "allowed are seconds from 0.1 to 3600"),
        ("interval=nan", "allowed are seconds"),
        ("interval=inf", "allowed are seconds"),
        ("interval=1_0", "allowed are seconds"),
        ("interval=", "allowed are seconds"),
        ("interval=1&interval=2", "interval is given twice"),
        ("groups=", "there is no group ''; allowed are hardware, system, network, process, with commas"),
        ("groups=system,gpu", "there is no group 'gpu'"),
        ("groups=System", "there is no group 'System'"),
        ("grops=system", "no parameter 'grops'; there are groups and interval"),
    ],
)
def test_a_bad_query_says_what_is_allowed(query: str, says: str) -> None:
    with pytest.raises(BadQuery) as caught:
        parse_query(QueryParams(query))

    assert says in str(caught.value)


def test_connections_inherit_what_bounds_their_backlog() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        bound_backlog(listener)
        with socket.create_connection(listener.getsockname()), listener.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == 16384
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 60_000


def test_another_version_of_the_api_is_refused_and_every_answer_says_which_one_this_is(stage: Stage) -> None:
    async def run() -> None:
        stage.tick()
        async with stage.serve() as url, connect(url) as http:
            served = await http.get("/api/v1/system", headers={"Bitacora-Api-Version": "1.7"})
            refused = await http.get("/api/v1/system", headers={"Bitacora-Api-Version": "2.0"})

        assert (served.status_code, served.headers["bitacora-api-version"]) == (200, "1.0")
        assert (refused.status_code, refused.headers["bitacora-api-version"]) == (406, "1.0")
        assert "this server speaks 1.0" in refused.json()["detail"]

    asyncio.run(run())
