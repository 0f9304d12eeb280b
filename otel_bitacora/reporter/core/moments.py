"""Moments as people write them: `-2h`, `14:30`, `2026-01-02`, `2026-01-02T14:30:00Z`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from fractions import Fraction

_UNITS_NS = {
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "min": 60 * 10**9,
    "h": 3600 * 10**9,
    "d": 86_400 * 10**9,
    "w": 604_800 * 10**9,
}
_AGO = re.compile(r"-((?:\d{1,18}(?:\.\d{1,18})?(?:ms|min|s|m|h|d|w))+)", re.ASCII)
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|min|s|m|h|d|w)", re.ASCII)
_CLOCK = re.compile(r"\d\d?:\d\d(?::\d\d)?", re.ASCII)
_BELOW_MICROSECONDS = re.compile(r"(:\d\d[.,]\d{6})(\d{1,3})\d*", re.ASCII)
_ALLOWED = "use -2h, -30m or -1d12h, 14:30 (today), 2026-01-02, 2026-01-02T14:30:00Z, or now"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_moment(text: str, *, now_ns: int) -> int:
    """Return nanoseconds since 1970, exactly as written; what has no offset is in local time.

    Raises:
        ValueError: it isn't a moment; the message says what is.
    """
    if text == "now":
        return now_ns
    if ago := _AGO.fullmatch(text):
        return max(now_ns - round(sum(Fraction(number) * _UNITS_NS[unit] for number, unit in _PART.findall(ago[1]))), 0)
    try:
        moment = _today_at(text, now_ns) if _CLOCK.fullmatch(text) else datetime.fromisoformat(text)
        microseconds = (moment.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is no moment: {_ALLOWED}") from error
    finer = _BELOW_MICROSECONDS.search(text)  # a datetime cuts them off; `logs query --json` prints them
    return max(microseconds * 1000 + (int(finer[2].ljust(3, "0")) if finer else 0), 0)


def _today_at(clock: str, now_ns: int) -> datetime:
    today = datetime.fromtimestamp(now_ns // 10**9, UTC).astimezone()
    hour, minute, second = map(int, [*clock.split(":"), "0"][:3])
    return datetime.combine(today.date(), time(hour, minute, second)).astimezone()
