"""Session events as log records, through either door: straight into a storage, or through a standard logger."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime

from otel_bitacora.domain.events import Duration, SessionEvent

from .entry import LogEntry
from .level import LogLevel
from .names import EVENT_ID, EVENT_NAME_EXTRA, PROMOTED, SESSION_ID
from .protobuf import Plain
from .safe import plain

LOGGER = "otel_bitacora.session"
"""The logger through which events go when a program tells them."""

SPARK_ID = "bitacora.spark.id"
DURATION = "bitacora.{}.duration"
"""How long the session or the action took, in seconds."""

_EVENTS = uuid.UUID("2f0d2d1a-5b0c-4b7e-9d5e-0d1d3c1c8a57")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def event_extra(session_id: str, event: SessionEvent) -> dict[str, object]:
    """Return the `extra` for `logger.info(event.to_wire(), extra=…)`, so that the record is an event of its session."""
    attributes = event_attributes(session_id, event)
    return {EVENT_NAME_EXTRA: event.event_name, **attributes}


def event_id(session_id: str, event: SessionEvent) -> str:
    """Return what tells *event* from all others: its own `event_id` where it brings one, else a UUID of what it says.

    The same event, told twice or through both doors, has the same id.
    """
    given = event.unknown.get("event_id")
    said = given if isinstance(given, str) and given else json.dumps(event.to_wire(), sort_keys=True)
    return str(uuid.uuid5(_EVENTS, f"{session_id}\n{said}"))


def event_attributes(session_id: str, event: SessionEvent) -> Mapping[str, Plain]:
    """Return what an event says in attributes: its ids by their full names, those of a newer Bitacora too, and its length."""
    found: dict[str, Plain] = {SESSION_ID: session_id, EVENT_ID: event_id(session_id, event)}
    for key, name in PROMOTED.items():
        value = getattr(event, key, None) or event.unknown.get(key)
        if value and name != SESSION_ID:
            found[name] = str(value)
    if (spark_id := getattr(event, "spark_id", None)) is not None:
        found[SPARK_ID] = spark_id
    if isinstance(length := getattr(event, "duration", None), Duration):
        found[DURATION.format(event.event_name.split(".")[1])] = length.seconds
    return found


def event_entry(session_id: str, event: SessionEvent) -> LogEntry:
    """Return the record of *event*, which holds the event itself as its body."""
    happened = (event.timestamp - _EPOCH) // _MICROSECOND * 1000
    return LogEntry(
        timestamp_unix_nano=max(happened, 0),
        observed_unix_nano=time.time_ns(),
        severity_number=LogLevel.INFO,
        severity_text=LogLevel.INFO.name,
        body=plain(event.to_wire()),
        attributes=event_attributes(session_id, event),
        event_name=event.event_name,
        logger=LOGGER,
    )


_MICROSECOND = datetime.resolution
