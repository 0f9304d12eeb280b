"""The Origin check: a browser sends along who asks for a change, and only our own pages may."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from .problems import ProblemResponse

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_PORTS = {"http": 80, "https": 443}


class OriginCheck:
    """Answers 403 to what would change something and comes from another site's page; programs send no Origin."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" or (scope["type"] == "http" and scope["method"] not in _READING):
            headers = scope["headers"]
            origins = [value.decode("latin-1") for name, value in headers if name == b"origin"]
            host = next((value.decode("latin-1") for name, value in headers if name == b"host"), "")
            if any(not is_same_origin(origin, host) for origin in origins):
                detail = "a page of another site must not change anything here"
                await ProblemResponse(HTTPStatus.FORBIDDEN, detail)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def is_same_origin(origin: str, host: str) -> bool:
    """Return whether *origin* (`scheme://host[:port]`) is what a page served under the Host *host* would send.

    The scheme only says the port: behind a proxy that speaks TLS, the page's scheme isn't ours.
    """
    try:
        page = urlsplit(origin)
        if page.scheme not in _PORTS or page.username is not None or not page.hostname:
            return False
        asked = urlsplit(f"{page.scheme}://{host}")
        port = _PORTS[page.scheme]
        return (page.hostname, page.port or port) == (asked.hostname, asked.port or port)
    except ValueError:
        return False
