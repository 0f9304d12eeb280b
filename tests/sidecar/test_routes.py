"""Every route that the sidecar serves, asked as those ask who must not be served. A new one is in here by itself."""

import asyncio
import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from otel_bitacora.settings import Settings
from otel_bitacora.sidecar.build import Sidecar, build_sidecar

OPEN_TO_EVERYBODY = {"/healthz", "/readyz"}
OPEN_ON_LOOPBACK = {*OPEN_TO_EVERYBODY, "/metrics"}
TOKEN = "a-token-of-the-test-suite"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@pytest.fixture
def build(tmp_path: Path, secure: Callable[..., Any]) -> Iterator[Callable[..., Starlette]]:
    built: list[Sidecar] = []

    def build(listen: str = "127.0.0.1:9464", **http: Any) -> Starlette:
        settings = Settings(
            http={"listen": listen, "insecure": True, **http},
            state_dir=tmp_path / "state",
            token=TOKEN,
            monitor={"collect": ["os_info"]},
        )
        built.append(build_sidecar(settings))
        return built[-1].app

    yield build
    for sidecar in built:
        sidecar.sampler.stop()


def paths_of(app: Starlette) -> list[str]:
    """Every path; whatever isn't a plain route would need a look of its own, so there is none."""
    assert all(type(route) is Route for route in app.routes)
    return [route.path.replace("{", "").replace("}", "") for route in app.routes if isinstance(route, Route)]


def statuses(app: Starlette, paths: list[str], method: str = "GET", **headers: str) -> dict[str, int]:
    """Return what each path answers; of an answer without an end, only the beginning is waited for."""

    async def ask_all() -> dict[str, int]:
        return {path: await status(app, path, method, {"Host": "127.0.0.1:9464", **headers}) for path in paths}

    return asyncio.run(ask_all())


def statuses_as_meant(app: Starlette, **headers: str) -> dict[str, int]:
    """Ask for every path by a method that it takes."""
    methods = {route.path: route.methods or set() for route in app.routes if isinstance(route, Route)}
    found: dict[str, int] = {}
    for method in ("GET", "POST"):
        found |= statuses(app, [path for path, taken in methods.items() if method in taken], method, **headers)
    assert found.keys() == methods.keys()
    return found


async def status(app: Starlette, path: str, method: str, headers: dict[str, str]) -> int:
    started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("192.0.2.7", 4711),
        "server": ("127.0.0.1", 9464),
    }

    async def receive() -> dict[str, Any]:
        if started.done():
            await asyncio.Event().wait()
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start" and not started.done():
            started.set_result(message["status"])

    answering = asyncio.ensure_future(app(scope, receive, send))  # type: ignore[arg-type]
    await asyncio.wait([started, answering], timeout=60, return_when=asyncio.FIRST_COMPLETED)
    answering.cancel()
    await asyncio.gather(answering, return_exceptions=True)
    return started.result()


def test_the_whole_port_is_looked_at(build: Callable[..., Starlette]) -> None:
    assert {"/", "/metrics", "/healthz", "/api/v1/snapshot"} <= set(paths_of(build()))


@pytest.mark.parametrize("listen", ["127.0.0.1:9464", "0.0.0.0:9464"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("host", ["evil.example", "localhost:x@evil.example", "10.0.0.1", ""])
def test_none_is_served_under_a_foreign_host(
    build: Callable[..., Starlette], listen: str, method: str, host: str
) -> None:
    app = build(listen)

    found = statuses(app, [*paths_of(app), "/nowhere"], method, Host=host, Authorization=f"Bearer {TOKEN}")

    assert set(found.values()) == {421}, found


@pytest.mark.parametrize("method", [method for method in METHODS if method not in ("GET", "HEAD", "OPTIONS")])
def test_none_is_changed_by_a_page_of_another_site(build: Callable[..., Starlette], method: str) -> None:
    app = build()
    origin = {"Origin": "http://evil.example", "Authorization": f"Bearer {TOKEN}"}

    found = statuses(app, [*paths_of(app), "/nowhere"], method, **origin)

    assert set(found.values()) == {403}, found


def test_on_loopback_only_metrics_and_health_answer_without_a_token(build: Callable[..., Starlette]) -> None:
    app = build()

    found = statuses_as_meant(app)

    assert {path for path, status in found.items() if status != 401} == OPEN_ON_LOOPBACK


@pytest.mark.parametrize("authorization", ["", "Bearer wrong", "Basic YTpi"])
def test_beyond_loopback_only_health_does(build: Callable[..., Starlette], authorization: str) -> None:
    app = build("0.0.0.0:9464")

    found = statuses_as_meant(app, Authorization=authorization)

    assert {path for path, status in found.items() if status != 401} == OPEN_TO_EVERYBODY


def test_where_users_are_set_only_health_does(build: Callable[..., Starlette], secure: Callable[..., Any]) -> None:
    app = build(web_config=secure({"alice": b"one"}).web_config)

    refused = statuses_as_meant(app)
    served = statuses_as_meant(app, Authorization="Basic " + base64.b64encode(b"alice:one").decode())

    assert {path for path, status in refused.items() if status != 401} == OPEN_TO_EVERYBODY
    assert 401 not in served.values()


@pytest.mark.parametrize("method", METHODS)
def test_no_method_that_a_route_takes_is_less_guarded_than_another(
    build: Callable[..., Starlette], method: str
) -> None:
    app = build("0.0.0.0:9464")
    taken = {route.path for route in app.routes if isinstance(route, Route) and method in (route.methods or ())}

    found = statuses(app, paths_of(app), method)

    assert all(status == 401 for path, status in found.items() if path in taken - OPEN_TO_EVERYBODY), found
    assert all(status == 405 for path, status in found.items() if path not in taken), found


def test_with_the_token_everything_is_served(build: Callable[..., Starlette]) -> None:
    app = build("0.0.0.0:9464")

    found = statuses_as_meant(app, Authorization=f"Bearer {TOKEN}")

    assert not set(found.values()) & {401, 403, 421}, found


def test_a_web_socket_is_not_let_past_the_host_list(build: Callable[..., Starlette]) -> None:
    sent = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message["type"])

    scope = {"type": "websocket", "path": "/", "headers": [(b"host", b"evil.example")], "query_string": b""}
    asyncio.run(build()(scope, receive, send))  # type: ignore[arg-type]

    assert "websocket.accept" not in sent
