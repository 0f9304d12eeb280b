import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient


def test_headers_and_targets_have_a_bound(client: TestClient) -> None:
    long_header = client.get("/open", headers={"X-Long": "x" * 17_000})
    many = client.get("/open", headers=[(f"X-{number}", "x" * 100) for number in range(200)])
    long_target = client.get("/open", params={"x": "y" * 9000})

    assert (long_header.status_code, many.status_code, long_target.status_code) == (431, 431, 414)
    assert {one.headers["connection"] for one in (long_header, many, long_target)} == {"close"}


def test_what_is_usual_is_far_from_the_bound(client: TestClient) -> None:
    assert client.get("/open", params={"x": "y" * 4000}, headers={"Cookie": "x" * 8000}).status_code == 200


def send_raw(app: Starlette, target: bytes, **more: Any) -> list[dict[str, Any]]:
    """Return what *app* answers a request with, whatever its target is."""
    sent: list[dict[str, Any]] = []
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "method": "GET",
        "path": target.decode(),
        "raw_path": target,
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
        "server": ("127.0.0.1", 9464),
        "client": ("127.0.0.1", 4711),
        "scheme": "http",
        **more,
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"x", "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))  # type: ignore[arg-type]
    return sent


@pytest.mark.parametrize("target", [b"http://user:hunter2@localhost/open", b"open", b"http://localhost/open"])
def test_a_whole_url_is_refused_and_what_is_secret_in_it_not_repeated(app: Starlette, target: bytes) -> None:
    start, body = send_raw(app, target)

    assert start["status"] == 400
    assert b"hunter2" not in body["body"]


@pytest.mark.parametrize("header", [(b"content-length", b"5"), (b"transfer-encoding", b"chunked")])
def test_a_body_that_nobody_reads_ends_the_connection(app: Starlette, header: tuple[bytes, bytes]) -> None:
    start, _ = send_raw(app, b"/open", headers=[(b"host", b"localhost"), header])

    assert (b"connection", b"close") in start["headers"]


def test_a_request_without_a_body_keeps_its_connection(app: Starlette) -> None:
    start, _ = send_raw(app, b"/open")

    assert b"connection" not in dict(start["headers"])


def test_every_answer_is_marked_as_not_for_other_sites(
    connect: Callable[[str], TestClient], client: TestClient
) -> None:
    answers = [client.get(path) for path in ("/open", "/guarded", "/nowhere")]
    answers.append(connect("http://evil.example").get("/open"))

    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
