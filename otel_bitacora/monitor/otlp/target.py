"""Where metrics are sent, out of the settings, and the addresses that they are never sent to."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from otel_bitacora.errors import SettingsError
from otel_bitacora.settings import Address, OtlpSettings
from otel_bitacora.settings.endpoint import IpAddress, is_link_local, metrics_url, plain_address, shown_url
from otel_bitacora.settings.headers import headers_of

_PORTS = {"http": 80, "https": 443}
_LOOPBACK = {4: ipaddress.ip_address("127.0.0.1"), 6: ipaddress.ip_address("::1")}


@dataclass(frozen=True, slots=True)
class Target:
    """One receiver of OTLP. *headers* may be secret: they are in no repr."""

    url: str
    is_grpc: bool = False
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    is_gzip: bool = False
    timeout_seconds: float = 10.0
    interval_seconds: float = 60.0
    certificate_file: Path | None = None
    client_key_file: Path | None = None
    client_certificate_file: Path | None = None

    @property
    def name(self) -> str:
        """The URL as it may be shown."""
        return shown_url(self.url)

    @property
    def host_and_port(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or _PORTS[parts.scheme]


def target_of(settings: OtlpSettings) -> Target | None:
    """Return the receiver that *settings* name; None if they name none.

    Raises:
        SettingsError: the settings don't go together, or a file of theirs can't be read.
    """
    base, whole = settings.endpoint, settings.metrics_endpoint
    if base is None and whole is None:
        return None
    is_grpc = settings.protocol == "grpc"
    url = whole or base or ""
    if is_grpc and urlsplit(url).path not in ("", "/"):
        key = "metrics_endpoint" if whole else "endpoint"
        raise SettingsError(f"otlp.{key} = {shown_url(url)!r}: must have no path where otlp.protocol is grpc")
    if settings.client_key_file and not settings.client_certificate_file:
        raise SettingsError("otlp.client_key_file: must come with otlp.client_certificate_file")
    return Target(
        url=url if is_grpc or whole else metrics_url(url),
        is_grpc=is_grpc,
        headers=headers_of(settings, "otlp"),
        is_gzip=settings.compression == "gzip",
        timeout_seconds=settings.timeout_seconds,
        interval_seconds=settings.interval_seconds,
        certificate_file=settings.certificate_file,
        client_key_file=settings.client_key_file,
        client_certificate_file=settings.client_certificate_file,
    )


def reason_against(target: Target, own: Address | None) -> str | None:
    """Return why nothing may be sent to *target*, *own* being the address that this program serves on; None if it may.

    The name is looked up each time, as what it stands for may change; one that can't be looked up is left to the
    exporter, which will say so.
    """
    host, port = target.host_and_port
    for address in _addresses(host, port):
        if is_link_local(address):
            return f"{host} is the link-local address {address}: cloud credentials are served at such"
        if own is not None and port == own.port and _is_own(address, own):
            return f"{host}:{port} is this program's own address"
    return None


def _is_own(address: IpAddress, own: Address) -> bool:
    served = plain_address(ipaddress.ip_address(own.host))
    # Who sends to 0.0.0.0 gets to the loopback address.
    reached = _LOOPBACK[address.version] if address.is_unspecified else address
    return _is_local(reached) if served.is_unspecified else reached == served


def _is_local(address: IpAddress) -> bool:
    """Return whether *address* is one of this host's: only then can it be bound to."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((str(address), 0))
        except OSError:
            return False
    return True


def _addresses(host: str, port: int) -> Iterator[IpAddress]:
    with contextlib.suppress(OSError, UnicodeError):
        for *_, found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            yield plain_address(ipaddress.ip_address(str(found[0]).partition("%")[0]))
