"""The signals of systemd's units. Imported when it is first needed: asyncio and dbus-fast are much to load."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Callable

from dbus_fast import Message, MessageType
from dbus_fast.aio import MessageBus
from dbus_fast.errors import DBusError

log = logging.getLogger("otel_bitacora.monitor")
_SYSTEMD = "org.freedesktop.systemd1"
_UNITS = "/org/freedesktop/systemd1/unit/"
_UNIT = f"{_SYSTEMD}.Unit"
_PROPERTIES = "org.freedesktop.DBus.Properties"
_RULE = f"type='signal',sender='{_SYSTEMD}',interface='{_PROPERTIES}',member='PropertiesChanged',arg0='{_UNIT}'"
_ESCAPED = re.compile(r"_([0-9a-f]{2})")
_LONGEST_WAIT_SECONDS = 60.0


def unit_name(path: str) -> str | None:
    """Return the unit whose object on the bus is at *path*; None if it is no unit's.

    Source: sd_bus_path_encode(3): what isn't a letter or digit is _ and two hexadecimal digits.
    """
    if not path.startswith(_UNITS):
        return None
    escaped = _ESCAPED.sub(lambda match: f"%{match[1]}", path[len(_UNITS) :])
    return re.sub(
        r"(?:%[0-9a-f]{2})+", lambda match: bytes.fromhex(match[0].replace("%", "")).decode("utf-8", "replace"), escaped
    )


def failed_unit(message: Message) -> str | None:
    """Return the unit that *message* says has failed; None if it says something else."""
    is_changed = message.message_type is MessageType.SIGNAL and message.member == "PropertiesChanged"
    if not is_changed or len(message.body) < 2 or message.body[0] != _UNIT:
        return None
    state = message.body[1].get("ActiveState")
    return unit_name(message.path or "") if state is not None and state.value == "failed" else None


class Signals:
    """Follows the bus at *address*, and looks for it again when it goes away, after a second at first."""

    def __init__(self, address: str, *, first_wait_seconds: float = 1.0) -> None:
        self._address = address
        self._first_wait_seconds = first_wait_seconds
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()

    def follow(self, failed: Callable[[str], None], connected: Callable[[Exception | None], None]) -> None:
        try:
            self._loop.run_until_complete(self._follow(failed, connected))
        finally:
            self._loop.close()

    def stop(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: it has ended by itself
            self._loop.call_soon_threadsafe(self._stopping.set)

    async def _follow(self, failed: Callable[[str], None], connected: Callable[[Exception | None], None]) -> None:
        wait_seconds, is_first = self._first_wait_seconds, True
        while not self._stopping.is_set():
            try:
                bus = await _subscribed(self._address, failed)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with the bus, it is asked again
                if is_first:
                    connected(error)
                    return
                log.debug("systemd's bus: %r", error)
            else:
                if is_first:
                    connected(None)
                is_first, wait_seconds = False, self._first_wait_seconds
                await self._until_gone(bus)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), wait_seconds)
            wait_seconds = min(2 * wait_seconds, _LONGEST_WAIT_SECONDS)

    async def _until_gone(self, bus: MessageBus) -> None:
        gone = asyncio.ensure_future(bus.wait_for_disconnect())  # type: ignore[no-untyped-call]  # dbus-fast leaves it so
        stopping = asyncio.ensure_future(self._stopping.wait())
        await asyncio.wait([gone, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not gone.done():
            bus.disconnect()
        with contextlib.suppress(Exception):
            await gone


async def _subscribed(address: str, failed: Callable[[str], None]) -> MessageBus:
    bus = await MessageBus(bus_address=address).connect()

    def hear(message: Message) -> None:
        if (unit := failed_unit(message)) is not None:
            failed(unit)

    try:
        bus.add_message_handler(hear)
        await _call(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "AddMatch", _RULE)
        await _call(bus, _SYSTEMD, "/org/freedesktop/systemd1", f"{_SYSTEMD}.Manager", "Subscribe")
    except BaseException:
        bus.disconnect()
        with contextlib.suppress(Exception):
            await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]
        raise
    return bus


async def _call(bus: MessageBus, destination: str, path: str, interface: str, member: str, *body: str) -> None:
    message = Message(destination, path, interface, member, signature="s" * len(body), body=list(body))
    reply = await bus.call(message)
    if reply.message_type is MessageType.ERROR:
        raise DBusError(reply.error_name or "", str(reply.body[0]) if reply.body else "")
