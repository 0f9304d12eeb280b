"""Batteries, as the kernel describes them in one file each."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .contract import Attributes, Reading

_KEY = "POWER_SUPPLY_"
_INTEGER = re.compile(r"-?\d{1,18}")
_LONGEST_SECONDS = 30 * 86_400  # a battery that hardly discharges would last for years


@dataclass(frozen=True, slots=True)
class Battery:
    """A battery of the host itself, or its UPS; None for what the driver doesn't tell."""

    name: str
    status: str
    """The kernel's word: Charging, Discharging, Full, Not charging, Unknown."""
    charge: float | None
    """0 to 1."""
    power_watts: float | None
    """What goes into or comes out of it."""
    time_left_seconds: float | None
    """Until it is empty when it discharges, until it is full when it charges."""
    health: float | None
    """What it holds when full, as a share of what it held when it was new."""
    cycles: int | None
    model: str
    vendor: str
    chemistry: str

    @property
    def attributes(self) -> Attributes:
        """What identifies and describes it."""
        described = {"hw.model": self.model, "hw.vendor": self.vendor, "hw.battery.chemistry": self.chemistry}
        return {"hw.id": self.name, **{key: value for key, value in described.items() if value}}

    def readings(self) -> tuple[Reading, ...]:
        """Return nothing: its values are readings of the collector."""
        return ()


def from_psutil(psutil: Any) -> Battery | None:
    """Return the battery, of which psutil says little; None without one, or where it knows of none."""
    try:
        found = psutil.sensors_battery()
    except (AttributeError, NotImplementedError, OSError, RuntimeError):
        return None
    if found is None:
        return None
    charge = min(max(found.percent, 0), 100) / 100
    # On the mains it may charge or not, which isn't told.
    status = "Discharging" if found.power_plugged is False else "Full" if charge == 1 else "Unknown"
    seconds = float(found.secsleft) if status == "Discharging" and found.secsleft >= 0 else None
    return Battery(
        name="battery",
        status=status,
        charge=charge,
        power_watts=None,
        time_left_seconds=seconds if seconds is not None and seconds <= _LONGEST_SECONDS else None,
        health=None,
        cycles=None,
        model="",
        vendor="",
        chemistry="",
    )


def parse_uevent(content: bytes, name: str) -> Battery | None:
    """Return the battery that *content* describes; None for a charger, a bay without one, and one of a mouse.

    Raises:
        ValueError: a line isn't KEY=value.

    Source: /sys/class/power_supply/NAME/uevent, in µWh and µW or, by the driver, µAh, µA and µV.
    """
    values: dict[str, str] = {}
    for line in content.decode("utf-8", "replace").split("\n"):
        key, equals, value = line.partition("=")
        if line and not equals:
            raise ValueError(f"/sys/class/power_supply/{name}/uevent: expected KEY=value, got {line[:40]!r}")
        values[key.removeprefix(_KEY)] = value.strip()
    if values.get("TYPE", "Battery") not in ("Battery", "UPS") or values.get("SCOPE") == "Device":
        return None
    is_battery = "STATUS" in values or "CAPACITY" in values
    return _battery(values, name) if is_battery and values.get("PRESENT") != "0" else None


def _battery(values: Mapping[str, str], name: str) -> Battery:
    number = _numbers(values)
    status = values.get("STATUS", "Unknown")
    full, new = _first(number, "ENERGY_FULL", "CHARGE_FULL"), _first(number, "ENERGY_FULL_DESIGN", "CHARGE_FULL_DESIGN")
    return Battery(
        name=name,
        status=status,
        charge=_charge(number),
        power_watts=_watts(number),
        time_left_seconds=_time_left(number, status),
        health=full / new if full and new else None,
        cycles=cycles if (cycles := number("CYCLE_COUNT")) and cycles > 0 else None,  # 0: the driver doesn't know
        model=values.get("MODEL_NAME", ""),
        vendor=values.get("MANUFACTURER", ""),
        chemistry=values.get("TECHNOLOGY", "").replace("Unknown", ""),
    )


Number = Callable[[str], int | None]


def _numbers(values: Mapping[str, str]) -> Number:
    def number(key: str) -> int | None:
        text = values.get(key, "")
        return int(text) if _INTEGER.fullmatch(text) and text.isascii() else None

    return number


def _first(number: Number, *keys: str) -> int | None:
    return next((value for key in keys if (value := number(key)) is not None and value >= 0), None)


def _charge(number: Number) -> float | None:
    percent = number("CAPACITY")
    if percent is not None:
        return min(max(percent, 0), 100) / 100
    now, full = _first(number, "ENERGY_NOW", "CHARGE_NOW"), _first(number, "ENERGY_FULL", "CHARGE_FULL")
    return min(now / full, 1.0) if now is not None and full else None


def _watts(number: Number) -> float | None:
    # Some drivers say which way it flows by the sign.
    power, current, voltage = number("POWER_NOW"), number("CURRENT_NOW"), number("VOLTAGE_NOW")
    if power is not None:
        return abs(power) / 1e6
    return abs(current) / 1e6 * abs(voltage) / 1e6 if current is not None and voltage is not None else None


def _time_left(number: Number, status: str) -> float | None:
    told = {"Charging": "TIME_TO_FULL_NOW", "Discharging": "TIME_TO_EMPTY_NOW"}.get(status)
    if told is None:
        return None
    seconds = float(told_seconds) if (told_seconds := _first(number, told)) else None
    for now_key, full_key, rate_key in (
        ("ENERGY_NOW", "ENERGY_FULL", "POWER_NOW"),
        ("CHARGE_NOW", "CHARGE_FULL", "CURRENT_NOW"),
    ):
        now, full, rate = _first(number, now_key), _first(number, full_key), abs(number(rate_key) or 0)
        if seconds is None and now is not None and rate and (full is not None or status == "Discharging"):
            seconds = max(0, now if status == "Discharging" else (full or 0) - now) / rate * 3600
    return seconds if seconds is not None and seconds <= _LONGEST_SECONDS else None
