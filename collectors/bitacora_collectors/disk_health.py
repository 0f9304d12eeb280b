"""Health of disks, by their own account: SMART's verdict, wear, errors, temperature."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .contract import SLOW_SECONDS, Attributes, Call, Entity, Group, Host, Kind, Reading, Unavailable
from .hardware import (
    ERROR_TYPE,
    ERRORS,
    ID,
    LOCATION,
    NAME,
    PARENT,
    STATE,
    TEMPERATURE,
    TYPE,
)
from .hardware import hardware_metric as _metric
from .programs import Runner, run_whatever_status
from .smartctl import HOW_TO_ASK, SCAN, Device, Disk, parse_disk, parse_scan

_ATTRIBUTE = "hw.physical_disk.smart_attribute"
_DISK_STATE = "hw.physical_disk.state"

STATUS = _metric("hw.status", Kind.UP_DOWN_COUNTER, "1", "1 for the state that a disk is in.", ID, NAME, TYPE, STATE)
SMART = _metric(
    "hw.physical_disk.smart", Kind.GAUGE, "1", "An attribute of SMART: raw, or as _normalized.", ID, _ATTRIBUTE
)
ENDURANCE = _metric(
    "hw.physical_disk.endurance_utilization",
    Kind.GAUGE,
    "1",
    "Share of the writes that a disk is made for which remains.",
    ID,
    _DISK_STATE,
)
SIZE = _metric("hw.physical_disk.size", Kind.UP_DOWN_COUNTER, "By", "Size of a disk.", ID, NAME)

STATES = ("ok", "degraded", "failed", "predicted_failure")
REFRESH_SECONDS = 300.0
DEADLINE_SECONDS = 10.0
_PATIENCE_SECONDS = 1.0
_STALE_REFRESHES = 3


@dataclass(frozen=True, slots=True)
class DiskHealth:
    """A disk that smartctl was asked about."""

    disk: Disk

    @property
    def attributes(self) -> Attributes:
        described = {
            "hw.name": self.disk.model,
            "hw.serial_number": self.disk.serial_number,
            "hw.firmware_version": self.disk.firmware_version,
        }
        return {ID: self.disk.device.id, **{key: value for key, value in described.items() if value}}

    def readings(self) -> tuple[Reading, ...]:
        """Return nothing: its values are readings of the collector."""
        return ()


class DiskHealthCollector:
    """Asks smartctl every *refresh_seconds* in a thread of its own: twenty disks would keep the other collectors waiting.

    What it said last is given until it has said something else.
    """

    name = "disk_health"
    group = Group.HARDWARE
    metrics = (STATUS, SMART, ENDURANCE, SIZE, ERRORS, TEMPERATURE)
    interval_seconds = SLOW_SECONDS

    def __init__(
        self,
        host: Host,
        *,
        devices: tuple[str, ...] = (),
        refresh_seconds: float = REFRESH_SECONDS,
        device_deadline_seconds: float = DEADLINE_SECONDS,
        run: Runner = run_whatever_status,
        which: Callable[[str], str | None] = shutil.which,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._host = host
        self._devices = tuple(_device(device) for device in devices)
        self._refresh_seconds = refresh_seconds
        self._deadline_seconds = device_deadline_seconds
        self._run, self._which, self._monotonic = run, which, monotonic
        self._asking: Call[list[Disk]] | None = None
        self._asked_at = 0.0
        self._disks: list[Disk] | None = None
        self._error: BaseException | None = None
        self._attributes: dict[tuple[str, ...], Attributes] = {}

    def collect(self) -> list[Reading]:
        if not self._host.is_own and not self._devices:
            raise Unavailable("smartctl finds this machine's disks: under another root, name the host's in `devices`")
        if self._which(SCAN[0]) is None:
            raise Unavailable("smartctl isn't installed: the package is called smartmontools")
        self._follow()
        if self._error is not None:
            raise self._error.with_traceback(None)
        return [reading for disk in self._disks or () for reading in self._readings(disk)]

    def entities(self) -> list[Entity]:
        return [DiskHealth(disk) for disk in self._disks or ()]

    def _follow(self) -> None:
        """Take an answer that has come, and ask again when it is time."""
        now = self._monotonic()
        if self._asking is None and (self._is_new or now - self._asked_at >= self._refresh_seconds):
            self._asking, self._asked_at = Call(self._ask), now
            threading.Thread(target=self._asking.run, name="bitacora-smartctl", daemon=True).start()
        if self._asking is not None and self._asking.finished.wait(_PATIENCE_SECONDS):
            self._disks, self._error, self._asking = self._asking.result, self._asking.error, None
        elif self._asking is not None and now - self._asked_at > _STALE_REFRESHES * self._refresh_seconds:
            raise TimeoutError(f"smartctl hasn't answered for {now - self._asked_at:.0f} s: a disk hangs")

    @property
    def _is_new(self) -> bool:
        return self._disks is None and self._error is None

    def _ask(self) -> list[Disk]:
        before = {disk.device: disk for disk in self._disks or ()}
        devices = self._devices or parse_scan(self._run(SCAN, self._deadline_seconds))
        if not devices:
            raise Unavailable("smartctl finds no disk here")
        disks = [self._asked(device, before.get(device)) for device in devices]
        if all(disk.error for disk in disks):
            said = "; ".join(dict.fromkeys(str(disk.error) for disk in disks))
            if "Permission denied" in said:
                raise PermissionError(f"{HOW_TO_ASK}: {said}")
            raise RuntimeError(f"smartctl can't ask any disk: {said}")
        return disks

    def _asked(self, device: Device, before: Disk | None) -> Disk:
        try:
            disk = parse_disk(self._run(device.command, self._deadline_seconds), device)
        except (OSError, ValueError) as error:
            return Disk(device, error=str(error))
        return before.asleep() if disk.is_asleep and before is not None else disk

    def _readings(self, disk: Disk) -> Iterator[Reading]:
        id_ = disk.device.id
        if disk.state is not None:
            for state in STATES:
                yield Reading(
                    STATUS,
                    int(disk.state == state),
                    self._with(id_, NAME, disk.model, TYPE, "physical_disk", STATE, state),
                )
        if disk.size_bytes:
            yield Reading(SIZE, disk.size_bytes, self._with(id_, NAME, disk.model))
        if disk.endurance_used is not None:
            yield Reading(ENDURANCE, max(0.0, 1 - disk.endurance_used), self._with(id_, _DISK_STATE, "remaining"))
        for kind, count in disk.errors.items():
            labels = self._with(id_, NAME, disk.model, TYPE, "physical_disk", ERROR_TYPE, kind)
            yield Reading(ERRORS, count, labels)
        for name, value in disk.smart.items():
            yield Reading(SMART, value, self._with(id_, _ATTRIBUTE, name))
        if disk.temperature_celsius is not None:
            labels = self._with(f"{id_}/smart", NAME, disk.model, PARENT, id_, LOCATION, id_)
            yield Reading(TEMPERATURE, disk.temperature_celsius, labels)

    def _with(self, id_: str, *pairs: str) -> Attributes:
        """Return the attributes of *id_* and *pairs* of key and value, the same mapping every time."""
        key = (id_, *pairs)
        known = self._attributes.get(key)
        if known is None:
            values = {name: value for name, value in zip(pairs[::2], pairs[1::2], strict=True) if value}
            known = self._attributes[key] = {ID: id_, **values}
        return known


def _device(text: str) -> Device:
    """Return the device that a setting names: a path, and behind a blank its type for smartctl's --device."""
    path, _, kind = text.strip().partition(" ")
    if not path.startswith("/"):
        raise ValueError(f"{text!r} is not a disk: expected a path such as /dev/sda, or '/dev/bus/0 megaraid,3'")
    return Device(path, kind.strip())
