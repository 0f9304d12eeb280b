"""Moments as people write them: `-2h`, `14:30`, `2026-01-02`, `2026-01-02T14:30:00Z`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta

_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}
_AGO = re.compile(r"-((?:\d+(?:\.\d+)?(?:ms|min|s|m|h|d|w))+)")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|min|s|m|h|d|w)")
_CLOCK = re.compile(r"\d\d?:\d\d(?::\d\d)?")
_ALLOWED = "use -2h, -30m or -1d12h, 14:30 (today), 2026-01-02, 2026-01-02T14:30:00Z, or now"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_moment(text: str, *, now_ns: int) -> int:
    """Return nanoseconds since 1970; what has no offset is in local time.

    Raises:
        ValueError: it isn't a moment; the message says what is.
    """
    if text == "now":
        return now_ns
    if ago := _AGO.fullmatch(text):
        seconds = sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(ago[1]))
        return max(now_ns - round(seconds * 1e9), 0)
    try:
        moment = _today_at(text, now_ns) if _CLOCK.fullmatch(text) else datetime.fromisoformat(text)
        return max((moment.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1) * 1000, 0)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is no moment: {_ALLOWED}") from error


def _today_at(clock: str, now_ns: int) -> datetime:
    today = datetime.fromtimestamp(now_ns / 1e9).astimezone()
    hour, minute, second = map(int, [*clock.split(":"), "0"][:3])
    return datetime.combine(today.date(), time(hour, minute, second)).astimezone()
