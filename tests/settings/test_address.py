import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bitacora.settings import Address, parse_address


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:9464", Address("127.0.0.1", 9464)),
        ("localhost:0", Address("127.0.0.1", 0)),
        ("[::1]:80", Address("::1", 80)),
        ("0.0.0.0:1", Address("0.0.0.0", 1)),
    ],
)
def test_addresses_are_ip_literals_or_localhost(text: str, expected: Address) -> None:
    assert parse_address(text) == expected


@pytest.mark.parametrize(
    "text", ["", "9464", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "host.example:80", "127.0.0.1:٣"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must"):
        parse_address(text)


@given(st.ip_addresses(), st.integers(0, 65535))
def test_an_address_is_written_as_it_is_read(ip: object, port: int) -> None:
    address = Address(str(ip), port)

    assert parse_address(str(address)) == address


@given(st.text())
def test_any_text_is_an_address_or_is_refused(text: str) -> None:
    try:
        address = parse_address(text)
    except ValueError:
        return

    assert 0 <= address.port <= 65535


@pytest.mark.parametrize(
    ("text", "reached", "is_loopback"),
    [
        ("0.0.0.0:1", "127.0.0.1:1", False),
        ("[::]:1", "[::1]:1", False),
        ("192.0.2.1:1", "192.0.2.1:1", False),
        ("127.0.0.9:1", "127.0.0.9:1", True),
        ("[::ffff:127.0.0.1]:1", "[::ffff:7f00:1]:1", True),
        ("[::ffff:192.0.2.1]:1", "[::ffff:c000:201]:1", False),
    ],
)
def test_an_address_says_how_it_is_reached_and_by_whom(text: str, reached: str, is_loopback: bool) -> None:
    address = parse_address(text)

    assert address.to_reach == parse_address(reached)
    assert address.is_loopback is is_loopback
