"""What is never sent to, whatever a name stands for: link-local addresses, where cloud credentials are served."""

from __future__ import annotations

import contextlib
import ipaddress
import socket

from otel_bitacora.errors import DestinationError
from otel_bitacora.settings.endpoint import is_link_local, plain_address


def check_peer(connected: socket.socket) -> None:
    """Close *connected* and raise DestinationError if it has reached such an address."""
    try:
        _check(str(connected.getpeername()[0]))
    except DestinationError:
        connected.close()
        raise


def check_address(host: str, port: int) -> None:
    """Raise DestinationError if *host* stands for such an address; one that can't be looked up is left to who connects."""
    with contextlib.suppress(OSError, UnicodeError):
        for *_, found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            _check(str(found[0]))


def _check(text: str) -> None:
    if is_link_local(plain_address(ipaddress.ip_address(text.partition("%")[0]))):
        raise DestinationError(
            f"{text} is a link-local address, where cloud credentials are served: nothing is sent there",
            misconfigured=True,
        )
