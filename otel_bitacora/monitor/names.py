"""OpenTelemetry names as Prometheus spells them, exactly as `opentelemetry-exporter-prometheus` does."""

from __future__ import annotations

import re
from functools import cache

from bitacora_collectors.contract import Kind, Metric

# UCUM to the words that Prometheus wants. `1` and annotations in braces have none.
_UNITS = {
    "d": "days",
    "h": "hours",
    "min": "minutes",
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
    "By": "bytes",
    "KiBy": "kibibytes",
    "MiBy": "mebibytes",
    "GiBy": "gibibytes",
    "TiBy": "tibibytes",
    "KBy": "kilobytes",
    "MBy": "megabytes",
    "GBy": "gigabytes",
    "TBy": "terabytes",
    "m": "meters",
    "V": "volts",
    "A": "amperes",
    "J": "joules",
    "W": "watts",
    "g": "grams",
    "Cel": "celsius",
    "Hz": "hertz",
    "1": "",
    "%": "percent",
}
_PER = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week", "mo": "month", "y": "year"}
_ANNOTATION = re.compile(r"\{[^}]*\}")
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9:]+")
_NOT_IN_LABELS = re.compile(r"[^a-zA-Z0-9]+")


@cache
def family_name(metric: Metric) -> str:
    """Return the name of the family in Prometheus, without a counter's `_total`: `system.cpu.time` in `s`
    becomes `system_cpu_time_seconds`.
    """
    name = _leading(_NOT_IN_NAMES.sub("_", metric.name))
    # A counter's `total` and unit may already be there: neither is doubled.
    if metric.kind is Kind.COUNTER:
        name = name.removesuffix("_total")
    unit = unit_name(metric.unit)
    return f"{name}_{unit}" if unit and not name.endswith("_" + unit) else name


@cache
def sample_name(metric: Metric) -> str:
    """Return the name that the samples carry: a counter's ends in `_total`."""
    name = family_name(metric)
    return f"{name}_total" if metric.kind is Kind.COUNTER else name


@cache
def unit_name(unit: str) -> str:
    """Return the suffix for a UCUM *unit*; empty where there is none."""
    unit = _ANNOTATION.sub("", unit)
    amount, per, time = unit.partition("/")
    words = f"{_UNITS.get(amount, amount)}_per_{_PER.get(time, time)}" if per and time else _UNITS.get(unit, unit)
    return _NOT_IN_NAMES.sub("_", words).strip("_")


@cache
def label_name(key: str) -> str:
    """Return the label for an attribute *key*: `cpu.mode` becomes `cpu_mode`."""
    return _leading(_NOT_IN_LABELS.sub("_", key))


def _leading(name: str) -> str:
    return f"_{name[1:]}" if name[:1].isdigit() else name
