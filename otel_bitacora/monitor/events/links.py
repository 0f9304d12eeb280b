"""Network interfaces that get or lose their link, as the kernel tells everybody over rtnetlink."""

from __future__ import annotations

import errno
import logging
import re
import select
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

from bitacora_collectors.contract import Host, Unavailable
from bitacora_collectors.netlink import ROUTE, Query, dump
from otel_bitacora.monitor.snapshot import Snapshot

from .event import Event, Watched

NAME = "bitacora.host.link.changed"
_GROUP_LINK = 1  # RTMGRP_LINK
_NEW_LINK, _DELETED_LINK, _GET_LINK = 16, 17, 18
_RUNNING = 0x40  # IFF_RUNNING: it is up and has a link
_INTERFACE_NAME = 3  # IFLA_IFNAME
_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_LINK = struct.Struct("=BBHiII")  # family, padding, type, index, flags, change
_ATTRIBUTE = struct.Struct("=HH")
_MOST_MESSAGES = 256  # before others have a turn
_RECEIVE_BYTES = 1 << 16


class Link(NamedTuple):
    """An interface as a message has it; *name* is empty where the message has none."""

    number: int
    name: str
    is_up: bool


class Change(NamedTuple):
    link: Link
    is_deleted: bool


class Channel(Protocol):
    """As much of a socket as is needed."""

    def fileno(self) -> int: ...
    def recvfrom(self, size: int, /) -> tuple[bytes, object]: ...
    def close(self) -> None: ...


def connect() -> Channel:
    """Return a socket that hears of every change of a link.

    Raises:
        OSError: there is no netlink here, or it is refused.
    """
    if sys.platform != "linux":
        raise OSError(errno.EAFNOSUPPORT, "netlink is Linux's")
    channel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, ROUTE)
    try:
        channel.bind((0, _GROUP_LINK))
    except OSError:
        channel.close()
        raise
    return channel


def parse_link(payload: bytes) -> Link:
    """Return the interface in the *payload* of a message.

    Raises:
        ValueError: it is cut off.

    Source: rtnetlink(7): ifinfomsg, and attributes at multiples of 4 bytes.
    """
    if len(payload) < _LINK.size:
        raise ValueError(f"rtnetlink: {len(payload)} bytes are no link: {payload[:40]!r}")
    _, _, _, number, flags, _ = _LINK.unpack_from(payload)
    at, name = _LINK.size, ""
    while at + _ATTRIBUTE.size <= len(payload):
        length, kind = _ATTRIBUTE.unpack_from(payload, at)
        if length < _ATTRIBUTE.size or at + length > len(payload):
            raise ValueError(f"rtnetlink: an attribute of {length} bytes in a link: {payload[at : at + 40]!r}")
        if kind == _INTERFACE_NAME:
            name = payload[at + _ATTRIBUTE.size : at + length].rstrip(b"\0").decode("utf-8", "replace")
        at += (length + 3) & ~3
    return Link(number, name, bool(flags & _RUNNING))


def parse_changes(data: bytes) -> list[Change]:
    """Return the links in a datagram; messages about other things are passed over.

    Raises:
        ValueError: a message is cut off.
    """
    changes, at = [], 0
    while at < len(data):
        length, kind, *_ = _HEADER.unpack_from(data, at) if len(data) - at >= _HEADER.size else (0, 0)
        if not _HEADER.size <= length <= len(data) - at:
            raise ValueError(f"rtnetlink: {len(data) - at} bytes hold no message of {length}")
        # Of another family it is about a bridge's port: one that leaves its bridge isn't gone.
        if kind in (_NEW_LINK, _DELETED_LINK) and data[at + _HEADER.size : at + _HEADER.size + 1] in (b"", b"\0"):
            changes.append(Change(parse_link(data[at + _HEADER.size : at + length]), kind == _DELETED_LINK))
        at += (length + 3) & ~3
    return changes


class LinksSource:
    """Interfaces whose name *exclude* is found in, a regular expression, are no events."""

    name = "links"

    def __init__(
        self, host: Host, *, exclude: str, connecting: Callable[[], Channel] = connect, query: Query = dump
    ) -> None:
        self._host = host
        self._exclude = re.compile(exclude or r"(?!)")
        self._connecting = connecting
        self._query = query
        self._channel: Channel | None = None
        self._known: dict[int, Link] = {}

    def open(self) -> list[Watched]:
        if not self._host.is_own:
            raise Unavailable("netlink tells of the interfaces that this program sees, not of those of another root")
        try:
            self._channel = self._connecting()
            self._known = self._dump()
        except OSError as error:
            raise Unavailable(f"netlink: {error.strerror or error}") from error
        return [Watched(self._channel.fileno(), select.POLLIN)]

    def ready(self, descriptor: int) -> Iterator[Event]:  # noqa: ARG002 - it has but one
        for _ in range(_MOST_MESSAGES):
            try:
                changes = self._receive()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                changes = self._missed()
            for change in changes:
                yield from self._follow(change)

    def seen(self, snapshot: Snapshot) -> Iterator[Event]:  # noqa: ARG002 - the kernel has told it already
        yield from ()

    def close(self) -> None:
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def _receive(self) -> list[Change]:
        if self._channel is None:
            return []
        data, sender = self._channel.recvfrom(_RECEIVE_BYTES)
        is_kernels = not isinstance(sender, tuple) or sender[0] == 0
        return parse_changes(data) if is_kernels else []

    def _missed(self) -> list[Change]:
        """Return all links anew, as more was told than there was room for."""
        now = self._dump()
        gone = [Change(link, is_deleted=True) for number, link in self._known.items() if number not in now]
        return gone + [Change(link, is_deleted=False) for link in now.values()]

    def _dump(self) -> dict[int, Link]:
        links = [parse_link(payload) for payload in self._query(ROUTE, _GET_LINK, _LINK.pack(0, 0, 0, 0, 0, 0))]
        return {link.number: link for link in links}

    def _follow(self, change: Change) -> Iterator[Event]:
        link, before = change.link, self._known.get(change.link.number)
        if change.is_deleted:
            self._known.pop(link.number, None)
            link = link._replace(is_up=False)
        else:
            self._known[link.number] = link
        was_up = before is not None and before.is_up
        name = link.name or (before.name if before else "")
        if link.is_up != was_up and not self._exclude.search(name):
            yield _event(name, "removed" if change.is_deleted else "up" if link.is_up else "down")


def _event(name: str, state: str) -> Event:
    said = {"up": "is up", "down": "has lost its link", "removed": "is gone"}[state]
    return Event(
        name=NAME,
        level=logging.INFO if state == "up" else logging.WARNING,
        message=f"interface {name} {said}",
        attributes={"network.interface.name": name, "bitacora.link.state": state},
        subject=f"{name} {state}",
        collectors=("interfaces", "traffic"),
    )
