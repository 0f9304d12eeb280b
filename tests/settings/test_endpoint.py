import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bitacora.settings.endpoint import is_link_local, metrics_url, parse_endpoint, plain_address, shown_url
from otel_bitacora.settings.headers import parse_headers


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:4318", "https://otel.example", "http://[::1]:4318/base", "http://collector:4318/?key=a%20b"],
)
def test_a_url_of_a_receiver_is_taken(url: str) -> None:
    assert parse_endpoint(url).geturl() == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "collector:4318",
        "ftp://collector",
        "http://",
        "http://:4318",
        "http://host:port",
        "http://host:70000",
        "http://host:0",
        "http://[::1",
        "http://ho st",
        "http://host\n:4318",
        "http://höst",
        "http://me:secret@host",
        "http://host/#part",
        "unix:///run/otel.sock",
    ],
)
def test_what_is_no_url_of_a_receiver_is_refused_with_what_is_allowed(url: str) -> None:
    with pytest.raises(ValueError, match=r"must be http://HOST\[:PORT\]"):
        parse_endpoint(url)


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "[fe80::1]", "[fe80::1%25eth0]", "[::ffff:169.254.169.254]", "[fd00:ec2::254]"]
)
def test_link_local_addresses_are_refused_in_whatever_clothes(host: str) -> None:
    with pytest.raises(ValueError, match="link-local"):
        parse_endpoint(f"http://{host}:4318")


@given(st.ip_addresses())
def test_only_the_link_local_networks_are_link_local(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    networks = [ipaddress.ip_network(one) for one in ("169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128")]
    plain = plain_address(address)

    assert is_link_local(plain) is any(plain in network for network in networks)


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("http://h:4318", "http://h:4318/v1/metrics"),
        ("http://h:4318/", "http://h:4318/v1/metrics"),
        ("http://h/api/v1/otlp", "http://h/api/v1/otlp/v1/metrics"),
        ("http://h/api/v1/otlp/v1/metrics", "http://h/api/v1/otlp/v1/metrics"),
        ("http://h/base?key=x", "http://h/base/v1/metrics?key=x"),
    ],
)
def test_metrics_go_below_a_base_url(base: str, url: str) -> None:
    assert metrics_url(base) == url


def test_a_key_in_the_query_is_not_shown() -> None:
    assert shown_url("https://h/v1/metrics?key=secret") == "https://h/v1/metrics"
    assert shown_url("kafka://ana:hunt/er2@h:9092/logs") == "kafka://h:9092/logs"


def test_headers_are_pairs_with_percent_encoded_values() -> None:
    headers = parse_headers("Authorization=Bearer%20abc, x-tenant = a=b ,,")

    assert headers == {"authorization": "Bearer abc", "x-tenant": "a=b"}


@pytest.mark.parametrize("text", ["secret", "=secret", "na me=secret", "name=sec%0Aret", "a=b,name:secret"])
def test_a_header_that_is_none_is_named_by_its_number_and_never_shown(text: str) -> None:
    with pytest.raises(ValueError, match=r"number [12] is none") as caught:
        parse_headers(text)
    assert "secret" not in str(caught.value)


@given(st.text())
def test_whatever_is_taken_for_headers_can_be_sent(text: str) -> None:
    try:
        headers = parse_headers(text)
    except ValueError:
        return
    for name, value in headers.items():
        assert name.isascii()
        assert name == name.lower()
        assert all(" " <= letter <= "~" for letter in value)
