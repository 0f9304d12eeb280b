"""One record as one line of text that is safe on any terminal: whatever is in it, n records are n lines."""

from __future__ import annotations

import functools
import re

from . import names
from .entry import LogEntry
from .otlp import json_value
from .printable import printable
from .protobuf import Plain
from .record_json import dumped, timestamp_text

LEFT_OUT = frozenset(
    {
        names.CODE_FILE_PATH,
        names.CODE_FUNCTION_NAME,
        names.CODE_LINE_NUMBER,
        names.THREAD_ID,
        names.THREAD_NAME,
        names.MESSAGE_TEMPLATE,
    }
)
"""Attributes of nearly every record that say where it was made: --json has them."""

_BARE = re.compile(r"[^\s\"'=\\]+")
_MICROSECONDS = 26


def plain_line(entry: LogEntry) -> str:
    """Return time (UTC), level, logger, message and attributes of *entry*, without a line break."""
    moment = timestamp_text(entry.timestamp_unix_nano or entry.observed_unix_nano)
    level = entry.severity_text or entry.level.name
    parts = [f"{moment[:_MICROSECONDS]}Z" if moment else "-", f"{printable(level):<5}", printable(entry.logger) or "-"]
    if message := printable(entry.message):
        parts.append(message)
    parts += [f"{key_text(key)}={value_text(value)}" for key, value in entry.attributes.items() if key not in LEFT_OUT]
    return " ".join(parts)


@functools.lru_cache(maxsize=1024)
def key_text(key: str) -> str:
    """Return *key* as text that can't pass for more than one key."""
    return key if key.isprintable() and _BARE.fullmatch(key) else printable(dumped(key).decode())


def value_text(value: Plain) -> str:
    """Return *value* bare where that is one word, else as JSON on one line."""
    if isinstance(value, str) and value.isprintable() and _BARE.fullmatch(value):
        return value
    if isinstance(value, bool | int | float):
        return str(value).lower()
    return printable(dumped(json_value(value)).decode())
