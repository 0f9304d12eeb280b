"""The column of times: of the clock, since the first record, or since the one before."""

from __future__ import annotations

import functools
from datetime import datetime, tzinfo
from typing import Literal, TypeAlias, get_args

TimeStyle: TypeAlias = Literal["absolute", "relative", "delta"]

_WIDTHS = {"absolute": 23, "relative": 13, "delta": 13}
_SECOND_NS = 1_000_000_000


class TimeColumn:
    """Renders one moment after the other, each in the same number of cells.

    Raises:
        ValueError: there is no such style.
    """

    def __init__(self, style: str = "absolute", timezone: tzinfo | None = None) -> None:
        if style not in _WIDTHS:
            raise ValueError(f"time = {style!r}: must be one of {', '.join(get_args(TimeStyle))}")
        self._style = style
        self._width = _WIDTHS[style]
        self._second = functools.lru_cache(maxsize=64)(functools.partial(_second_text, timezone))
        self._first = self._last = 0

    def text(self, unix_nano: int) -> str:
        """Return the moment; `-` where there is none, which is 0."""
        if not unix_nano:
            return f"{'-':>{self._width}}"
        if self._style == "absolute":
            seconds, rest = divmod(unix_nano, _SECOND_NS)
            return f"{self._second(seconds)}.{rest // 1_000_000:03d}"
        self._first = self._first or unix_nano
        since = unix_nano - (self._first if self._style == "relative" else self._last or unix_nano)
        self._last = unix_nano
        shown = _clock(since) if self._style == "relative" else f"{since / _SECOND_NS:+.6f}"
        return f"{shown:>{self._width}}"


def _second_text(timezone: tzinfo | None, seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, timezone).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):  # a year beyond 9999
        return f"@{seconds:<18}"


def _clock(nanoseconds: int) -> str:
    milliseconds = abs(nanoseconds) // 1_000_000
    seconds, millisecond = divmod(milliseconds, 1000)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    return f"{'-' if nanoseconds < 0 else '+'}{hours}:{minute:02}:{second:02}.{millisecond:03}"
