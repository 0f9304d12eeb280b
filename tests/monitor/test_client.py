"""The client against the real server, and against itself without one."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from otel_bitacora import MetricsStream, MonitorClient
from otel_bitacora.errors import (
    MonitorUnauthorised,
    MonitorUnsupported,
    NotSampledYet,
)
from otel_bitacora.monitor.modelling import hardware_metrics, network_metrics, process_metrics, system_metrics
from otel_bitacora.monitor.models import MetricsSample
from otel_bitacora.monitor.remote import Remote
from otel_bitacora.monitor.token_lookup import look_up_token
from otel_bitacora.settings import Settings

from .stage import TOKEN, Stage, until, watch_leaks  # tests are no package


async def read(stream: MetricsStream) -> MetricsSample:
    async with asyncio.timeout(60):
        return await anext(stream)


def test_the_four_getters_return_what_the_server_has(stage: Stage) -> None:
    async def run() -> None:
        leaks = watch_leaks()
        stage.tick()
        async with stage.serve() as url, MonitorClient(url, TOKEN) as client:
            found = (
                await client.get_system_metrics(),
                await client.get_hardware_metrics(),
                await client.get_network_metrics(),
                await client.get_process_metrics(),
            )

        models = (system_metrics, hardware_metrics, network_metrics, process_metrics)
        assert found == tuple(model(stage.sampler.snapshot) for model in models)
        await leaks.none()

    asyncio.run(run())


def test_getters_can_be_called_side_by_side(stage: Stage) -> None:
    async def run() -> None:
        stage.tick()
        async with stage.serve() as url, MonitorClient(url, TOKEN) as client:
            found = await asyncio.gather(*(client.get_system_metrics() for _ in range(20)))

        assert len(set(map(str, found))) == 1

    asyncio.run(run())


def test_a_stream_is_iterated_without_more_ado(stage: Stage) -> None:
    async def run() -> list[int]:
        leaks = watch_leaks()
        stage.tick(0.0)
        numbers = []
        async with stage.serve() as url, MonitorClient(url, TOKEN) as client:
            async for sample in client.start_realtime_monitoring(groups=["system"]):
                numbers.append(sample.number)
                assert (sample.system is not None, sample.network) == (True, None)
                if len(numbers) == 3:
                    break
                stage.tick()
        await leaks.none()
        return numbers

    assert asyncio.run(run()) == [0, 1, 2]


def test_a_stream_is_a_context_manager_and_awaitable(stage: Stage) -> None:
    async def run() -> None:
        stage.tick(0.0)
        async with stage.serve() as url, MonitorClient(url, TOKEN) as client:
            async with client.start_realtime_monitoring(0.5) as stream:
                assert stream.is_connected
            assert not stream.is_connected
            await until(lambda: stage.feed.watchers == 0)

            awaited = await client.start_realtime_monitoring(0.5)
            assert awaited.is_connected
            assert isinstance(awaited, MetricsStream)
            await awaited.aclose()
            assert [sample async for sample in awaited] == []

    asyncio.run(run())


def test_only_the_groups_that_are_watched_are_read_more_often(stage: Stage) -> None:
    async def run() -> None:
        stage.tick(0.0)
        async with stage.serve() as url, MonitorClient(url, TOKEN) as client:
            stream = await client.start_realtime_monitoring(0.1, groups=["network"])
            await read(stream)
            for _ in range(5):
                stage.tick(0.1)
                await read(stream)

        assert (stage.load.calls, stage.traffic.calls) == (1, 6)

    asyncio.run(run())


def test_a_reader_that_gives_up_waiting_can_go_on_later(stage: Stage) -> None:
    async def run() -> None:
        leaks = watch_leaks()
        stage.tick(0.0)
        async with stage.serve() as url, MonitorClient(url, TOKEN) as client:
            stream = await client.start_realtime_monitoring()
            await read(stream)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(stream), 0.01)
            await until(lambda: stage.feed.watchers == 0)
            for _ in range(3):
                stage.tick()
            sample = await read(stream)

        assert (sample.number, stream.missed, stream.reconnects) == (3, 2, 1)
        await leaks.none()

    asyncio.run(run())


def test_closing_the_client_ends_its_streams_for_whoever_waits_on_them(stage: Stage) -> None:
    async def run() -> None:
        leaks = watch_leaks()
        stage.tick(0.0)
        async with stage.serve() as url:
            client = MonitorClient(url, TOKEN)
            stream = await client.start_realtime_monitoring()
            await read(stream)
            waiting = asyncio.create_task(anext(stream, None))  # type: ignore[arg-type]
            await asyncio.sleep(0)
            await client.aclose()
            async with asyncio.timeout(60):
                assert await waiting is None
        await leaks.none()

    asyncio.run(run())


def test_a_sidecar_that_has_just_started_is_waited_for(stage: Stage) -> None:
    async def run() -> None:
        async with stage.serve() as url, MonitorClient(url, TOKEN, timeout_seconds=30) as client:
            asking = asyncio.create_task(client.get_system_metrics())
            await asyncio.sleep(0.01)
            stage.tick()
            assert (await asking).os.host_name == "lab"

    asyncio.run(run())


def test_a_sidecar_that_does_not_get_ready_is_not_waited_for_for_ever(stage: Stage) -> None:
    async def run() -> None:
        async with stage.serve() as url, MonitorClient(url, TOKEN, timeout_seconds=0.2) as client:
            with pytest.raises(NotSampledYet, match="the first sample is still being taken"):
                await client.get_system_metrics()

    asyncio.run(run())


def test_a_wrong_token_is_said_with_where_it_came_from_and_never_with_itself(stage: Stage) -> None:
    async def run() -> None:
        stage.tick()
        async with stage.serve() as url, MonitorClient(url, "not-the-right-token") as client:
            with pytest.raises(MonitorUnauthorised) as caught:
                await client.get_system_metrics()
            with pytest.raises(MonitorUnauthorised):
                await client.start_realtime_monitoring()

        assert "the token is wrong" in str(caught.value)
        assert "(token: the one that was given)" in str(caught.value)
        assert "not-the-right-token" not in str(caught.value)

    asyncio.run(run())


def test_the_same_users_token_is_found_by_itself(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BITACORA_STATE_DIR", str(tmp_path))
    (tmp_path / "token").write_text(TOKEN + "\n")

    async def run() -> None:
        stage.tick()
        async with stage.serve() as url, MonitorClient(url) as client:
            assert (await client.get_system_metrics()).os.host_name == "lab"

    asyncio.run(run())


def test_a_token_is_looked_for_in_order_and_this_users_own_stays_on_this_machine(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-the-file\n")
    environ = {"BITACORA_STATE_DIR": str(tmp_path), "BITACORA_TOKEN": "from-the-environment"}
    only_state = {"BITACORA_STATE_DIR": str(tmp_path)}

    assert look_up_token("given", is_loopback=True, environ=environ).value == "given"
    assert look_up_token(None, is_loopback=False, environ=environ).value == "from-the-environment"
    assert look_up_token(None, is_loopback=True, environ=only_state).value == "from-the-file"
    assert look_up_token(None, is_loopback=False, environ=only_state).value is None


@pytest.mark.parametrize(
    ("endpoint", "is_sent"),
    [
        ("http://127.0.0.1:9464", True),
        ("http://localhost:9464", True),
        ("http://[::1]:9464", True),
        ("http://192.0.2.7:9464", False),
        ("https://box.example", False),
        ("http://localhost.box.example", False),
    ],
)
def test_this_users_own_token_is_sent_to_this_machine_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, endpoint: str, is_sent: bool
) -> None:
    monkeypatch.setenv("BITACORA_STATE_DIR", str(tmp_path))
    (tmp_path / "token").write_text("from-the-file\n")

    found = Remote(endpoint, None, 5.0)._token().value

    assert found == ("from-the-file" if is_sent else None)


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe"])
def test_a_token_file_that_holds_none_is_said(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "token").write_bytes(content)

    found = look_up_token(None, is_loopback=True, environ={"BITACORA_STATE_DIR": str(tmp_path)})

    assert found.value is None
    assert str(tmp_path / "token") in found.origin


@pytest.mark.parametrize(
    "endpoint",
    ["127.0.0.1:9464", "", "ftp://127.0.0.1", "http://", "http://127.0.0.1/?token=x", "http://[::1", "http://a:b"],
)
def test_an_endpoint_that_is_no_url_is_refused_at_once(endpoint: str) -> None:
    with pytest.raises(ValueError, match="endpoint"):
        MonitorClient(endpoint)


@pytest.mark.parametrize("token", ["", " ", "a b\n", "schlüssel"])
def test_a_token_that_no_header_can_hold_is_refused_without_being_shown(token: str) -> None:
    with pytest.raises(ValueError, match=r"^token: must be"):
        MonitorClient(token=token)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
def test_a_time_out_is_a_time(seconds: float) -> None:
    with pytest.raises(ValueError, match="timeout_seconds"):
        MonitorClient(timeout_seconds=seconds)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda client: client.start_realtime_monitoring(0.05), "interval_seconds = 0.05: must be from 0.1 to 3600"),
        (lambda client: client.start_realtime_monitoring(float("nan")), "interval_seconds = nan"),
        (lambda client: client.start_realtime_monitoring(groups=["gpu"]), "'gpu' is none; there are hardware, system"),
        (lambda client: client.start_realtime_monitoring(groups=[]), "'' is none"),
    ],
)
def test_a_stream_of_what_there_is_not_is_refused_at_once(call: Callable[[MonitorClient], object], says: str) -> None:
    with pytest.raises(ValueError) as caught:
        call(MonitorClient())

    assert says in str(caught.value)


def test_a_password_in_the_endpoint_is_sent_and_never_shown() -> None:
    async def run() -> str:
        seen: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if not seen.done():
                seen.set_result((await reader.readuntil(b"\r\n\r\n")).decode())
            writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            async with MonitorClient(f"http://ann:hunter2@127.0.0.1:{port}") as client:
                with pytest.raises(MonitorUnauthorised) as caught:
                    await client.get_system_metrics()
        assert "hunter2" not in str(caught.value)
        return await seen

    assert "authorization: basic yw5uomh1bnrlcji=" in asyncio.run(run()).lower()


def test_history_is_said_not_to_be_kept() -> None:
    async def run() -> None:
        async with MonitorClient() as client:
            with pytest.raises(MonitorUnsupported, match="keeps none"):
                await client.get_history()

    asyncio.run(run())


def test_without_a_sidecar_the_same_models_come_from_this_process(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/loadavg").write_text("0.25 0.50 0.75 1/99 1234\n")
    settings = Settings.model_validate({"monitor": {"root_path": tmp_path, "interval_seconds": 0.1}})

    async def run() -> None:
        leaks = watch_leaks()
        async with MonitorClient.local(settings) as client:
            system = await client.get_system_metrics()
            async with client.start_realtime_monitoring(0.1, groups=["system"]) as stream:
                samples = [await read(stream) for _ in range(3)]

        assert isinstance(client, MonitorClient)
        assert system.load is not None
        assert system.load.average_1m == pytest.approx(0.25)
        assert [sample.system.load == system.load for sample in samples if sample.system] == [True] * 3
        assert samples[0].hardware is None
        await leaks.none()

    asyncio.run(run())


def test_closing_a_local_client_ends_its_streams_for_whoever_waits_on_them(tmp_path: Path) -> None:
    settings = Settings.model_validate({"monitor": {"root_path": tmp_path}})

    async def run() -> None:
        client = MonitorClient.local(settings)
        stream = await client.start_realtime_monitoring(3600.0)
        await read(stream)
        waiting = asyncio.create_task(anext(stream, None))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        await client.aclose()
        async with asyncio.timeout(60):
            assert await waiting is None

    asyncio.run(run())


def test_a_local_client_can_be_closed_and_asked_again(tmp_path: Path) -> None:
    settings = Settings.model_validate({"monitor": {"root_path": tmp_path}})

    async def run() -> None:
        client = MonitorClient.local(settings)
        first = await client.get_system_metrics()
        await client.aclose()
        second = await client.get_system_metrics()
        await client.aclose()
        assert first.os == second.os

    asyncio.run(run())


def test_a_local_sampler_that_hangs_is_not_waited_for_for_ever(stage: Stage) -> None:
    from otel_bitacora.monitor.local import Local

    stage.load.may_return.clear()

    async def run() -> None:
        local = Local(lambda: stage.sampler, timeout_seconds=0.05)
        with pytest.raises(NotSampledYet, match=r"takes longer than 0\.05 s"):
            await local.get("system", object)
        stage.load.may_return.set()
        await local.aclose()

    asyncio.run(run())


def test_the_client_loads_no_server_no_settings_and_no_http_before_it_is_made() -> None:
    code = "from otel_bitacora import MonitorClient, MetricsStream; import sys; print('\\n'.join(sys.modules))"

    modules = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )

    assert not modules & {"pydantic", "starlette", "uvicorn", "httpx", "opentelemetry.sdk", "psutil", "typer"}


def test_a_client_without_its_extra_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['httpx'] = None\n"
        "from otel_bitacora import BitacoraError, MonitorClient\n"
        "MonitorClient.local()\n"
        "try: MonitorClient()\n"
        "except BitacoraError as error: print(error)"
    )

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert said == "MonitorClient needs httpx: pip install 'otel-bitacora[monitor]'\n"
