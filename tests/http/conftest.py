from collections.abc import Callable

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.testclient import TestClient

from otel_bitacora.http.access import Access, Guard
from otel_bitacora.http.app import Endpoint, create_app

TOKEN = "a-token-of-the-test-suite"


async def _hello(_: Request) -> Response:
    return Response("hello")


async def _defect(_: Request) -> Response:
    raise RuntimeError("secret detail")


@pytest.fixture
def token() -> str:
    return TOKEN


@pytest.fixture
def app() -> Starlette:
    endpoints = [
        Endpoint("/open", _hello, Access.OPEN, "Open."),
        Endpoint("/change", _hello, Access.TOKEN, "Changes.", ("POST",)),
        Endpoint("/guarded", _hello, Access.TOKEN, "Needs <the> token."),
        Endpoint("/defect", _defect, Access.OPEN, "Fails."),
    ]
    return create_app(endpoints, guard=Guard(TOKEN), allowed_hosts=["box.example"])


@pytest.fixture
def connect(app: Starlette) -> Callable[[str], TestClient]:
    """Return a client that addresses the app by another base URL."""
    return lambda base: TestClient(app, base_url=base, raise_server_exceptions=False, follow_redirects=False)


@pytest.fixture
def client(connect: Callable[[str], TestClient]) -> TestClient:
    return connect("http://127.0.0.1:9464")
