"""NVIDIA's management library, asked so that one field that a card hasn't costs no other."""

from __future__ import annotations

import ctypes
import importlib
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

from .contract import Unavailable

# NVML's return codes, which the module's exceptions carry as `value`.
_UNINITIALIZED = 1
_LOST = frozenset({15, 16})  # off the bus, or waiting for a reset
_NEVER = frozenset({2, 3, 4, 13, 22, 25, 26})  # what won't be answered next time either: unsupported, not permitted
_TIMEOUT = 10
_ABSENT = frozenset({9, 12})  # no driver, no library
_MOST_EVENTS = 100

# NVML and DCGM say "blank", "not found", "not supported" and "not permitted" by numbers at the end of each type's range.
_BLANK_64 = range(0x7FFFFFFFFFFFFFF0, 0x8000000000000000)
_BLANK_32 = range(0x7FFFFFF0, 0x80000000)
_NOT_AVAILABLE = frozenset({2**64 - 1, 2**32 - 1})


class Device(NamedTuple):
    """A GPU as NVML knows it in this process."""

    number: int
    handle: Any
    instance: int | None = None
    """Its number among those that the GPU is cut into; None for the whole."""


class Lost(Exception):
    """The GPU doesn't answer any more."""


def known(value: object) -> float | None:
    """Return *value* if it is a number that is one; None for the numbers by which NVML says that it has none."""
    if not isinstance(value, int | float) or value in _BLANK_64 or value in _BLANK_32 or value in _NOT_AVAILABLE:
        return None
    return value if value >= 0 else None


class Nvml:
    """NVML in this process, initialised once, and again in a child after a fork."""

    def __init__(self, module: Any = None) -> None:
        self._module = module
        self._pid: int | None = None
        self._never: set[tuple[object, ...]] = set()
        self._events: Any = None
        self.devices: tuple[Device, ...] = ()

    def open(self) -> bool:
        """Be ready to be asked; returns whether the devices are new ones.

        Raises:
            Unavailable: there is no library, no driver, or nothing installed to ask it by.
            RuntimeError: there is, and it refuses.
        """
        if self._pid == os.getpid():
            return False
        module = self._module = self._module or _pynvml()
        try:
            module.nvmlInit()
            count = module.nvmlDeviceGetCount()
        except module.NVMLError as error:
            if error.value in _ABSENT:
                raise Unavailable(f"no NVIDIA driver on this host: {error}") from error
            raise RuntimeError(f"NVML can't be initialised: {error}") from error
        # A parent's handles are of no use in its child.
        self._pid, self._events, self._never = os.getpid(), None, set()
        self.devices = tuple(self._devices(count))
        self._listen()
        return True

    def close(self) -> None:
        """Let go of the library, unless it is a parent's."""
        if self._pid == os.getpid():
            for function, arguments in (("nvmlEventSetFree", (self._events,)), ("nvmlShutdown", ())):
                if self._events is not None or not arguments:
                    self._quietly(function, *arguments)
        self._pid = None

    def constant(self, name: str) -> Any:
        """Return the module's constant *name*; None if it is older than that."""
        return getattr(self._module, name, None)

    def ask(self, device: Device, function: str, *arguments: object) -> Any:
        """Return what *function* answers of *device*; None where it can't, which is remembered if it never will.

        Raises:
            Lost: the device has gone.
        """
        key = (device.number, device.instance, function, *map(str, arguments))
        call = getattr(self._module, function, None)
        if key in self._never or call is None:
            return None
        try:
            return call(device.handle, *arguments)
        except self._module.NVMLError as error:
            if error.value == _UNINITIALIZED:
                self._pid = None  # somebody else in this process has shut it down
            if error.value in _LOST:
                raise Lost(str(error)) from error
            if error.value in _NEVER:
                self._never.add(key)
            return None

    def field(self, device: Device, name: str) -> float | None:
        """Return the value of a field that has a number instead of a function."""
        number = self.constant(name)
        answer = None if number is None else self.ask(device, "nvmlDeviceGetFieldValues", [number])
        if not answer or answer[0].nvmlReturn != 0:
            return None
        union = {1: "uiVal", 2: "ulVal", 3: "ullVal", 4: "sllVal"}.get(answer[0].valueType)
        return known(getattr(answer[0].value, union)) if union else None

    def about(self, function: str) -> str:
        """Return what *function* says of the library or driver; empty if nothing."""
        return text(self._quietly(function))

    def xids(self) -> Iterator[Device]:
        """Yield the device of each XID (an error that the driver logs) since this was last asked, without waiting."""
        by_address = {_address(device.handle): device for device in self.devices}
        for _ in range(_MOST_EVENTS if self._events is not None else 0):
            try:
                event = self._module.nvmlEventSetWait_v2(self._events, 0)
            except self._module.NVMLError as error:
                if error.value != _TIMEOUT:
                    self._events = None
                return
            # By its handle: of one that has fallen off the bus nothing can be asked.
            device = by_address.get(_address(event.device))
            if device is not None:
                yield device

    def _devices(self, count: int) -> Iterator[Device]:
        for number in range(count):
            handle = self._quietly("nvmlDeviceGetHandleByIndex", number)
            if handle is not None:
                yield Device(number, handle)

    def _listen(self) -> None:
        events = self._quietly("nvmlEventSetCreate")
        if events is None:
            return
        for device in self.devices:
            self._quietly(
                "nvmlDeviceRegisterEvents", device.handle, self.constant("nvmlEventTypeXidCriticalError"), events
            )
        self._events = events

    def _quietly(self, function: str, *arguments: object) -> Any:
        try:
            return getattr(self._module, function)(*arguments)
        except (AttributeError, self._module.NVMLError):
            return None


def text(value: object) -> str:
    """Return *value* as text: older releases of the module answer in bytes."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")


def _address(handle: Any) -> int | None:
    return ctypes.cast(handle, ctypes.c_void_p).value


def _pynvml() -> Any:
    try:
        return importlib.import_module("pynvml")
    except ImportError as error:
        raise Unavailable("NVIDIA's library needs its binding: pip install 'otel-bitacora[gpu]'") from error
