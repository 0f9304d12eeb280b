"""What Bitacora's first scripts kept: `.bitacora/records/{YYYYMMDD-HHMM}_{branch}.md`, a session each, as its events.

A line is `{YYYYMMDD-HHMM}_{action}: text`; `_session-start:` and `_session-end:` mark the session, and a line without a
time goes on with the text before.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

from otel_bitacora.domain.action import ACTION_TYPE
from otel_bitacora.domain.events import SessionEvent
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.names import BRANCH
from otel_bitacora.reporter.core.session_events import event_entry

RECORDS = Path(".bitacora", "records")
_UNKNOWN_USER = "unknown"  # as Bitacora itself says
_NAME = re.compile(r"(\d{8}-\d{4})_(.+)\.md")
_LINE = re.compile(r"[\s*-]*(\d{8}-\d{4})_([A-Za-z][\w-]*):\s*(.*)")
_SESSIONS = uuid.UUID("6a1d6f0c-3f0e-4a8e-8d65-5c1b6f9a2b11")
_EVENTS_OF_A_LINE = 4  # at most; numbers of a uid lie so far apart


@dataclass(frozen=True, slots=True)
class _Line:
    moment: datetime
    action: str
    text: str
    offset: int


class LegacyRecords:
    """A `LogCollector` of the records below *directory*: a project, its `.bitacora`, or the `records` in there.

    Times are those of *zone*, which the scripts didn't write down; None is this machine's. The same file gives the same uids.
    """

    def __init__(self, directory: Path, *, zone: tzinfo | None = None) -> None:
        self.directory = _records_below(directory)
        self._zone = zone

    def files(self) -> list[Path]:
        """Return the files of sessions, the oldest first."""
        return sorted(path for path in self.directory.glob("*.md") if _NAME.fullmatch(path.name) and path.is_file())

    def collect(self, write: Callable[[LogEntry], None]) -> None:
        """Pass the events of every session to *write*.

        Raises:
            OSError: a file can't be read.
        """
        for path in self.files():
            for entry in self._entries(path):
                write(entry)

    def _entries(self, path: Path) -> Iterator[LogEntry]:
        name = _NAME.fullmatch(path.name)
        assert name is not None
        raw = path.read_bytes()
        lines = list(_lines(raw, self._zone))
        first = raw.partition(b"\n")[0]
        identity = hashlib.blake2b(path.name.encode() + b"\n" + first, digest_size=16).hexdigest()
        session = _Session(path.stem, _moment(name[1], self._zone))
        for line in lines:
            for number, event in enumerate(session.events(line)):
                entry = event_entry(event.session_id, event)
                yield entry.replace(
                    uid=f"{identity}-{line.offset * _EVENTS_OF_A_LINE + number:016x}",
                    attributes={BRANCH: name[2], **entry.attributes, "log.file.name": path.name},
                    resource={"service.name": "bitacora"},
                )


class _Session:
    """Follows the lines of one file; a second start begins another session."""

    def __init__(self, stem: str, opened: datetime | None) -> None:
        self._stem = stem
        self._count = 0
        self._started = opened
        self._is_open = False

    def events(self, line: _Line) -> Iterator[SessionEvent]:
        if line.action == "session-start":
            self._count += self._is_open
            yield from self._start(line, line.text)
            return
        if not self._is_open:
            yield from self._start(line, None)
        if line.action == "session-end":
            yield from self._end(line)
        else:
            action_id = str(uuid.uuid5(_SESSIONS, f"{self._stem}\n{line.offset}"))
            said = {"action_id": action_id, "action_type": str(ACTION_TYPE.read(line.action)), "description": line.text}
            yield self._event("ActionRecorded", line, **said)

    def _start(self, line: _Line, text: str | None) -> Iterator[SessionEvent]:
        self._started, self._is_open = line.moment, True
        yield self._event("SessionCreated", line, user_id=_UNKNOWN_USER, description=text or None)
        yield self._event("SessionStarted", line)

    def _end(self, line: _Line) -> Iterator[SessionEvent]:
        seconds = 0 if self._started is None else max(0, int((line.moment - self._started).total_seconds()))
        yield self._event("SessionEnded", line, duration={"secs": seconds, "nanos": 0}, summary=line.text or None)
        self._is_open = False
        self._count += 1

    def _event(self, kind: str, line: _Line, **said: Any) -> SessionEvent:
        session_id = str(uuid.uuid5(_SESSIONS, f"{self._stem}\n{self._count}" if self._count else self._stem))
        return SessionEvent.from_wire({kind: {"session_id": session_id, "timestamp": line.moment.isoformat(), **said}})


def _records_below(directory: Path) -> Path:
    for below in (RECORDS, Path(RECORDS.name)):
        if (directory / below).is_dir():
            return directory / below
    return directory


def _lines(raw: bytes, zone: tzinfo | None) -> Iterator[_Line]:
    """Yield the lines that begin with a time, each with what follows it up to the next one."""
    offset, current = 0, None
    for data in raw.split(b"\n"):
        text = data.decode("utf-8", "replace").rstrip()
        match = _LINE.fullmatch(text)
        moment = _moment(match[1], zone) if match else None
        if match and moment is not None:
            if current is not None:
                yield current
            current = _Line(moment, match[2].lower(), match[3], offset)
        elif current is not None and text.strip():
            current = _Line(current.moment, current.action, f"{current.text}\n{text}".lstrip("\n"), current.offset)
        offset += len(data) + 1
    if current is not None:
        yield current


def _moment(text: str, zone: tzinfo | None) -> datetime | None:
    try:
        moment = datetime.strptime(text, "%Y%m%d-%H%M")  # noqa: DTZ007  # the zone comes below
    except ValueError:
        return None
    return moment.replace(tzinfo=zone) if zone else moment.astimezone()
