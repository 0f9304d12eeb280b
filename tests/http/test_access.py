import asyncio
import base64
import threading
from collections.abc import Mapping
from typing import Any

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response

from otel_bitacora.http.access import Access, Guard, parse_basic
from otel_bitacora.http.passwords import Passwords

TOKEN = "a-token-of-the-test-suite"
HASHES = {"alice": bcrypt.hashpw(b"one:two", bcrypt.gensalt(4)).decode()}
LAN, HERE = "192.0.2.7", "127.0.0.1"


def guard(hashes: Mapping[str, str] | None = None, **options: bool) -> Guard:
    return Guard(TOKEN, hashes=lambda: hashes or {}, passwords=Passwords(), **options)


def request(
    *authorization: str, client: str | None = LAN, method: str = "GET", query: str = "", **more: Any
) -> Request:
    headers = [(b"authorization", value.encode("latin-1")) for value in authorization]
    headers += [(b"host", b"localhost")] + [(name.encode(), value.encode()) for name, value in more.items()]
    scope = {
        "type": "http",
        "method": method,
        "path": "/guarded",
        "query_string": query.encode(),
        "headers": headers,
        "client": (client, 4711) if client else None,
        "server": (HERE, 9464),
        "scheme": "http",
    }
    return Request(scope)


def ask(guard: Guard, asked: Request, access: Access = Access.TOKEN) -> Response | None:
    return asyncio.run(guard.refusal(asked, access))


def basic(credentials: str) -> str:
    return "Basic " + base64.b64encode(credentials.encode()).decode()


@pytest.mark.parametrize("is_exposed", [False, True])
@pytest.mark.parametrize("hashes", [{}, HASHES])
def test_what_is_open_is_open_wherever_the_port_listens(is_exposed: bool, hashes: dict[str, str]) -> None:
    assert ask(guard(hashes, is_exposed=is_exposed), request(), Access.OPEN) is None


@pytest.mark.parametrize(
    ("is_exposed", "hashes", "is_open"),
    [(False, {}, True), (True, {}, False), (False, HASHES, False), (True, HASHES, False)],
)
def test_metrics_are_open_only_on_loopback_and_without_users(
    is_exposed: bool, hashes: dict[str, str], is_open: bool
) -> None:
    refusal = ask(guard(hashes, is_exposed=is_exposed), request(client=HERE), Access.OPEN_ON_LOOPBACK)

    assert (refusal is None) is is_open


@pytest.mark.parametrize("access", [Access.TOKEN, Access.OPEN_ON_LOOPBACK])
def test_a_token_that_was_set_counts_from_everywhere(access: Access) -> None:
    assert ask(guard(is_exposed=True), request(f"Bearer {TOKEN}"), access) is None


@pytest.mark.parametrize(
    ("client", "is_served"),
    [(LAN, False), ("2001:db8::7", False), (None, False), (HERE, True), ("::1", True), ("::ffff:127.0.0.1", True)],
)
def test_a_token_that_was_generated_counts_beyond_loopback_from_this_machine_alone(
    client: str | None, is_served: bool
) -> None:
    exposed = guard(HASHES, is_exposed=True, is_generated=True)
    login = exposed.login(request(client=client, query=f"token={TOKEN}"))
    cookie = f"bitacora_token={exposed._cookie.decode()}"

    assert (ask(exposed, request(f"Bearer {TOKEN}", client=client)) is None) is is_served
    assert (ask(exposed, request(client=client, cookie=cookie)) is None) is is_served
    assert (login is not None) is is_served


@pytest.mark.parametrize("client", [None, LAN, HERE])
def test_on_loopback_a_generated_token_counts_whoever_is_said_to_ask(client: str | None) -> None:
    assert ask(guard(is_generated=True), request(f"Bearer {TOKEN}", client=client)) is None


def test_a_users_password_is_as_good_as_the_token() -> None:
    assert ask(guard(HASHES, is_exposed=True), request(basic("alice:one:two"))) is None


@pytest.mark.parametrize(
    "authorization",
    [
        basic("alice:wrong"),
        basic("alice:one"),
        basic("mallory:one:two"),
        basic("alice"),
        basic(""),
        "Basic",
        "Basic !!!",
        basic("alice:one:two") + "!",
        "Basic \xe9",
        "Basic " + base64.b64encode(b"\xff\xfe:one").decode(),
        basic(f":{TOKEN}"),
        "Digest alice",
        "Bearer",
        "Bearer wrong",
        "",
    ],
)
def test_nothing_else_is(authorization: str) -> None:
    refusal = ask(guard(HASHES), request(authorization))

    assert refusal is not None
    assert refusal.status_code == 401
    assert refusal.headers.getlist("www-authenticate") == [
        'Basic realm="otel-bitacora", charset="UTF-8"',
        'Bearer realm="otel-bitacora"',
    ]


def test_two_authorizations_are_none() -> None:
    assert ask(guard(HASHES), request(f"Bearer {TOKEN}", f"Bearer {TOKEN}")) is not None


def test_without_users_nobody_is_asked_for_a_password() -> None:
    refusal = ask(guard(), request(basic("alice:one:two")))

    assert refusal is not None
    assert refusal.headers.getlist("www-authenticate") == ['Bearer realm="otel-bitacora"']
    assert "password" not in bytes(refusal.body).decode()


def test_a_refusal_repeats_nothing_that_was_given() -> None:
    refusal = ask(guard(HASHES), request(basic("alice:hunter2")))

    assert refusal is not None
    assert b"hunter2" not in refusal.body
    assert b"alice" not in refusal.body


def test_who_tries_too_many_at_once_is_told_to_wait() -> None:
    gate = threading.Event()
    busy = Guard(TOKEN, hashes=lambda: HASHES, passwords=Passwords(lambda *_: gate.wait(30)))

    async def flood() -> list[Response | None]:
        tries = [
            asyncio.ensure_future(busy.refusal(request(basic(f"alice:{number}")), Access.TOKEN)) for number in range(80)
        ]
        await asyncio.sleep(0)
        gate.set()
        return await asyncio.gather(*tries)

    answers = asyncio.run(flood())

    late = [answer for answer in answers if answer is not None and answer.status_code == 429]
    assert len(late) >= 15
    assert late[0].headers["retry-after"] == "1"


def test_the_cookie_is_for_tls_alone_where_there_is_tls() -> None:
    asked = request(client=HERE, query=f"token={TOKEN}")
    asked.scope["scheme"] = "https"

    login = guard().login(asked)

    assert login is not None
    assert "Secure" in login.headers["set-cookie"]


def test_a_login_never_leads_to_another_host() -> None:
    asked = request(query=f"token={TOKEN}")
    asked.scope["path"] = "//evil.example/x"

    login = guard().login(asked)

    assert login is not None
    assert login.headers["location"] == "/evil.example/x"


@given(st.text().filter(lambda name: ":" not in name), st.binary())
def test_any_name_and_password_arrive_as_they_were_sent(name: str, password: bytes) -> None:
    encoded = base64.b64encode(name.encode() + b":" + password).decode()

    assert parse_basic(encoded) == (name, password)


@given(st.text())
def test_anything_else_is_a_value_error(credentials: str) -> None:
    try:
        user, password = parse_basic(credentials)
    except ValueError:
        return
    assert base64.b64decode(credentials.strip()) == user.encode() + b":" + password
