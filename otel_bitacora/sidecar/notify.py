"""Tells systemd how the service is doing (sd_notify(3)); does nothing when it wasn't started by systemd."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable, Mapping


def notify(state: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Send *state*, such as `READY=1`; returns whether there was anybody to send it to."""
    address = environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    # A leading @ stands for the NUL of an abstract socket.
    target = "\0" + address[1:] if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        try:
            channel.sendto(state.encode(), target)
        except OSError:
            return False
    return True


def notify_reloading(environ: Mapping[str, str] = os.environ) -> bool:
    """Say that settings are being read again; systemd waits for the `READY=1` that follows."""
    return notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}", environ)


def watchdog_seconds(environ: Mapping[str, str] = os.environ) -> float | None:
    """Return how often systemd wants to hear `WATCHDOG=1`, halved as it advises; None if it doesn't."""
    microseconds = environ.get("WATCHDOG_USEC", "")
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()) or not microseconds.isdigit():
        return None
    return int(microseconds) / 2e6


async def keep_watchdog_quiet(is_well: Callable[[], bool], environ: Mapping[str, str] = os.environ) -> None:
    """Say `WATCHDOG=1` as often as systemd wants to hear it, but only while this loop answers and *is_well* says so."""
    seconds = watchdog_seconds(environ)
    while seconds is not None:
        if is_well():
            notify("WATCHDOG=1", environ)
        await asyncio.sleep(seconds)
