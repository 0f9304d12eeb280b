"""Who may ask: the token, brought as a bearer token or as a cookie that the index page's link sets; or a user's password."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable, Mapping
from enum import Enum
from http import HTTPStatus
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from .hosts import plain_address
from .passwords import Passwords
from .problems import ProblemResponse
from .turns import TooMany
from .wrong_logins import WrongLogins

COOKIE = "bitacora_token"
_REALM = 'realm="otel-bitacora"'


class Access(Enum):
    """What a route asks of the caller. Every route says one of these: there is no default."""

    OPEN = "open"
    """Nothing, wherever the port listens: for health alone."""
    OPEN_ON_LOOPBACK = "open-on-loopback"
    """Nothing while only this machine can ask and no users are set; else what `TOKEN` asks."""
    TOKEN = "token"  # noqa: S105 - the name of a policy
    """The token, or a user's name and password."""


class Guard:
    """Compares what a request brings with the token and with the users' passwords.

    *hashes* returns each user's bcrypt hash, none if there are no users. *is_exposed* says that others than this machine
    can ask; a token that was generated (*is_generated*) then counts from this machine only: nobody chose to hand it out.
    """

    def __init__(
        self,
        token: str,
        *,
        hashes: Callable[[], Mapping[str, str]] = dict,
        passwords: Passwords | None = None,
        is_exposed: bool = False,
        is_generated: bool = False,
    ) -> None:
        self._token = token.encode()
        # Browsers send cookies to every port of a host: what leaks there must not do as a bearer token.
        self._cookie = hmac.digest(self._token, b"cookie", "sha256").hex().encode()
        self._hashes = hashes
        self._passwords = passwords
        self._is_exposed = is_exposed
        self._is_generated = is_generated
        self._wrong = WrongLogins()

    async def refusal(self, request: Request, access: Access) -> Response | None:
        """Return the answer that refuses *request*, or None if it may be served."""
        hashes = self._hashes()
        if access is Access.OPEN or (access is Access.OPEN_ON_LOOPBACK and not self._is_exposed and not hashes):
            return None
        given = request.headers.getlist("authorization")
        if not given:
            return None if self._has_cookie(request) else self._unauthorized(request, hashes, "say who you are")
        scheme, _, credentials = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        if scheme.lower() == "bearer":
            if self._is_token(request, credentials.strip()):
                return None
            return self._wrong_login(request, hashes, "the token is wrong")
        if scheme.lower() == "basic" and hashes:
            return await self._refused_password(request, hashes, credentials)
        return self._unauthorized(request, hashes, "no such way to say who you are")

    def login(self, request: Request) -> Response | None:
        """Return a redirect that turns the `?token=` of a page's link into a cookie, so that it leaves the address."""
        given = request.query_params.get("token")
        if request.method != "GET" or given is None or not self._is_token(request, given):
            return None
        rest = [(key, value) for key, value in request.query_params.multi_items() if key != "token"]
        # A path with two slashes in front would lead to another host.
        path = "/" + request.url.path.lstrip("/")
        response = RedirectResponse(path + (f"?{urlencode(rest)}" if rest else ""), HTTPStatus.SEE_OTHER)
        is_secure = request.url.scheme == "https"
        response.set_cookie(COOKIE, self._cookie.decode(), httponly=True, samesite="strict", path="/", secure=is_secure)
        return response

    def _is_token(self, request: Request, given: str) -> bool:
        return self._is_for(request) and hmac.compare_digest(given.encode(), self._token)

    def _has_cookie(self, request: Request) -> bool:
        # For reading only: a browser sends a cookie along with whatever another page asks for.
        given = request.cookies.get(COOKIE, "").encode()
        return request.method in ("GET", "HEAD") and self._is_for(request) and hmac.compare_digest(given, self._cookie)

    def _is_for(self, request: Request) -> bool:
        """Whether the token counts for whoever sent *request*."""
        if not (self._is_exposed and self._is_generated):
            return True
        return _is_loopback(_address(request))

    async def _refused_password(self, request: Request, hashes: Mapping[str, str], credentials: str) -> Response | None:
        try:
            given = parse_basic(credentials)
        except ValueError as error:
            return self._unauthorized(request, hashes, str(error))
        assert self._passwords is not None  # there are hashes
        try:
            is_right = await self._passwords.match(hashes, *given, caller=_address(request))
        except TooMany:
            detail = "too many passwords are being checked; try again"
            headers = {"Retry-After": "1"}
            return ProblemResponse(HTTPStatus.TOO_MANY_REQUESTS, detail, instance=request.url.path, headers=headers)
        return None if is_right else self._wrong_login(request, hashes, "name or password is wrong")

    def _wrong_login(self, request: Request, hashes: Mapping[str, str], why: str) -> Response:
        self._wrong.add(_address(request))
        return self._unauthorized(request, hashes, why)

    def _unauthorized(self, request: Request, hashes: Mapping[str, str], why: str) -> Response:
        basic = "a user's name and password (Basic), or " if hashes else ""
        detail = (
            f"{why}: send {basic}`Authorization: Bearer TOKEN`; the token is BITACORA_TOKEN, or in the file `token` of"
            " the state directory"
        )
        response = ProblemResponse(HTTPStatus.UNAUTHORIZED, detail, instance=request.url.path)
        if hashes:
            response.headers.append("WWW-Authenticate", f'Basic {_REALM}, charset="UTF-8"')
        response.headers.append("WWW-Authenticate", f"Bearer {_REALM}")
        return response


def parse_basic(credentials: str) -> tuple[str, bytes]:
    """Return the user's name and password.

    Raises:
        ValueError: they aren't `user:password`, the name in UTF-8, in base64 (RFC 7617).
    """
    try:
        user, colon, password = base64.b64decode(credentials.strip(), validate=True).partition(b":")
        if colon:
            return user.decode(), password
    except (binascii.Error, UnicodeError):
        pass
    raise ValueError("no name and password: Basic wants `user:password` in base64")


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _is_loopback(host: str) -> bool:
    try:
        return plain_address(host).is_loopback
    except ValueError:
        return False
