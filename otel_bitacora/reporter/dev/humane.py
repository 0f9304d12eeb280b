"""Numbers and ids as people read them; their keys say what they are."""

from __future__ import annotations

import functools
import re

from otel_bitacora.reporter.core.plain import value_text
from otel_bitacora.reporter.core.protobuf import Plain
from otel_bitacora.reporter.core.safe import cut

_ID = re.compile(r"[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}|[0-9a-f]{16}|[0-9a-f]{40}|[0-9a-f]{64}", re.IGNORECASE)
_ID_CHARS = 8
_SECONDS_PER = {
    "ns": 1e-9,
    "nanoseconds": 1e-9,
    "us": 1e-6,
    "microseconds": 1e-6,
    "ms": 1e-3,
    "millis": 1e-3,
    "milliseconds": 1e-3,
    "secs": 1.0,
    "seconds": 1.0,
    "duration": 1.0,  # OpenTelemetry's are in seconds
}
_SIZES = ("body.size", "request.size", "response.size", "file.size", "body_size", "file_size")
"""Sizes that are bytes, as OpenTelemetry's are; those of pools and batches aren't."""
_MOMENT = re.compile(r"time|unix|epoch|since")
_WORDS = re.compile(r"[._\-\s]+")


def attribute_text(key: str, value: Plain, limit: int) -> str:
    """Return *value* as text without blanks around it, of about *limit* characters at the most."""
    if type(value) is str:
        return short_id(value) or value_text(cut(value, limit))
    if type(value) is int or type(value) is float:
        kind = _kind(key)
        if isinstance(kind, float):
            return duration_text(value * kind)
        return bytes_text(value) if kind == "bytes" else value_text(value)
    return cut(value_text(value), limit)


def short_id(text: str) -> str:
    """Return `…` and the last eight digits of a UUID, a trace id, a digest; nothing of other text.

    The same id is shown the same everywhere. The end, because ids that begin with a time all begin alike.
    """
    if len(text) < 16 or not _ID.fullmatch(text):
        return ""
    return f"…{text[-_ID_CHARS:]}"


def duration_text(seconds: float) -> str:
    """Return a duration in the unit that suits it: `250µs`, `1.53s`, `2h03m`."""
    size = abs(seconds)
    if not size < float("inf"):
        return value_text(seconds)
    if size >= 59.95:  # what would be rounded up to 60.0s
        return _clock_text(round(seconds))
    for scale, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        # What would be rounded up to 1000 of a unit is 1 of the next.
        if size >= scale * 0.9995:
            return f"{seconds / scale:.3g}{unit}"
    return f"{seconds * 1e9:.3g}ns"


def _clock_text(seconds: int) -> str:
    sign = "-" if seconds < 0 else ""
    minutes, second = divmod(abs(seconds), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    if days:
        return f"{sign}{days}d{hour:02}h"
    return f"{sign}{hours}h{minute:02}m" if hours else f"{sign}{minute}m{second:02}s"


def bytes_text(count: float) -> str:
    """Return a number of bytes in the binary unit that leaves at most four digits: `1.5MiB`."""
    value = float(count) if abs(count) < 1e300 else float("inf")
    if not abs(value) < float("inf"):
        return value_text(count)
    if abs(value) < 1024:
        return f"{value:.4g}B"
    for unit in ("KiB", "MiB", "GiB", "TiB", "PiB"):
        value /= 1024
        if abs(value) < 1023.95 or unit == "PiB":
            return f"{value:.1f}{unit}"
    raise AssertionError  # the last unit takes all


@functools.lru_cache(maxsize=1024)
def _kind(key: str) -> float | str | None:
    """Return what the end of *key* says: seconds per unit, "bytes", or nothing."""
    folded = key.lower()
    last = _WORDS.split(folded)[-1]
    if last == "bytes" or folded.endswith(_SIZES):
        return "bytes"
    return None if _MOMENT.search(folded) else _SECONDS_PER.get(last)
