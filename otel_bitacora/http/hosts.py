"""The Host allow-list: without it, a web page could reach this port through a name that it controls (DNS rebinding)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus

from starlette.types import ASGIApp, Receive, Scope, Send

from .problems import ProblemResponse

# Nothing else can stand there: `localhost:x@evil.example` and `[::1]evil.example` name neither localhost nor ::1.
_HOST = re.compile(r"(?:\[(?P<ip6>[0-9a-f:.]+)\]|(?P<name>[a-z0-9._-]+?)\.?)(?::\d{0,5})?")


class HostAllowList:
    """Answers 421 to every request whose Host is neither localhost, nor the socket's own address, nor allowed."""

    def __init__(self, app: ASGIApp, allowed: Iterable[str] = ()) -> None:
        self._app = app
        self._allowed = frozenset(name.lower().rstrip(".") for name in allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            hosts = [value for name, value in scope["headers"] if name == b"host"]
            host = hosts[0].decode("latin-1") if len(hosts) == 1 else ""
            if not self._is_allowed(host, scope):
                # What is no name isn't repeated: it may hold a password, as in user:password@host.
                name = host_name(host)
                which = f"the host {name!r}" if name else "a request with no host, or with something else in its place,"
                detail = f"{which} is not served here; allow it with --allowed-host"
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
    """Return the name or address of a Host header, in lower case, without port and brackets; empty for anything else."""
    match = _HOST.fullmatch(header.strip().lower())
    return (match["ip6"] or match["name"]) if match else ""


def _same_address(one: str, other: str) -> bool:
    try:
        return plain_address(one) == plain_address(other)
    except ValueError:
        return False


def plain_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return the address without its zone; an IPv4 address that an IPv6 socket sees, as the IPv4 address that it is.

    Raises:
        ValueError: *text* is no address.
    """
    address = ipaddress.ip_address(text.partition("%")[0])
    return getattr(address, "ipv4_mapped", None) or address
