"""Bounds for what comes before a body, and an end to connections whose body nobody has read."""

from __future__ import annotations

from http import HTTPStatus

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .problems import ProblemResponse

HEADER_BYTES = 16 * 1024
"""All headers together. The server stops at as much, but only where they come in pieces."""
TARGET_BYTES = 8 * 1024


class RequestLimits:
    """Answers 431 and 414 to what is too long, and 400 to a target that is no path of ours."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if (refusal := _refusal(scope)) is not None:
            await refusal(scope, receive, send)
            return
        if not _has_body(scope):
            await self._app(scope, receive, send)
            return
        body = _Body(receive, send)
        await self._app(scope, body.receive, body.send)


def _refusal(scope: Scope) -> ProblemResponse | None:
    close = {"Connection": "close"}
    if sum(len(name) + len(value) for name, value in scope["headers"]) > HEADER_BYTES:
        detail = f"the headers are longer than {HEADER_BYTES} bytes"
        return ProblemResponse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, detail, headers=close)
    target = scope.get("raw_path") or scope["path"].encode()
    if len(target) + len(scope["query_string"]) > TARGET_BYTES:
        detail = f"path and query are longer than {TARGET_BYTES} bytes"
        return ProblemResponse(HTTPStatus.REQUEST_URI_TOO_LONG, detail, headers=close)
    # A whole URL is for proxies, and may hold somebody's password: not to be repeated in an answer.
    if not target.startswith(b"/") and target != b"*":
        return ProblemResponse(HTTPStatus.BAD_REQUEST, "ask for a path, not for a URL: this is no proxy", headers=close)
    return None


def _has_body(scope: Scope) -> bool:
    return any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])


class _Body:
    """Watches whether the body is read to its end; if not, the answer closes the connection.

    Otherwise the server would read on for as long as the other side sends.
    """

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self._is_read = False

    async def receive(self) -> Message:
        message = await self._receive()
        # What isn't a part of the body is the news that the other side is gone.
        self._is_read = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and not self._is_read:
            MutableHeaders(scope=message)["connection"] = "close"
        await self._send(message)
