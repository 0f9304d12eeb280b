"""systemd's units that fail, as systemd says it over D-Bus."""

from __future__ import annotations

import logging
import os
import queue
import select
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Protocol

from bitacora_collectors.contract import Host, Unavailable
from otel_bitacora.monitor.snapshot import Snapshot

from .event import Event, Gone, Watched

NAME = "bitacora.host.unit.failed"
_UNIT_NAME = "systemd.unit.name"
_BUS_SOCKET = "/run/dbus/system_bus_socket"
_BUS_VARIABLE = "DBUS_SYSTEM_BUS_ADDRESS"
_RUNS_SYSTEMD = "/run/systemd/system"  # as sd_booted(3) says
_CONNECT_SECONDS = 1.5


class Follower(Protocol):
    """Follows the failures of units in a thread of its own; `systemd_signals.Signals`, or what a test has for it."""

    def follow(self, failed: Callable[[str], None], connected: Callable[[Exception | None], None]) -> None:
        """Call *connected* once the bus has answered, or with the reason why it doesn't, and *failed* with each unit
        that fails; returns when `stop` was called, or the first answer was none.
        """
        ...

    def stop(self) -> None: ...


class UnitsSource:
    """*following* returns what follows the bus at an address; by default what needs dbus-fast, which an extra brings."""

    name = "units"

    def __init__(self, host: Host, *, following: Callable[[str], Follower] | None = None) -> None:
        self._host = host
        self._following = following or _signals
        self._failed: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._follower: Follower | None = None
        self._bell: socket.socket | None = None

    def open(self) -> list[Watched]:
        if not os.path.isdir(self._host.path(_RUNS_SYSTEMD)):  # noqa: PTH112 - as the collector asks
            raise Unavailable(f"systemd doesn't run this host: no {_RUNS_SYSTEMD}")
        self._follower = self._following(self._address())
        self._bell, rope = socket.socketpair()
        answers: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()
        threading.Thread(
            target=_follow, args=(self._follower, self._failed, rope, answers), name="bitacora-units", daemon=True
        ).start()
        try:
            error = answers.get(timeout=_CONNECT_SECONDS)
        except queue.Empty:
            error = TimeoutError(f"no answer within {_CONNECT_SECONDS} s")
        if error is not None:
            raise Unavailable(f"systemd's signals can't be had: {error}") from error
        return [Watched(self._bell.fileno(), select.POLLIN)]

    def ready(self, descriptor: int) -> Iterator[Event]:  # noqa: ARG002 - it has but one
        if self._bell is None or not self._bell.recv(4096):
            raise Gone("nobody follows systemd any more")
        while not self._failed.empty():
            yield _event(self._failed.get())

    def seen(self, snapshot: Snapshot) -> Iterator[Event]:  # noqa: ARG002 - systemd has told it already
        yield from ()

    def close(self) -> None:
        if self._follower is not None:
            self._follower.stop()
            self._follower = None
        if self._bell is not None:
            self._bell.close()
            self._bell = None

    def _address(self) -> str:
        address = os.environ.get(_BUS_VARIABLE) if self._host.is_own else None
        return address or f"unix:path={self._host.path(_BUS_SOCKET)}"


def _follow(
    follower: Follower,
    failed: queue.SimpleQueue[str],
    rope: socket.socket,
    answers: queue.SimpleQueue[Exception | None],
) -> None:
    def tell(unit: str) -> None:
        failed.put(unit)
        try:
            rope.send(b"\0")
        except OSError:
            follower.stop()  # the other end is closed: nobody listens

    with rope:
        follower.follow(tell, answers.put)


def _signals(address: str) -> Follower:
    try:
        from .systemd_signals import Signals  # noqa: PLC0415 - needs an extra, and is much to load where nobody follows
    except ImportError as error:
        raise Unavailable("D-Bus needs a client: pip install 'otel-bitacora[monitor]'") from error
    return Signals(address)


def _event(unit: str) -> Event:
    return Event(
        name=NAME,
        level=logging.ERROR,
        message=f"unit {unit} has failed",
        attributes={_UNIT_NAME: unit, "systemd.unit.active_state": "failed"},
        subject=unit,
        collectors=("services",),
    )
