"""systemd over D-Bus. Imported when it is first asked: asyncio and dbus-fast are much to load on a host without systemd."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from dbus_fast import Message, MessageType
from dbus_fast.aio import MessageBus
from dbus_fast.errors import AuthError, DBusError, InvalidAddressError

from .systemd import PROPERTIES, Answer, Counts, Refused, Unit, number, parse_units

_NAME = "org.freedesktop.systemd1"
_MANAGER = "/org/freedesktop/systemd1"
_REFUSALS = ("AccessDenied", "AuthFailed", "NameHasNoOwner", "NoServer", "ServiceUnknown")


def ask_bus(address: str, wanted: Callable[[Unit], bool], seconds: float) -> Answer:
    """Return the units by one call of ListUnits, and the counts of those *wanted* by two calls each.

    Raises:
        Refused: there is no bus, or no systemd on it, or it is not for us.
        TimeoutError: there was no answer within *seconds*.
        RuntimeError: systemd answered with an error.
    """
    try:
        return asyncio.run(_asked(address, wanted, seconds))
    except TimeoutError as error:
        raise TimeoutError(f"systemd didn't answer within {seconds:g} s at {address}") from error
    except (AuthError, EOFError, InvalidAddressError, OSError) as error:
        raise Refused(f"{address}: {error!r}") from error
    except DBusError as error:
        if error.type.endswith(_REFUSALS):
            raise Refused(f"{address}: {error.type}: {error}") from error
        raise RuntimeError(f"systemd answers {error.type}: {error}") from error


async def _asked(address: str, wanted: Callable[[Unit], bool], seconds: float) -> Answer:
    async with asyncio.timeout(seconds):
        bus = await MessageBus(bus_address=address).connect()
        try:
            units = parse_units((await _call(bus, _MANAGER, f"{_NAME}.Manager", "ListUnits")).body)
            return Answer(units, {unit.name: await _counts(bus, unit) for unit in units if wanted(unit)})
        finally:
            bus.disconnect()
            with contextlib.suppress(Exception):
                await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]  # dbus-fast leaves it so


async def _counts(bus: MessageBus, unit: Unit) -> Counts:
    values = []
    for name in PROPERTIES:
        reply = await _call(bus, unit.path, "org.freedesktop.DBus.Properties", "Get", "ss", f"{_NAME}.Service", name)
        values.append(number(reply.body[0].value))
    return Counts(*values)


async def _call(bus: MessageBus, path: str, interface: str, member: str, signature: str = "", *body: str) -> Message:
    reply = await bus.call(Message(_NAME, path, interface, member, signature=signature, body=list(body)))
    if reply.message_type is MessageType.ERROR:
        raise DBusError(reply.error_name or "", str(reply.body[0]) if reply.body else "")
    return reply
