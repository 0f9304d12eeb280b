"""The Host allow-list: without it, a web page could reach this port through a name that it controls (DNS rebinding)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from http import HTTPStatus

from starlette.types import ASGIApp, Receive, Scope, Send

from .problems import ProblemResponse


class HostAllowList:
    """Answers 421 to every request whose Host is neither localhost, nor the socket's own address, nor allowed."""

    def __init__(self, app: ASGIApp, allowed: Iterable[str] = ()) -> None:
        self._app = app
        self._allowed = frozenset(name.lower().rstrip(".") for name in allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            hosts = [value for name, value in scope["headers"] if name == b"host"]
            host = hosts[0].decode("latin-1") if len(hosts) == 1 else ""
            if not self._is_allowed(host, scope):
                detail = f"the host {host!r} is not served here; allow it with --allowed-host"
                await ProblemResponse(HTTPStatus.MISDIRECTED_REQUEST, detail)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _is_allowed(self, header: str, scope: Mapping[str, object]) -> bool:
        name = host_name(header)
        if name == "localhost" or name.endswith(".localhost") or name in self._allowed:
            return True
        server = scope.get("server")
        return isinstance(server, tuple | list) and bool(server) and _same_address(name, str(server[0]))


def host_name(header: str) -> str:
    """Return the name or address of a Host header, in lower case, without port and brackets."""
    host = header.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].rstrip(".")


def _same_address(one: str, other: str) -> bool:
    try:
        return ipaddress.ip_address(one) == ipaddress.ip_address(other)
    except ValueError:
        return False
