"""NVML's answers, written down from the module `pynvml`, and given again in its place where there is no GPU."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Iterable, Mapping
from types import SimpleNamespace
from typing import Any

_UNIONS = {1: "uiVal", 2: "ulVal", 3: "ullVal", 4: "sllVal"}
_NO_DRIVER, _TIMEOUT, _NO_SUCH_FUNCTION = 9, 10, 13  # NVML's return codes
_NOT_FOUND = 6
_PIECE = 256  # a handle is that of a card, 1 and so on, and for a piece of one so many more times its number from 1
PIECES = "instances"
"""Where a card's recording has those of its MIG devices, by their index."""
_EVENTS = re.compile("nvmlEvent|nvmlDeviceRegisterEvents|nvmlInit|nvmlShutdown")


class RecordedNvmlError(Exception):
    """What `pynvml.NVMLError` is: *value* is NVML's return code."""

    def __init__(self, value: int) -> None:
        super().__init__(f"NVML error {value}")
        self.value = value


class RecordedNvml:
    """Answers as the module `pynvml` does, out of a *recording*; None stands for a host without a driver.

    `asked` keeps the name of every call. `xids` are the handles of devices that have had an error, each told once.
    """

    NVMLError = RecordedNvmlError
    NVML_TEMPERATURE_THRESHOLD_SHUTDOWN, NVML_TEMPERATURE_THRESHOLD_SLOWDOWN = 0, 1
    NVML_MEMORY_ERROR_TYPE_CORRECTED, NVML_MEMORY_ERROR_TYPE_UNCORRECTED, NVML_AGGREGATE_ECC = 0, 1, 1
    NVML_FI_DEV_PCIE_COUNT_TX_BYTES, NVML_FI_DEV_PCIE_COUNT_RX_BYTES = 197, 198
    nvmlEventTypeXidCriticalError = 8  # noqa: N815 - NVML's name

    def __init__(self, recording: Mapping[str, Any] | None) -> None:
        self.recording: Mapping[str, Any] = recording or {"devices": []}
        self.asked: list[str] = []
        self.xids: list[Any] = []
        self.init_error: int | None = None if recording else _NO_DRIVER

    def __getattr__(self, function: str) -> Callable[..., Any]:
        if not function.startswith("nvml"):
            raise AttributeError(function)
        return lambda *arguments: self._call(function, *arguments)

    def _call(self, function: str, *arguments: Any) -> Any:
        self.asked.append(function)
        if not function.startswith("nvmlDevice") or function == "nvmlDeviceRegisterEvents":
            return self._of_system(function)
        if function == "nvmlDeviceGetCount":
            return len(self.recording["devices"])
        if function == "nvmlDeviceGetHandleByIndex":
            return ctypes.c_void_p(arguments[0] + 1)
        handle, *rest = arguments
        device = self.recording["devices"][handle.value % _PIECE - 1]
        if function == "nvmlDeviceGetMigDeviceHandleByIndex":
            if str(rest[0]) not in device.get(PIECES, {}):
                raise RecordedNvmlError(_NOT_FOUND)
            return ctypes.c_void_p(handle.value + _PIECE * (rest[0] + 1))
        if handle.value > _PIECE:
            device = device[PIECES][str(handle.value // _PIECE - 1)]
        answer = device.get(key_of(function, rest), {"error": _NO_SUCH_FUNCTION})
        if function == "nvmlDeviceGetFieldValues" and "error" not in answer:
            value = SimpleNamespace(**{_UNIONS.get(answer["valueType"], "dVal"): answer["value"]})
            return [SimpleNamespace(valueType=answer["valueType"], nvmlReturn=answer["nvmlReturn"], value=value)]
        return _answered(answer)

    def _of_system(self, function: str) -> Any:
        if function == "nvmlInit" and self.init_error is not None:
            raise RecordedNvmlError(self.init_error)
        if function == "nvmlEventSetWait_v2":
            if not self.xids:
                raise RecordedNvmlError(_TIMEOUT)
            return SimpleNamespace(device=self.xids.pop(0), eventData=79)
        return _answered(self.recording.get(function, function))


class RecordingNvml:
    """The module *real*, whose answers are kept in `recording`, in the form that `RecordedNvml` takes."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self._devices: dict[int | None, dict[str, Any]] = {}
        self.recording: dict[str, Any] = {"devices": []}

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._real, name)
        if not callable(value) or not name.startswith("nvml") or _EVENTS.match(name):
            return value
        return lambda *arguments: self._call(name, value, arguments)

    def _call(self, name: str, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        try:
            answer = function(*arguments)
        except self._real.NVMLError as error:
            self._keep(name, arguments, {"error": error.value})
            raise
        if name == "nvmlDeviceGetHandleByIndex":
            device: dict[str, Any] = {}
            self._devices[_address(answer)] = device
            self.recording["devices"].append(device)
        elif name == "nvmlDeviceGetMigDeviceHandleByIndex":
            piece = self._devices[_address(answer)] = {}
            self._devices[_address(arguments[0])].setdefault(PIECES, {})[str(arguments[1])] = piece
        elif name == "nvmlDeviceGetFieldValues":
            one = answer[0]
            value = getattr(one.value, _UNIONS.get(one.valueType, "dVal"))
            said = {"valueType": one.valueType, "nvmlReturn": one.nvmlReturn, "value": value}
            self._keep(name, arguments, said)
        else:
            self._keep(name, arguments, _plain(answer))
        return answer

    def _keep(self, name: str, arguments: tuple[Any, ...], said: Any) -> None:
        if not arguments:
            self.recording[name] = said
        elif (device := self._devices.get(_address(arguments[0]))) is not None:
            device[key_of(name, arguments[1:])] = said


def key_of(function: str, arguments: Iterable[object]) -> str:
    """Return how a call for one device is named in a recording, such as `nvmlDeviceGetTemperature(0)`."""
    shown = ", ".join(str(one).strip("[]") for one in arguments)
    return f"{function}({shown})" if shown else function


def _answered(answer: Any) -> Any:
    if isinstance(answer, Mapping) and "error" in answer:
        raise RecordedNvmlError(answer["error"])
    if isinstance(answer, Mapping):
        return SimpleNamespace(**answer)
    if isinstance(answer, list) and answer and isinstance(answer[0], Mapping):
        return [SimpleNamespace(**one) for one in answer]
    return answer


def _plain(answer: Any) -> Any:
    """Return a structure of ctypes, or of the binding's own, as JSON can hold it."""
    if answer is None or isinstance(answer, int | float | str):
        return answer
    if isinstance(answer, bytes):
        return answer.decode("utf-8", "replace")
    if isinstance(answer, list | tuple):
        return [_plain(one) for one in answer]
    names = [field[0] for field in getattr(answer, "_fields_", ())] or list(getattr(answer, "__dict__", ()))
    return {name: _plain(getattr(answer, name)) for name in names} or str(answer)


def _address(handle: Any) -> int | None:
    try:
        return ctypes.cast(handle, ctypes.c_void_p).value
    except ctypes.ArgumentError:
        return None
