"""What was generated, counted while it was made: the answers that whatever reads the records has to find."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from otel_bitacora.domain.events import ActionStarted, SessionPaused, SparkCaptured, TopicChanged
from otel_bitacora.reporter.core.level import LogLevel
from otel_bitacora.reporter.core.session_events import LOGGER as EVENT_LOGGER

from .bound import Bound, Facts, Item, Whole, duration_of, what_of
from .incidents import Incident
from .person import PROJECT, PersonDay
from .plan import MINUTE_NS, Plan
from .shapes import DURATION
from .symptoms import EVIDENCE

VERSION = 1


@dataclass
class Minute:
    """What the records of one minute, of all developers, come to."""

    records: int = 0
    errors: int = 0
    timed: int = 0
    duration_us: int = 0
    longest_us: int = 0


@dataclass
class Manifest:
    """Counts records as they are made; `document` is the sum."""

    plan: Plan
    incidents: Iterable[Incident] = ()
    _facts: Counter[Facts] = field(default_factory=Counter)
    _minutes: dict[int, Minute] = field(default_factory=lambda: defaultdict(Minute))
    _evidence: Counter[tuple[Incident, str]] = field(default_factory=Counter)
    _people: Counter[str] = field(default_factory=Counter)
    _sessions: dict[str, dict[str, Any]] = field(default_factory=dict)
    records: int = 0

    def count(self, person: PersonDay, minute_ns: int, items: list[Item], incidents: Iterable[Incident]) -> None:
        """Take note of the records of one developer's minute, in which *incidents* were going on."""
        what: Counter[Bound | Whole] = Counter(map(what_of, items))
        minute = self._minutes[minute_ns]
        minute.records += len(items)
        self.records += len(items)
        self._people[person.developer.host] += len(items)
        minute.duration_us += sum(map(duration_of, items))
        minute.longest_us = max(minute.longest_us, *map(duration_of, items))
        for one, times in what.items():
            self._facts[one.facts] += times
            minute.timed += times * one.is_timed
            minute.errors += times * (one.severity >= LogLevel.ERROR)
            if one.tag:
                for incident in incidents:
                    if one.tag in EVIDENCE[incident.kind]:
                        self._evidence[incident, one.tag] += times

    @property
    def errors(self) -> int:
        """How many records are of ERROR or above."""
        return sum(minute.errors for minute in self._minutes.values())

    def end_session(self, person: PersonDay) -> None:
        """Take note of a session that is over."""
        self._sessions[person.story.session_id] = _session(person)

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it; reporter/dev/README.md says what each key means."""
        moments = sorted(self._minutes)
        return {
            "version": VERSION,
            "plan": _plan(self.plan),
            "records": self.records,
            "errors": self.errors,
            "first_minute": _text(moments[0]) if moments else None,
            "last_minute": _text(moments[-1]) if moments else None,
            "by_level": self._totals("level"),
            "by_logger": self._totals("logger"),
            "by_session": self._totals("session"),
            "by_event": self._totals("event"),
            "by_exception": self._totals("exception"),
            "by_host": _sorted(self._people),
            "duration_attribute": DURATION,
            "minutes": [_minute(moment, self._minutes[moment]) for moment in moments],
            "sessions": {key: self._with_levels(key, said) for key, said in sorted(self._sessions.items())},
            "incidents": [self._incident(incident) for incident in self.incidents],
        }

    def to_json(self) -> bytes:
        """Return the document, the same bytes for the same plan, with a line break at its end."""
        return orjson.dumps(self.document(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)

    def _totals(self, name: str) -> dict[str, int]:
        found: Counter[str] = Counter()
        for facts, times in self._facts.items():
            if value := getattr(facts, name):
                found[value] += times
        return _sorted(found)

    def _with_levels(self, session_id: str, said: dict[str, Any]) -> dict[str, Any]:
        levels: Counter[str] = Counter()
        for facts, times in self._facts.items():
            if facts.session == session_id and facts.logger != EVENT_LOGGER:
                levels[facts.level] += times
        return {**said, "records_by_level": _sorted(levels)}

    def _incident(self, incident: Incident) -> dict[str, Any]:
        midnight = self.plan.midnight_ns(incident.day)
        since, until = (_text(midnight + minute * MINUTE_NS) for minute in (incident.first, incident.end))
        within = f"resource.host.name={incident.developer.host} since={since} until={until}"
        return {
            "kind": incident.kind.value,
            "user": incident.developer.name,
            "host": incident.developer.host,
            "since": since,
            "until": until,
            "evidence": [
                {"query": f"{query} {within}", "records": self._evidence[incident, tag]}
                for tag, query in EVIDENCE[incident.kind].items()
            ],
        }


def _session(person: PersonDay) -> dict[str, Any]:
    events, story = person.events, person.story
    started, ended = events[0].timestamp, events[-1].timestamp
    kinds = Counter(event.action_type.value for event in events if isinstance(event, ActionStarted))  # type: ignore[union-attr]  # ours all have a type
    paused = 60 * sum(end - first for first, end in story.pauses)
    return {
        "user": person.developer.name,
        "project": PROJECT,
        "host": person.developer.host,
        "started_at": _text(_nanoseconds(started)),
        "ended_at": _text(_nanoseconds(ended)),
        "duration_seconds": (ended - started).total_seconds(),
        "paused_seconds": paused,
        "pauses": sum(isinstance(event, SessionPaused) for event in events),
        "events": len(events),
        "actions": sum(kinds.values()),
        "actions_by_type": _sorted(kinds),
        "sparks": sum(isinstance(event, SparkCaptured) for event in events),
        "topic_changes": sum(isinstance(event, TopicChanged) for event in events),
    }


def _plan(plan: Plan) -> dict[str, Any]:
    return {
        "seed": plan.seed,
        "days": [day.isoformat() for day in plan.dates],
        "developers": [person.name for person in plan.people],
        "rate": float(plan.rate),
        "incidents": [kind.value for kind in plan.incidents],
        "pathological": plan.pathological,
    }


def _minute(moment: int, minute: Minute) -> dict[str, Any]:
    return {
        "start": _text(moment),
        "records": minute.records,
        "errors": minute.errors,
        "timed": minute.timed,
        "duration_us": minute.duration_us,
        "longest_us": minute.longest_us,
    }


def _text(moment_ns: int) -> str:
    """Return RFC 3339 in UTC, with a fraction where there is one."""
    moment = datetime.fromtimestamp(moment_ns // 10**9, UTC).replace(microsecond=moment_ns // 1000 % 10**6)
    return moment.isoformat().replace("+00:00", "Z")


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * 10**9 + moment.microsecond * 1000


def _sorted(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the counts, the largest first."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
