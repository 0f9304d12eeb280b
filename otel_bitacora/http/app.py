"""The app factory: endpoints with an access policy each, behind the Host allow-list, errors as problem details."""

from __future__ import annotations

import html
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from .access import Access, Guard
from .headers import ResponseHeaders
from .hosts import HostAllowList
from .limits import RequestLimits
from .origins import OriginCheck
from .problems import ProblemResponse

log = logging.getLogger("otel_bitacora.http")
Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One path: who may ask for it, and what it is for (shown on the index page)."""

    path: str
    handler: Handler
    access: Access
    summary: str
    methods: tuple[str, ...] = ("GET",)
    """What can be done with it; HEAD comes with GET."""


def create_app(
    endpoints: Sequence[Endpoint],
    *,
    guard: Guard,
    allowed_hosts: Iterable[str] = (),
    headers: Callable[[], Mapping[str, str]] = dict,
) -> Starlette:
    """Return the ASGI app that serves *endpoints*, and an index of them at `/`; *headers* go with every answer."""
    index = Endpoint("/", _index(endpoints), Access.TOKEN, "This page.")
    routes = [Route(one.path, _guarded(one, guard), methods=list(one.methods)) for one in (index, *endpoints)]
    return Starlette(
        routes=routes,
        middleware=[
            Middleware(ResponseHeaders, configured=headers),
            Middleware(RequestLimits),
            Middleware(HostAllowList, allowed=tuple(allowed_hosts)),
            Middleware(OriginCheck),
        ],
        exception_handlers={HTTPException: _http_problem, Exception: _server_problem},
    )


def _guarded(endpoint: Endpoint, guard: Guard) -> Handler:
    async def handler(request: Request) -> Response:
        if endpoint.access is Access.TOKEN and (login := guard.login(request)) is not None:
            return login
        refusal = await guard.refusal(request, endpoint.access)
        return refusal if refusal is not None else await endpoint.handler(request)

    return handler


def _index(endpoints: Sequence[Endpoint]) -> Handler:
    rows = "".join(
        f'<tr><td><a href="{html.escape(one.path)}">{html.escape(one.path)}</a><td>{html.escape(one.summary)}'
        for one in endpoints
    )
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>otel-bitacora</title>'
        '<meta name="viewport" content="width=device-width">'
        "<style>body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;"
        "color-scheme:light dark}td{padding:.2rem 1.5rem .2rem 0;vertical-align:top}</style>"
        f"<h1>otel-bitacora</h1><p>This machine, as of the last sample:<table>{rows}</table></html>"
    )
    headers = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'", "Cache-Control": "no-store"}

    async def index(_: Request) -> Response:
        return HTMLResponse(page, headers=headers)

    return index


async def _http_problem(request: Request, error: Exception) -> Response:
    status, detail, headers = HTTPStatus.INTERNAL_SERVER_ERROR, "", None
    if isinstance(error, HTTPException):
        status, headers = HTTPStatus(error.status_code), error.headers
        detail = error.detail if error.detail != status.phrase else ""
    if status is HTTPStatus.NOT_FOUND and not detail:
        detail = "nothing is served at this path; / lists what is"
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        detail = f"{request.method} is not served at this path"
    return ProblemResponse(status, detail or status.description, instance=request.url.path, headers=headers)


async def _server_problem(request: Request, error: Exception) -> Response:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    detail = "a defect of otel-bitacora; its log has the traceback"
    # Its body may not have been read.
    headers = {"Connection": "close"}
    return ProblemResponse(HTTPStatus.INTERNAL_SERVER_ERROR, detail, instance=request.url.path, headers=headers)
