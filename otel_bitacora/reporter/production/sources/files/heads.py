"""What one line says: JSON as tracing-subscriber and others write it, or text with a time and a level at its head."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from otel_bitacora.reporter.core.level import LogLevel
from otel_bitacora.reporter.core.names import (
    CODE_FILE_PATH,
    CODE_LINE_NUMBER,
    PROMOTED,
    THREAD_ID,
    THREAD_NAME,
)
from otel_bitacora.reporter.core.protobuf import Plain

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:\s?(?:Z|[+-]\d\d:?\d\d))?"
_LEVEL = r"TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERR(?:OR)?|CRITICAL|FATAL"
# `2026-01-02T03:04:05.678Z  INFO span{id=1}: shop::orders: message`, as tracing-subscriber writes it by default.
_TRACING = re.compile(
    rf"(?P<time>\d{{4}}-\d\d-\d\dT[\d:.]+Z)\s+(?P<level>{_LEVEL})\s+(?:ThreadId\(\d+\)\s+)?"
    r"(?:(?:(?:[\w.-]+(?:\{[^{}]*\})?:)+\s)?(?P<logger>[A-Za-z_][\w.:-]*):\s)?(?P<message>.*)",
    re.DOTALL,
)
# `2026-01-02 03:04:05,678 - shop.orders - INFO - message` and its like.
_TEXT = re.compile(
    rf"\[?(?P<time>{_TIME})\]?[\s:-]*(?:(?:\[?(?P<logger>[A-Za-z_][\w.-]*)\]?[\s:-]+)?\[?(?P<level>{_LEVEL})\b\]?[\s:-]*)?"
    r"(?P<message>.*)",
    re.DOTALL,
)
_CRI = re.compile(rb"(\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)) (stdout|stderr) ([PF])(?::\S*)? ?(.*)", re.DOTALL)
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_FRACTION = re.compile(r"[.,](\d{1,9})")

# Names under which logs in JSON have the parts of a record, the first one found having the say.
_TIME_KEYS = ("timestamp", "@timestamp", "time", "ts")
_LEVEL_KEYS = ("level", "severity", "levelname", "log.level")
_MESSAGE_KEYS = ("message", "msg", "event", "body")
_LOGGER_KEYS = ("target", "logger", "logger_name", "name")
_PLACES = {
    "filename": CODE_FILE_PATH,
    "line_number": CODE_LINE_NUMBER,
    "threadName": THREAD_NAME,
    "threadId": THREAD_ID,
}


@dataclass(frozen=True, slots=True)
class Head:
    """What a record's first line says of it; 0 and empty for what it doesn't."""

    body: Plain
    timestamp_unix_nano: int = 0
    severity_number: int = 0
    severity_text: str = ""
    logger: str = ""
    attributes: Mapping[str, Plain] = field(default_factory=dict)
    is_whole: bool = False
    """Whether nothing that follows can belong to it."""

    @property
    def is_dated(self) -> bool:
        return self.timestamp_unix_nano > 0


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A line of a container's log, in the form of Kubernetes's CRI."""

    timestamp_unix_nano: int
    stream: str
    is_partial: bool
    data: bytes


def unwrap(data: bytes) -> Wrapped | None:
    """Return what a container runtime has written, None if it is none of its lines."""
    found = _CRI.fullmatch(data)
    if found is None:
        return None
    moment = parse_time(found[1].decode())
    return None if moment is None else Wrapped(moment, found[2].decode(), found[3] == b"P", found[4])


def head_of(text: str) -> Head:
    """Return what *text* says, however it is written; a line of no form is a body."""
    if text.startswith("{") and (found := _json(text)):
        return found
    text = _ANSI.sub("", text) if "\x1b" in text else text
    match = _TRACING.match(text) or _TEXT.match(text)
    moment = parse_time(match["time"]) if match else None
    if match is None or moment is None:
        return Head(text)
    level = match["level"] or ""
    return Head(match["message"], moment, _severity(level), level, match["logger"] or "")


def parse_time(text: str) -> int | None:
    """Return nanoseconds since 1970 of an ISO 8601 moment with up to nine digits of a second; without a zone it is local."""
    fraction = _FRACTION.search(text)
    whole = text if fraction is None else text[: fraction.start()] + text[fraction.end() :]
    try:
        moment = datetime.fromisoformat(whole.replace(" ", "T", 1).replace(" ", ""))
        seconds = (moment.astimezone(UTC) - _EPOCH) // timedelta(seconds=1)
    except (ValueError, OverflowError, OSError):
        return None
    return seconds * 10**9 + (int(fraction[1].ljust(9, "0")) if fraction else 0) if seconds > 0 else None


def _severity(level: str) -> int:
    try:
        return 21 if level.upper() in ("FATAL", "CRITICAL") else int(LogLevel.parse(level))
    except ValueError:
        return 0


def _json(text: str) -> Head | None:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(found, dict):
        return None
    fields = found.pop("fields", None)
    said: dict[str, Any] = {**found, **fields} if isinstance(fields, dict) else found
    moment, level = _taken(said, _TIME_KEYS), _taken(said, _LEVEL_KEYS)
    message, logger = _taken(said, _MESSAGE_KEYS), _taken(said, _LOGGER_KEYS)
    level = level if isinstance(level, str) else ""
    return Head(
        body=text if message is None and not said else message,
        timestamp_unix_nano=_moment(moment),
        severity_number=_severity(level),
        severity_text="WARN" if level.upper() == "WARNING" else level.upper(),
        logger=logger if isinstance(logger, str) else "",
        attributes=_attributes(said),
        is_whole=True,
    )


def _taken(said: dict[str, Any], names: tuple[str, ...]) -> Any:
    for name in names:
        if name in said:
            return said.pop(name)
    return None


def _moment(value: object) -> int:
    if isinstance(value, str):
        return parse_time(value) or 0
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1 << 33:
        return round(value * 10**9)  # seconds since 1970, as zap writes them
    return 0


def _attributes(said: dict[str, Any]) -> dict[str, Plain]:
    """Return what is left: ids under their full names, the fields of spans under `span.`, the innermost one's last."""
    attributes: dict[str, Plain] = {}
    spans = said.pop("spans", None) or []
    span = said.pop("span", None)
    for one in (*(spans if isinstance(spans, list) else ()), span):
        if isinstance(one, dict):
            attributes |= {PROMOTED.get(key) or f"span.{key}": _fitting(value) for key, value in one.items()}
    return attributes | {
        PROMOTED.get(key) or _PLACES.get(key) or key: _fitting(value) for key, value in said.items() if key
    }


def _fitting(value: Any) -> Plain:
    """Return *value*, an integer that OTLP has no room for as text."""
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        return str(value)
    if isinstance(value, dict):
        return {key: _fitting(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_fitting(item) for item in value]
    return value  # type: ignore[no-any-return]  # what JSON has beside these
