"""The instances that a GPU can be cut into (MIG), each with memory and processors of its own."""

from __future__ import annotations

from collections.abc import Iterator

from .contract import Attributes, Kind, Reading
from .hardware import ID, NAME, PARENT
from .hardware import hardware_metric as _metric
from .nvml import Device, Nvml, known, text

_INSTANCE = (ID, NAME, PARENT, "hw.model")

# Names of their own: in those of a whole GPU, the memory of its instances would be counted twice.
MEMORY_USAGE = _metric(
    "bitacora.gpu.instance.memory.usage",
    Kind.UP_DOWN_COUNTER,
    "By",
    "Memory of an instance of a GPU that is in use.",
    *_INSTANCE,
)
MEMORY_LIMIT = _metric(
    "bitacora.gpu.instance.memory.limit", Kind.UP_DOWN_COUNTER, "By", "Memory of an instance of a GPU.", *_INSTANCE
)
MULTIPROCESSORS = _metric(
    "bitacora.gpu.instance.multiprocessors",
    Kind.UP_DOWN_COUNTER,
    "{multiprocessor}",
    "Streaming multiprocessors of an instance of a GPU.",
    *_INSTANCE,
)
_MOST = 256
METRICS = (MEMORY_USAGE, MEMORY_LIMIT, MULTIPROCESSORS)


class Instances:
    """The instances of each GPU, looked for in each reading, as they come and go while the driver runs."""

    def __init__(self, nvml: Nvml) -> None:
        self._nvml = nvml
        self._known: dict[str, Attributes] = {}

    def readings(self, device: Device, gpu_id: str) -> Iterator[Reading]:
        """Yield the readings of the instances of *device*, whose id is *gpu_id*; what one can't tell costs no other.

        Raises:
            Lost: the GPU has gone.
        """
        for instance in self._of(device):
            id_ = text(self._nvml.ask(instance, "nvmlDeviceGetUUID"))
            if not id_:
                continue  # it has gone since, or isn't ours to ask
            attributes = self._known.get(id_)
            if attributes is None:
                if len(self._known) > _MOST:  # of those that have been made anew
                    self._known.clear()
                attributes = self._known[id_] = self._described(instance, id_, gpu_id)
            yield from self._numbers(instance, attributes)

    def forget(self) -> None:
        """Describe each anew: the library was opened again."""
        self._known.clear()

    def _of(self, device: Device) -> Iterator[Device]:
        most = known(self._nvml.ask(device, "nvmlDeviceGetMaxMigDeviceCount")) or 0
        for index in range(int(most)):
            # Numbers without an instance lie between those with one.
            handle = self._nvml.ask(device, "nvmlDeviceGetMigDeviceHandleByIndex", index)
            if handle is not None:
                yield Device(device.number, handle, index)

    def _described(self, instance: Device, id_: str, gpu_id: str) -> Attributes:
        numbers = (
            known(self._nvml.ask(instance, function))
            for function in ("nvmlDeviceGetGpuInstanceId", "nvmlDeviceGetComputeInstanceId")
        )
        place = "/".join(str(int(number)) for number in numbers if number is not None) or str(instance.instance)
        model = text(self._nvml.ask(instance, "nvmlDeviceGetName"))
        found = {ID: id_, NAME: f"GPU {instance.number} instance {place}", PARENT: gpu_id}
        return {**found, "hw.model": model} if model else found

    def _numbers(self, instance: Device, attributes: Attributes) -> Iterator[Reading]:
        memory = self._nvml.ask(instance, "nvmlDeviceGetMemoryInfo")
        used, total = known(memory and memory.used), known(memory and memory.total)
        if used is not None:
            yield Reading(MEMORY_USAGE, used, attributes)
        if total:
            yield Reading(MEMORY_LIMIT, total, attributes)
        shape = self._nvml.ask(instance, "nvmlDeviceGetAttributes_v2")
        processors = known(shape and shape.multiprocessorCount)
        if processors:
            yield Reading(MULTIPROCESSORS, int(processors), attributes)
