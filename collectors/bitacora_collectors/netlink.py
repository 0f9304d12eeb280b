"""Has the kernel list something over netlink: sockets, addresses. Below the collectors, since two of them ask."""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys
from collections.abc import Callable
from typing import NamedTuple, Protocol

ROUTE = 0
"""NETLINK_ROUTE."""
SOCK_DIAG = 4
"""NETLINK_SOCK_DIAG."""

Query = Callable[[int, int, bytes], list[bytes]]
"""What `dump` is, and what a test may put in its place: (protocol, type of request, its body) to payloads."""

_ATTEMPTS = 3
_TIMEOUT_SECONDS = 1.0
_RECEIVE_BYTES = 1 << 16  # the kernel fills 32 KiB at most
_SEQUENCE = 1  # each dump has a connection of its own

_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_REQUEST_DUMP = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
_MULTI, _DUMP_INTERRUPTED = 0x2, 0x10
_NOOP, _ERROR, _DONE, _OVERRUN, _FIRST_PAYLOAD = 1, 2, 3, 4, 16


class Datagram(NamedTuple):
    """One part of an answer: all that the kernel sent at one time."""

    payloads: list[bytes]
    is_last: bool
    is_interrupted: bool
    """The list changed while the kernel wrote it, so that something may be missing."""


class Connection(Protocol):
    """As much of a socket as a dump needs."""

    def send(self, data: bytes, /) -> int: ...
    def recvmsg(self, size: int, /) -> tuple[bytes, list[tuple[int, int, bytes]], int, object]: ...
    def close(self) -> None: ...


def connect(protocol: int) -> Connection:
    """Return a netlink socket.

    Raises:
        OSError: there is no netlink here, or it is refused (sandboxes, gVisor).
    """
    if sys.platform != "linux":
        raise OSError(errno.EAFNOSUPPORT, "netlink is Linux's")
    connection = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
    connection.settimeout(_TIMEOUT_SECONDS)
    return connection


def dump(protocol: int, request: int, body: bytes, *, connecting: Callable[[int], Connection] = connect) -> list[bytes]:
    """Return the payload of each message of the kernel's answer; a list that changed meanwhile is asked for again.

    Raises:
        OSError: netlink isn't there, refuses, doesn't answer, or the list changed each time.
        ValueError: the answer is no netlink.
    """
    for _ in range(_ATTEMPTS):
        connection = connecting(protocol)
        try:
            connection.send(_HEADER.pack(_HEADER.size + len(body), request, _REQUEST_DUMP, _SEQUENCE, 0) + body)
            payloads, is_interrupted = _receive(connection)
        finally:
            connection.close()
        if not is_interrupted:
            return payloads
    raise OSError(errno.EAGAIN, f"netlink: the list changed while it was read, {_ATTEMPTS} times over")


def _receive(connection: Connection) -> tuple[list[bytes], bool]:
    payloads: list[bytes] = []
    is_interrupted = False
    while True:
        data, _, flags, _ = connection.recvmsg(_RECEIVE_BYTES)
        if flags & socket.MSG_TRUNC:
            raise ValueError(f"netlink: a message of more than {_RECEIVE_BYTES} bytes")
        if not data:
            raise OSError(errno.ECONNRESET, "netlink: the answer has no end")
        part = parse_datagram(data, _SEQUENCE)
        payloads += part.payloads
        is_interrupted |= part.is_interrupted
        if part.is_last:
            return payloads, is_interrupted


def parse_datagram(data: bytes, sequence: int) -> Datagram:
    """Return the payloads in *data* that answer request *sequence*; those that answer another are passed over.

    Raises:
        ValueError: a message is cut off, or shorter than its head.
        OSError: the kernel reports one (NLMSG_ERROR, or at the end of a list).

    Source: netlink(7): messages of head and payload, each at a multiple of 4 bytes.
    """
    payloads: list[bytes] = []
    at, size, is_last, seen = 0, len(data), False, 0
    unpack = _HEADER.unpack_from
    # Ten thousand times for as many sockets: no call in here that can be spared.
    while at < size and not is_last:
        length, kind, flags, number, _ = unpack(data, at) if size - at >= 16 else (0, 0, 0, 0, 0)
        if not 16 <= length <= size - at:
            raise ValueError(f"netlink: {size - at} bytes hold no message of {length}: {data[at : at + 40]!r}")
        if number == sequence:
            seen |= flags
            if kind >= _FIRST_PAYLOAD:
                payloads.append(data[at + 16 : at + length])
                is_last = not flags & _MULTI
            else:
                is_last = _is_end(kind, data[at + 16 : at + length])
        at += (length + 3) & ~3
    return Datagram(payloads, is_last, bool(seen & _DUMP_INTERRUPTED))


def _is_end(kind: int, payload: bytes) -> bool:
    """Return whether a control message ends the answer; raise the error that it carries."""
    if kind == _OVERRUN:
        raise OSError(errno.ENOBUFS, "netlink: messages were lost")
    if kind not in (_ERROR, _DONE):
        return False
    code = int.from_bytes(payload[:4], sys.byteorder, signed=True)
    if code < 0:
        raise OSError(-code, f"netlink: {os.strerror(-code)}")
    return True
