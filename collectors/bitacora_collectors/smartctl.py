"""smartctl of smartmontools: how it is asked, and what it says of a disk in JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

Object = Mapping[str, object]
SCAN = ("smartctl", "--json=c", "--scan")
HOW_TO_ASK = "run as root, or with CAP_SYS_RAWIO (NVMe: CAP_SYS_ADMIN), so that smartctl may open the disks"

# The exit status is a bit mask (smartctl(8)). Bits 0 to 2 say that a command failed, which a disk may do that answers all
# the others; bits 5 and 6 speak of the past, and most old disks have them.
_PREFAILURE = 1 << 4
_SELF_TEST_FAILED = 1 << 7
# NVMe's critical warning.
_READ_ONLY = 0x08
_FAILING = 0x01 | 0x04  # spare blocks run out, reliability degraded

# smartctl guesses these by itself, and better than its scan, which calls SATA disks "scsi".
_GUESSED_TYPES = frozenset({"ata", "nvme", "sat", "scsi"})
_REPORTED_UNCORRECTABLE = 187


class Device(NamedTuple):
    """A disk to be asked for; *type* is for those behind a controller (`megaraid,3`), else empty."""

    path: str
    type: str = ""

    @property
    def id(self) -> str:
        """Its kernel name, as in `system.device`, with the type where one path has several disks."""
        name = self.path.removeprefix("/dev/")
        return f"{name} {self.type}" if self.type else name

    @property
    def command(self) -> tuple[str, ...]:
        kind = (f"--device={self.type}",) if self.type else ()
        return ("smartctl", "--json=c", "--all", "--nocheck=standby", *kind, self.path)  # one that sleeps isn't woken


@dataclass(frozen=True, slots=True)
class Disk:
    """What SMART says of a disk; None for what it doesn't."""

    device: Device
    model: str = ""
    serial_number: str = ""
    firmware_version: str = ""
    protocol: str = ""
    state: str | None = None
    """`ok`, `degraded`, `predicted_failure` or `failed`."""
    is_asleep: bool = False
    """Wasn't woken to be asked: what is known is from before."""
    size_bytes: int | None = None
    temperature_celsius: float | None = None
    power_on_hours: int | None = None
    endurance_used: float | None = None
    """0 to 1, and beyond, as a disk may live longer than its maker promised."""
    errors: Mapping[str, int] = field(default_factory=dict)
    """`corrected` and `uncorrected`."""
    smart: Mapping[str, float] = field(default_factory=dict)
    """Attribute to its value; ATA's also with `_normalized`."""
    error: str | None = None
    """Why nothing is known."""

    def asleep(self) -> Disk:
        """Return what was known when it went to sleep, but the temperature."""
        return replace(self, is_asleep=True, temperature_celsius=None)


def parse_scan(content: bytes) -> list[Device]:
    """Return the disks that `smartctl --scan` finds.

    Raises:
        ValueError: *content* is something else.
    """
    devices = []
    for one in _list(_loaded(content).get("devices")):
        path, kind = _text(one, "name"), _text(one, "type")
        if path.startswith("/"):
            devices.append(Device(path, "" if kind in _GUESSED_TYPES else kind))
    return devices


def parse_disk(content: bytes, device: Device) -> Disk:
    """Return what *content* says of *device*, with `error` if it says nothing.

    Raises:
        ValueError: *content* isn't what smartctl prints with --json.
    """
    document = _loaded(content)
    program = _object(document, "smartctl")
    messages = "; ".join(_text(one, "string") for one in _list(program.get("messages")))
    if "STANDBY" in messages or "SLEEP" in messages:
        return Disk(device, is_asleep=True)
    disk = Disk(
        device,
        model=_text(document, "model_name") or _text(document, "scsi_model_name"),
        serial_number=_text(document, "serial_number"),
        firmware_version=_text(document, "firmware_version") or _text(document, "scsi_revision"),
        protocol=_text(_object(document, "device"), "protocol"),
        state=_state(document, _integer(program, "exit_status") or 0),
        size_bytes=_integer(_object(document, "user_capacity"), "bytes") or _integer(document, "nvme_total_capacity"),
        temperature_celsius=_temperature(document),
        power_on_hours=_integer(_object(document, "power_on_time"), "hours"),
        endurance_used=_endurance_used(document),
        errors=dict(_errors(document)),
        smart=dict(_smart(document)),
    )
    is_known = disk.state or disk.size_bytes or disk.smart or disk.temperature_celsius is not None
    return disk if is_known else replace(disk, error=messages or "smartctl knows nothing of it")


def _state(document: Object, exit_status: int) -> str | None:
    passed = _object(document, "smart_status").get("passed")
    if not isinstance(passed, bool):
        return None  # a bridge that lets no SMART through: nothing is known, which isn't bad health
    warning = _integer(_object(document, "nvme_smart_health_information_log"), "critical_warning") or 0
    if warning & _READ_ONLY:
        return "failed"
    if exit_status & _PREFAILURE or warning & _FAILING or (not passed and not warning):
        return "predicted_failure"
    is_worn = any(_text(row, "when_failed") == "now" for row in _ata_attributes(document))
    return "degraded" if warning or is_worn or exit_status & _SELF_TEST_FAILED else "ok"


def _temperature(document: Object) -> float | None:
    celsius = _object(document, "temperature").get("current")
    # Sensors that aren't there say 0 Kelvin, or all bits.
    return celsius if isinstance(celsius, int | float) and -60 < celsius < 150 else None


def _endurance_used(document: Object) -> float | None:
    log = _object(document, "nvme_smart_health_information_log")
    for values, key in (
        (log, "percentage_used"),
        (_object(document, "endurance_used"), "current_percent"),
        (document, "scsi_percentage_used_endurance_indicator"),
    ):
        percent = _integer(values, key)
        if percent is not None:
            return percent / 100
    return None


def _errors(document: Object) -> Iterator[tuple[str, int]]:
    media = _integer(_object(document, "nvme_smart_health_information_log"), "media_errors")
    if media is not None:
        yield "uncorrected", media
    for row in _ata_attributes(document):
        count = _integer(_object(row, "raw"), "value")
        if row.get("id") == _REPORTED_UNCORRECTABLE and count is not None:
            yield "uncorrected", count
    log = _object(document, "scsi_error_counter_log")
    for kind, key in (("corrected", "total_errors_corrected"), ("uncorrected", "total_uncorrected_errors")):
        counts = [_integer(_object(log, operation), key) for operation in ("read", "write", "verify")]
        if any(count is not None for count in counts):
            yield kind, sum(count or 0 for count in counts)


def _smart(document: Object) -> Iterator[tuple[str, float]]:
    rows = list(_ata_attributes(document))
    names = [_text(row, "name") for row in rows]
    for row, name in zip(rows, names, strict=True):
        # What the database doesn't know is called Unknown_Attribute, all of it.
        unique = name if names.count(name) == 1 else f"{name}_{row.get('id')}"
        raw, normalized = _integer(_object(row, "raw"), "value"), _integer(row, "value")
        if raw is not None:
            yield unique, raw
        if normalized is not None:
            yield f"{unique}_normalized", normalized
    log = _object(document, "nvme_smart_health_information_log")
    for name in log:
        value = _integer(log, name)
        if value is not None and name != "temperature":
            yield _writable(name), value
    defects = _integer(document, "scsi_grown_defect_list")
    if defects is not None:
        yield "scsi_grown_defect_list", defects


def _ata_attributes(document: Object) -> Iterator[Object]:
    return (row for row in _list(_object(document, "ata_smart_attributes").get("table")) if _text(row, "name"))


def _loaded(content: bytes) -> Object:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"smartctl: expected JSON (smartmontools 7.0 or later), got {content[:40]!r}") from error
    if isinstance(document, dict):
        return document
    raise ValueError(f"smartctl: expected an object, got {content[:40]!r}")


def _object(document: Object, key: str) -> Object:
    value = document.get(key)
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Object]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _text(document: Object, key: str) -> str:
    value = document.get(key)
    return _writable(value) if isinstance(value, str) else ""


def _writable(text: str) -> str:
    # A lone surrogate can be written in JSON, and in nothing that we write.
    return text.encode("utf-8", "replace").decode()


def _integer(document: Object, key: str) -> int | None:
    value = document.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**128 else None
