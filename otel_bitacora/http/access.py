"""Who may ask: the token, brought as a bearer token, or as a cookie that the index page's link sets."""

from __future__ import annotations

import hmac
from enum import Enum
from http import HTTPStatus
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from .problems import ProblemResponse

COOKIE = "bitacora_token"


class Access(Enum):
    """What a route asks of the caller. Every route says one of these: there is no default."""

    OPEN = "open"
    TOKEN = "token"  # noqa: S105 - the name of a policy


class TokenGuard:
    """Compares what a request brings with the token."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()

    def refusal(self, request: Request) -> Response | None:
        """Return the answer that refuses *request*, or None if it brought the token."""
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return None if self._matches(bearer.strip()) else self._unauthorized(request, "the token is wrong")
        # A cookie counts for reading only: a browser sends it along with whatever another page asks for.
        if request.method in ("GET", "HEAD") and self._matches(request.cookies.get(COOKIE, "")):
            return None
        return self._unauthorized(request, "a token is needed")

    def login(self, request: Request) -> Response | None:
        """Return a redirect that turns the `?token=` of a page's link into a cookie, so that it leaves the address."""
        given = request.query_params.get("token")
        if given is None or not self._matches(given):
            return None
        rest = [(key, value) for key, value in request.query_params.multi_items() if key != "token"]
        response = RedirectResponse(request.url.path + (f"?{urlencode(rest)}" if rest else ""), HTTPStatus.SEE_OTHER)
        response.set_cookie(COOKIE, given, httponly=True, samesite="strict", path="/")
        return response

    def _matches(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self._token)

    def _unauthorized(self, request: Request, why: str) -> Response:
        detail = (
            f"{why}: send `Authorization: Bearer TOKEN`; the token is BITACORA_TOKEN, or in the file `token` of the"
            " state directory"
        )
        headers = {"WWW-Authenticate": 'Bearer realm="otel-bitacora"'}
        return ProblemResponse(HTTPStatus.UNAUTHORIZED, detail, instance=request.url.path, headers=headers)
