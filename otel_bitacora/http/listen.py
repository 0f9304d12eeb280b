"""Opens the port before anything else starts, so that a taken one is said in one line."""

from __future__ import annotations

import errno
import socket

from otel_bitacora.errors import MonitorError, PortInUse
from otel_bitacora.settings import Address


def listen(address: Address) -> socket.socket:
    """Return a listening socket on *address*.

    Raises:
        PortInUse: somebody else listens there; the message names the owner where it can be known.
        MonitorError: the address can't be listened on for another reason.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Or a restart would have to wait for the connections of the last run to time out.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(tuple(address))
        listener.listen(128)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(
                f"{address} is in use{_by(owner_of(address.port))}; choose another with --listen"
            ) from error
        raise MonitorError(f"{address} can't be listened on: {error.strerror}") from error
    return listener


def bound_address(listener: socket.socket) -> Address:
    """Return the address that *listener* got, with the port that was free if 0 was asked for."""
    host, port = listener.getsockname()[:2]
    return Address(host, port)


def _by(owner: str) -> str:
    return f" by {owner}" if owner else ""


def owner_of(port: int) -> str:
    """Return `NAME (pid N)` of whoever listens on *port*; empty where that can't be known."""
    try:
        import psutil  # noqa: PLC0415 - an extra, and only needed here
    except ImportError:
        return ""
    try:
        for connection in psutil.net_connections("tcp"):
            is_listener = connection.status == psutil.CONN_LISTEN and tuple(connection.laddr)[1:] == (port,)
            if is_listener and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except (psutil.Error, OSError):
        pass
    return ""
