import asyncio
import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bitacora.http.hosts import HostAllowList, host_name, plain_address


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("localhost", "localhost"),
        ("LOCALHOST.:9464", "localhost"),
        ("box.example:", "box.example"),
        ("[::1]:9464", "::1"),
        ("[::FFFF:192.0.2.1]", "::ffff:192.0.2.1"),
        ("192.0.2.1:80", "192.0.2.1"),
        ("user:hunter2@localhost", ""),
        ("localhost:x@evil.example", ""),
        ("localhost@evil.example", ""),
        ("[::1]evil.example", ""),
        ("[::1]:9464:9464", ""),
        ("localhost:9464:1", ""),
        ("localhost/x", ""),
        ("localhost, evil.example", ""),
        ("local host", ""),
        ("localhost\x00", ""),
        ("", ""),
        (":9464", ""),
    ],
)
def test_a_host_is_a_name_or_an_address_and_nothing_around_it(header: str, name: str) -> None:
    assert host_name(header) == name


@given(st.text())
def test_what_is_around_a_name_never_makes_it_another(header: str) -> None:
    name = host_name(header)

    assert not set(name) & set("@/[] ,\x00")
    assert name in header.lower()


def is_allowed(host: str, server: str) -> bool:
    return HostAllowList(None)._is_allowed(host, {"server": (server, 9464)})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("host", "server"),
    [
        ("192.0.2.2:9464", "192.0.2.2"),
        ("192.0.2.2", "::ffff:192.0.2.2"),
        ("[::ffff:192.0.2.2]", "::ffff:192.0.2.2"),
        ("[fe80::1]:9464", "fe80::1%eth0"),
        ("[2001:db8:0::2]", "2001:db8::2"),
    ],
)
def test_the_sockets_own_address_is_known_however_it_is_written(host: str, server: str) -> None:
    assert is_allowed(host, server)


@pytest.mark.parametrize(
    ("host", "server"), [("192.0.2.3", "192.0.2.2"), ("0.0.0.0", "192.0.2.2"), ("box", "box"), ("[::]", "::1")]
)
def test_other_addresses_and_names_are_not_the_sockets(host: str, server: str) -> None:
    assert not is_allowed(host, server)


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("host", ["evil.example", "localhost"])
def test_whatever_is_spoken_a_foreign_host_gets_no_farther(kind: str, host: str) -> None:
    reached, sent = [], []

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        reached.append(scope["type"])

    async def send(message: Any) -> None:
        sent.append(message.get("status"))

    scope = {"type": kind, "path": "/", "headers": [(b"host", host.encode())]}
    asyncio.run(HostAllowList(inner)(scope, None, send))  # type: ignore[arg-type]

    assert (reached, 421 in sent) == (([], True) if host == "evil.example" else ([kind], False))


@given(st.ip_addresses())
def test_an_address_is_itself_with_and_without_a_zone(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    assert plain_address(str(address)) == plain_address(f"{address}%eth0")
