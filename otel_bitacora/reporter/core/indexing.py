"""What the journal's index says of a record: its severity, its session and logger, and its time, as they are in its bytes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from . import mapping
from .context import CURRENT, NOTHING
from .entry import LogEntry
from .journal.index import IndexKey
from .names import SESSION_ID
from .safe import Copy, Limits, NoCleaner, describe, short_text

IndexRow = tuple[int, IndexKey, int]
"""Severity number, (session, logger), nanoseconds since 1970."""

_CACHED = 4096
_LATEST_SECONDS = 1e10


class Indexer:
    """Remembers what it has seen: an index that lacked a record's session would hide the record from queries."""

    def __init__(self) -> None:
        self._severities: dict[int, int] = {}
        self._keys: dict[IndexKey, IndexKey] = {}

    def of_record(self, fields: dict[str, Any]) -> IndexRow:
        """Return the row of a record that is logged here and now."""
        level, created, name = fields.get("levelno"), fields.get("created"), fields.get("name")
        session = fields.get("session_id")
        if session is None or SESSION_ID in fields:
            session = _session(fields)
        if type(session) is str and type(name) is str:
            key = self._keys.get((session, name)) or self._key(session, name)
        else:
            key = _as_text(session, name)
        if type(created) is float and 1 <= created < _LATEST_SECONDS:
            time_ns = int(created * 1e9)
        else:
            time_ns = mapping.timestamp(fields, time.time_ns())
        severity = self._severities.get(level) if type(level) is int else None
        return self._severity(fields) if severity is None else severity, key, time_ns

    def _severity(self, fields: dict[str, Any]) -> int:
        number = mapping.severity(fields)["severity_number"]
        if type(fields.get("levelno")) is int and len(self._severities) < _CACHED:
            self._severities[fields["levelno"]] = number
        return number

    def _key(self, session: str, name: str) -> IndexKey:
        if len(self._keys) >= _CACHED:
            self._keys.clear()
        key = self._keys[session, name] = _as_text(session, name)
        return key


def of_entry(entry: LogEntry) -> IndexRow:
    """Return the row of an entry of whatever origin.

    Raises:
        TypeError: a field isn't what `LogEntry` says; an index with it couldn't be written, nor any record after it.
    """
    if not isinstance(entry.logger, str):
        raise TypeError(f"logger is {entry.logger!r}, not text")
    return (
        min(max(entry.severity_number, 0), 24),
        (entry.session_id, entry.logger),
        entry.timestamp_unix_nano or entry.observed_unix_nano,
    )


def _session(fields: Mapping[str, Any]) -> object:
    """Return the session that the record's attributes will say: of its extras the last that is one, else the context's."""
    if "session_id" in fields or SESSION_ID in fields:
        said = [fields[key] for key in fields if key in ("session_id", SESSION_ID)]
        said = [value for value in said if value is not None]
        if said:
            return said[-1]
    bound = CURRENT.get()
    return "" if bound is NOTHING else bound.attributes.get(SESSION_ID, "")


def _as_text(session: object, name: object) -> IndexKey:
    text = session if type(session) is str else describe(session)
    return str(Copy(Limits(), NoCleaner()).of(text)), short_text(name or "")
