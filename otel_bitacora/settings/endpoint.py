"""URLs that metrics are sent to: what is allowed in one, and what OTLP makes of it."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit, urlunsplit

METRICS_PATH = "v1/metrics"
IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
_ALLOWED = "must be http://HOST[:PORT] or https://HOST[:PORT], such as http://127.0.0.1:4318"
_PARTS = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?://([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?", re.DOTALL)
_BRACKETED = re.compile(r"(?:.*@)?\[([^\[\]]+)\](?::.*)?", re.DOTALL)
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\uffff]")


def parse_endpoint(text: str) -> SplitResult:
    """Return the parts of the URL *text*.

    Raises:
        ValueError: it is no URL of http or https, holds credentials or a fragment, or names a link-local address.
    """
    if _UNPRINTABLE.search(text):
        raise ValueError(f"{_ALLOWED}; blanks and letters beyond ASCII must be escaped")
    try:
        parts = urlsplit(text)
        check_brackets(parts.netloc)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise ValueError(f"{_ALLOWED}: {error}") from None
    if parts.scheme not in ("http", "https") or not has_host:
        raise ValueError(_ALLOWED)
    if parts.username is not None or parts.fragment:
        raise ValueError(f"{_ALLOWED}, without credentials (otlp.headers is for those) and without a fragment")
    if (address := ip_literal(parts.hostname or "")) and is_link_local(address):
        raise ValueError(
            f"must not be a link-local address such as {parts.hostname}: cloud credentials are served there"
        )
    return parts


def check_brackets(netloc: str) -> None:
    """Raise ValueError if *netloc* has brackets that aren't those of an IPv6 address, about which releases of Python differ."""
    if "[" in netloc or "]" in netloc:
        found = _BRACKETED.fullmatch(netloc)
        if found is None or ":" not in found[1] or ip_literal(found[1]) is None:
            raise ValueError("brackets are for an IPv6 address, such as [::1]")


def ip_literal(host: str) -> IpAddress | None:
    """Return the address that *host* spells; None for a name."""
    try:
        return plain_address(ipaddress.ip_address(host))
    except ValueError:
        return None


def plain_address(address: IpAddress) -> IpAddress:
    """Return *address*, that of IPv4 where it is one in IPv6's clothes (::ffff:127.0.0.1)."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def is_link_local(address: IpAddress) -> bool:
    """Return whether *address* is of 169.254.0.0/16 or fe80::/10, or AWS's name for the former in IPv6."""
    return address.is_link_local or address == ipaddress.ip_address("fd00:ec2::254")


def metrics_url(base: str) -> str:
    """Return where a receiver with the *base* URL takes metrics over HTTP: below it, unless it is that already.

    Source: the OpenTelemetry specification, "Endpoint URLs for OTLP/HTTP".
    """
    parts = urlsplit(base)
    path = parts.path.rstrip("/")
    if not path.endswith(f"/{METRICS_PATH}"):
        path = f"{path}/{METRICS_PATH}"
    return urlunsplit(parts._replace(path=path))


def shown_url(url: str) -> str:
    """Return *url* as a log may show it: without credentials, and without its query, in which some receivers take a key."""
    parts = url_parts(url)
    if (
        ":" in parts.netloc and "@" not in parts.netloc and "@" in parts.path
    ):  # a password with a slash that isn't escaped
        return urlunsplit((parts.scheme, parts.path.rpartition("@")[2], "", "", ""))
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=""))


def url_parts(url: str) -> SplitResult:
    """Return the parts of *url*, whatever it is; its netloc may name several hosts, and is judged by nobody.

    Where `urlsplit` judges brackets, each release of Python in its own way, and refuses `one:9093,[::1]:9094`.

    Source: RFC 3986, appendix B.
    """
    found = _PARTS.fullmatch(url)
    assert found is not None, "each part may be empty"
    scheme, netloc, path, query, fragment = (part or "" for part in found.groups())
    return SplitResult(scheme.lower(), netloc, path, query, fragment)
