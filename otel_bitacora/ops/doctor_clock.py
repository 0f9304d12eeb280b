"""The clock: kept right by somebody, plausible, and not jumping."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from .doctor_finding import Finding, Verdict

_RELEASED = 1_764_000_000  # November 2025: no clock that is right says less
_UNSYNCHRONISED = 0x40  # STA_UNSYNC
_JUMP_SECONDS = 0.1
_DRIFT_SECONDS_PER_SECOND = 0.001  # twice what the kernel lets a clock be slewed by
_PATIENCE_SECONDS = 5.0


class KernelClock(NamedTuple):
    """What the kernel knows of its clock (adjtimex(2))."""

    is_synchronised: bool
    maximum_error_seconds: float


class _Timex(ctypes.Structure):
    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),  # more than any kernel writes
    )


def ask_kernel() -> KernelClock | None:
    """Return what the kernel says; None where it isn't Linux, or doesn't let us ask."""
    if sys.platform != "linux":
        return None
    timex = _Timex()  # modes 0: nothing is changed
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex))
    except (OSError, AttributeError):
        return None
    return KernelClock(not timex.status & _UNSYNCHRONISED, timex.maxerror / 1e6) if state >= 0 else None


def ask_timedatectl() -> bool | None:
    """Return whether systemd calls the clock synchronised; None where it can't be asked."""
    if shutil.which("timedatectl") is None:
        return None
    command = ["timedatectl", "show", "--property=NTPSynchronized", "--value"]
    try:
        said = subprocess.run(  # noqa: S603 - fixed arguments
            command, capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=True, env={"PATH": os.defpath}
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
    return {"yes": True, "no": False}.get(said)


class ClockWatch:
    """Watches the wall clock against the monotonic one from now on."""

    def __init__(
        self,
        *,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        kernel: Callable[[], KernelClock | None] = ask_kernel,
        timedatectl: Callable[[], bool | None] = ask_timedatectl,
    ) -> None:
        self._wall, self._monotonic = wall, monotonic
        self._kernel, self._timedatectl = kernel, timedatectl
        self._began = (wall(), monotonic())

    def findings(self) -> Iterator[Finding]:
        yield self._synchronised()
        yield self._steady()

    def _synchronised(self) -> Finding:
        subject, fix = "synchronised", "run a time service: `timedatectl set-ntp true`, or install chrony"
        if self._wall() < _RELEASED:
            day = time.strftime("%Y-%m-%d", time.gmtime(self._wall()))
            return Finding("clock", subject, Verdict.FAIL, f"the clock says {day}, which is long past", fix)
        kernel = self._kernel()
        is_synchronised = kernel.is_synchronised if kernel else self._timedatectl()
        if is_synchronised is None:
            return Finding("clock", subject, Verdict.OK, "can't be asked here")
        if not is_synchronised:
            return Finding(
                "clock", subject, Verdict.WARN, "nobody keeps the clock right: records may not match others'", fix
            )
        error = f", right within {kernel.maximum_error_seconds:.3f} s" if kernel else ""
        return Finding("clock", subject, Verdict.OK, f"yes{error}")

    def _steady(self) -> Finding:
        wall, monotonic = self._wall() - self._began[0], self._monotonic() - self._began[1]
        jump = wall - monotonic
        if abs(jump) > _JUMP_SECONDS + monotonic * _DRIFT_SECONDS_PER_SECOND:
            fix = "find out who sets it; a time service that slews (chrony) makes no jumps once it is right"
            return Finding("clock", "steady", Verdict.WARN, f"it jumped by {jump:+.1f} s while we looked", fix)
        return Finding("clock", "steady", Verdict.OK, f"no jump in {monotonic:.1f} s")
