"""Events as people and programs tell them: by name with what they need, or as Bitacora's JSON, one a line."""

from __future__ import annotations

import difflib
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, fields
from datetime import UTC, datetime

from otel_bitacora.domain.events import EVENTS, SessionEvent
from otel_bitacora.domain.wire import folded
from otel_bitacora.errors import SessionError, WireError

_MADE_UP = ("action_id", "spark_id")
"""Ids that the one who tells may leave to us."""


def event_by_name(
    name: str,
    session_id: str,
    said: Mapping[str, str],
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> SessionEvent:
    """Return the event that *name* names, in any spelling, with what is *said* of it, as of now.

    Raises:
        SessionError: there is no such event, it needs more, or something was said that it doesn't have.
    """
    kind = EVENTS.get(folded(name))
    if kind is None:
        near = difflib.get_close_matches(name, [one.__name__ for one in EVENTS.values()], n=1)
        hint = f"did you mean {near[0]}?" if near else "there are " + ", ".join(one.__name__ for one in EVENTS.values())
        raise SessionError(f"no event {name!r}; {hint}")
    known = {each.name for each in fields(kind) if "codec" in each.metadata}
    # What was done is asked for, though Bitacora's event has no place for it: kept as it keeps what it doesn't know.
    data = {**said, "session_id": session_id, "timestamp": clock().isoformat().replace("+00:00", "Z")}
    for key in _MADE_UP:
        if key in known:
            data.setdefault(key, str(uuid.uuid4()))
    beyond = sorted(set(said) - known - _MAY_BE_SAID_OF_ACTIONS) if "action_id" in known else sorted(set(said) - known)
    if beyond:
        raise SessionError(f"{kind.__name__} has no {', '.join(beyond)}: it takes {', '.join(sorted(known))}")
    missing = [each.name for each in fields(kind) if each.name in known - set(data) and each.default is MISSING]
    if missing:
        raise SessionError(f"{kind.__name__} needs {', '.join(missing)}")
    return SessionEvent.from_wire({kind.__name__: data})


_MAY_BE_SAID_OF_ACTIONS = {"action_type", "description"}


def events_from_lines(lines: Iterable[str]) -> list[SessionEvent]:
    """Return the events of JSON lines; blank ones are passed over.

    Raises:
        SessionError: a line holds none; it is named, and none of the lines counts.
    """
    found = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                found.append(SessionEvent.from_wire(line))
            except WireError as error:
                raise SessionError(f"line {number}: {error}") from error
    return found
