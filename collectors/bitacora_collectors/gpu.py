"""NVIDIA GPUs: how busy, full, hot and hungry they are, what slows them down, and who uses them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from .contract import FAST_SECONDS, Attributes, Entity, Group, Host, Kind, Reading, Unavailable
from .gpu_instances import METRICS as INSTANCE_METRICS
from .gpu_instances import Instances
from .hardware import (
    ENERGY,
    ERROR_TYPE,
    ERRORS,
    FAN_SPEED_RATIO,
    ID,
    LIMIT_TYPE,
    LOCATION,
    NAME,
    PARENT,
    POWER,
    TEMPERATURE,
    TEMPERATURE_LIMIT,
    TYPE,
)
from .hardware import hardware_metric as _metric
from .nvml import Device, Lost, Nvml, known, text

_TASK = "hw.gpu.task"
_DIRECTION = "network.io.direction"
_REASON = "bitacora.gpu.throttle.reason"
_GPU = (ID, NAME, "hw.model", "hw.vendor", "hw.serial_number", "hw.driver_version", "hw.firmware_version")

UTILIZATION = _metric("hw.gpu.utilization", Kind.GAUGE, "1", "Share of time in which a task ran.", *_GPU, _TASK)
MEMORY_USAGE = _metric("hw.gpu.memory.usage", Kind.UP_DOWN_COUNTER, "By", "Memory of a GPU that is in use.", *_GPU)
MEMORY_LIMIT = _metric("hw.gpu.memory.limit", Kind.UP_DOWN_COUNTER, "By", "Memory of a GPU.", *_GPU)
MEMORY_UTILIZATION = _metric("hw.gpu.memory.utilization", Kind.GAUGE, "1", "Used share of a GPU's memory.", *_GPU)
IO = _metric("hw.gpu.io", Kind.COUNTER, "By", "Bytes between a GPU and the host over PCIe.", *_GPU, _DIRECTION)
THROTTLED = _metric(
    "bitacora.gpu.throttled", Kind.GAUGE, "1", "1 while a GPU's clocks are held down for the reason.", ID, _REASON
)
XID_ERRORS = _metric(
    "bitacora.gpu.xid.errors", Kind.COUNTER, "{error}", "XIDs that the driver reported since we listen.", ID
)

_REASONS = {
    "sw_power_cap": 0x04,
    "hw_slowdown": 0x08,
    "sync_boost": 0x10,
    "sw_thermal_slowdown": 0x20,
    "hw_thermal_slowdown": 0x40,
    "hw_power_brake": 0x80,
}
_LIMITS = {
    "high.degraded": "NVML_TEMPERATURE_THRESHOLD_SLOWDOWN",
    "high.critical": "NVML_TEMPERATURE_THRESHOLD_SHUTDOWN",
}
_ERROR_TYPES = {
    "corrected": "NVML_MEMORY_ERROR_TYPE_CORRECTED",
    "uncorrected": "NVML_MEMORY_ERROR_TYPE_UNCORRECTED",
}
_PCIE_BYTES = {"transmit": "NVML_FI_DEV_PCIE_COUNT_TX_BYTES", "receive": "NVML_FI_DEV_PCIE_COUNT_RX_BYTES"}
_USERS = {
    "compute": "nvmlDeviceGetComputeRunningProcesses",
    "graphics": "nvmlDeviceGetGraphicsRunningProcesses",
}
_DRIVER_FILES = ("/proc/driver/nvidia/version", "/dev/nvidiactl", "/dev/dxg")  # the last is that of WSL 2


@dataclass(frozen=True, slots=True)
class GpuProcess:
    """A process on a GPU."""

    gpu_id: str
    pid: int
    kind: str
    """`compute` or `graphics`."""
    memory_bytes: int | None

    @property
    def attributes(self) -> Attributes:
        return {ID: self.gpu_id, "process.pid": self.pid}

    def readings(self) -> tuple[Reading, ...]:
        """Return nothing: its memory is part of the GPU's, and would count twice."""
        return ()


class _Gpu(NamedTuple):
    """A device with the attributes of its readings."""

    device: Device
    id: str
    plain: Attributes
    tasks: dict[str, Attributes]
    directions: dict[str, Attributes]
    component: Attributes
    errors: dict[str, Attributes]
    sensor: Attributes
    limits: tuple[Reading, ...]
    reasons: dict[str, Attributes]
    fans: tuple[Attributes, ...]
    xids: Attributes


class GpuCollector:
    """NVML is opened once; what a card can't tell is asked once and then left."""

    name = "gpu"
    group = Group.HARDWARE
    metrics = (
        *(UTILIZATION, MEMORY_USAGE, MEMORY_LIMIT, MEMORY_UTILIZATION, IO, THROTTLED, XID_ERRORS),
        *(TEMPERATURE, TEMPERATURE_LIMIT, POWER, ENERGY, ERRORS, FAN_SPEED_RATIO),
        *INSTANCE_METRICS,
    )
    interval_seconds = FAST_SECONDS

    def __init__(self, host: Host, *, nvml: Any = None) -> None:
        self._host = host
        self._nvml = Nvml(nvml)
        self._instances = Instances(self._nvml)
        self._gpus: tuple[_Gpu, ...] = ()
        self._xids: dict[str, int] = {}
        self._processes: list[GpuProcess] = []

    def collect(self) -> list[Reading]:
        # Under another root, NVML would speak of this machine's GPUs. And without a driver its binding is not even loaded.
        if self._host.is_linux and not any(os.path.exists(self._host.path(path)) for path in _DRIVER_FILES):  # noqa: PTH110 - in every tick
            raise Unavailable(f"no NVIDIA driver on this host: no {_DRIVER_FILES[0]}")
        if self._nvml.open():
            self._gpus = tuple(_gpu(self._nvml, device) for device in self._nvml.devices)
            self._instances.forget()
        if not self._gpus:
            raise Unavailable("NVIDIA's driver is here and has no GPU that it lets us ask")
        self._count_xids()
        self._processes = []
        readings: list[Reading] = []
        lost: list[str] = []
        for gpu in self._gpus:
            try:
                readings += self._readings(gpu)
                self._processes += self._users(gpu)
            except Lost as error:
                lost.append(f"{gpu.id}: {error}")
        if lost and not readings:
            raise RuntimeError("; ".join(lost))
        # Of lost ones too: XID 79 says that the card has fallen off the bus.
        return [*readings, *(Reading(XID_ERRORS, self._xids.get(gpu.id, 0), gpu.xids) for gpu in self._gpus)]

    def entities(self) -> list[Entity]:
        return list(self._processes)

    def close(self) -> None:
        self._nvml.close()

    def _readings(self, gpu: _Gpu) -> list[Reading]:
        mode = self._nvml.ask(gpu.device, "nvmlDeviceGetMigMode")
        # A card that is cut into instances has no utilization of its own (dcgm-exporter #430).
        busy = self._cut if mode and mode[0] == 1 else self._busy
        parts = (busy, self._memory, self._io, self._warmth, self._power, self._trouble, self._fans)
        return [reading for part in parts for reading in part(gpu)]

    def _cut(self, gpu: _Gpu) -> Iterator[Reading]:
        return self._instances.readings(gpu.device, gpu.id)

    def _busy(self, gpu: _Gpu) -> Iterator[Reading]:
        rates = self._nvml.ask(gpu.device, "nvmlDeviceGetUtilizationRates")
        encoder = self._nvml.ask(gpu.device, "nvmlDeviceGetEncoderUtilization")
        decoder = self._nvml.ask(gpu.device, "nvmlDeviceGetDecoderUtilization")
        percents = {
            "general": rates and rates.gpu,
            "encoder": encoder and encoder[0],
            "decoder": decoder and decoder[0],
        }
        for task, value in percents.items():
            percent = known(value)
            if percent is not None:
                yield Reading(UTILIZATION, percent / 100, gpu.tasks[task])

    def _memory(self, gpu: _Gpu) -> Iterator[Reading]:
        memory = self._nvml.ask(gpu.device, "nvmlDeviceGetMemoryInfo")
        used, total = known(memory and memory.used), known(memory and memory.total)
        if used is not None:
            yield Reading(MEMORY_USAGE, used, gpu.plain)
        if total:
            yield Reading(MEMORY_LIMIT, total, gpu.plain)
            if used is not None:
                yield Reading(MEMORY_UTILIZATION, used / total, gpu.plain)

    def _io(self, gpu: _Gpu) -> Iterator[Reading]:
        # Not nvmlDeviceGetPcieThroughput: it measures for 20 ms while we wait, and what is between is lost.
        for direction, field in _PCIE_BYTES.items():
            count = self._nvml.field(gpu.device, field)
            if count is not None:
                yield Reading(IO, count, gpu.directions[direction])

    def _warmth(self, gpu: _Gpu) -> Iterator[Reading]:
        celsius = known(self._nvml.ask(gpu.device, "nvmlDeviceGetTemperature", 0))
        if celsius is not None:
            yield Reading(TEMPERATURE, celsius, gpu.sensor)
            yield from gpu.limits

    def _power(self, gpu: _Gpu) -> Iterator[Reading]:
        milliwatts = known(self._nvml.ask(gpu.device, "nvmlDeviceGetPowerUsage"))
        if milliwatts is not None:
            yield Reading(POWER, milliwatts / 1000, gpu.component)
        millijoules = known(self._nvml.ask(gpu.device, "nvmlDeviceGetTotalEnergyConsumption"))
        if millijoules is not None:
            yield Reading(ENERGY, millijoules / 1000, gpu.component)

    def _trouble(self, gpu: _Gpu) -> Iterator[Reading]:
        for kind, constant in _ERROR_TYPES.items():
            which = (self._nvml.constant(constant), self._nvml.constant("NVML_AGGREGATE_ECC"))
            count = known(self._nvml.ask(gpu.device, "nvmlDeviceGetTotalEccErrors", *which))
            if count is not None:
                yield Reading(ERRORS, count, gpu.errors[kind])
        for function in ("nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons"):
            reasons = known(self._nvml.ask(gpu.device, function))
            if reasons is not None:
                for reason, bit in _REASONS.items():
                    yield Reading(THROTTLED, int(bool(int(reasons) & bit)), gpu.reasons[reason])
                return

    def _fans(self, gpu: _Gpu) -> Iterator[Reading]:
        for number, attributes in enumerate(gpu.fans):
            percent = known(self._nvml.ask(gpu.device, "nvmlDeviceGetFanSpeed_v2", number))
            if percent is not None:
                yield Reading(FAN_SPEED_RATIO, percent / 100, attributes)

    def _users(self, gpu: _Gpu) -> Iterator[GpuProcess]:
        for kind, function in _USERS.items():
            for process in self._nvml.ask(gpu.device, function) or ():
                memory = known(process.usedGpuMemory)
                yield GpuProcess(gpu.id, process.pid, kind, None if memory is None else int(memory))

    def _count_xids(self) -> None:
        ids = {gpu.device.number: gpu.id for gpu in self._gpus}
        for device in self._nvml.xids():
            self._xids[ids[device.number]] = self._xids.get(ids[device.number], 0) + 1


def _gpu(nvml: Nvml, device: Device) -> _Gpu:
    id_ = text(nvml.ask(device, "nvmlDeviceGetUUID")) or f"gpu{device.number}"
    name = f"GPU {device.number}"
    described = {
        "hw.model": text(nvml.ask(device, "nvmlDeviceGetName")),
        "hw.vendor": "NVIDIA",
        "hw.serial_number": text(nvml.ask(device, "nvmlDeviceGetSerial")),
        "hw.driver_version": nvml.about("nvmlSystemGetDriverVersion"),
        "hw.firmware_version": text(nvml.ask(device, "nvmlDeviceGetVbiosVersion")),
    }
    plain: Attributes = {ID: id_, NAME: name, **{key: value for key, value in described.items() if value}}
    component: Attributes = {ID: id_, NAME: name, TYPE: "gpu"}
    sensor: Attributes = {ID: f"{id_}/temperature", NAME: f"{name} core", PARENT: id_, LOCATION: name}
    fans = range(int(known(nvml.ask(device, "nvmlDeviceGetNumFans")) or 0))
    return _Gpu(
        device=device,
        id=id_,
        plain=plain,
        tasks={task: {**plain, _TASK: task} for task in ("general", "encoder", "decoder")},
        directions={direction: {**plain, _DIRECTION: direction} for direction in _PCIE_BYTES},
        component=component,
        errors={kind: {**component, ERROR_TYPE: kind} for kind in _ERROR_TYPES},
        sensor=sensor,
        limits=tuple(_limits(nvml, device, sensor)),
        reasons={reason: {ID: id_, _REASON: reason} for reason in _REASONS},
        fans=tuple({ID: f"{id_}/fan{n}", NAME: f"{name} fan {n}", PARENT: id_, LOCATION: name} for n in fans),
        xids={ID: id_},
    )


def _limits(nvml: Nvml, device: Device, sensor: Attributes) -> Iterator[Reading]:
    for limit, constant in _LIMITS.items():
        celsius = known(nvml.ask(device, "nvmlDeviceGetTemperatureThreshold", nvml.constant(constant)))
        if celsius:
            yield Reading(TEMPERATURE_LIMIT, celsius, {**sensor, LIMIT_TYPE: limit})
