"""Records before they are bytes: a shape bound to what holds where it is logged, or an entry of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

from otel_bitacora.reporter.core import names
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.journal.index import IndexKey
from otel_bitacora.reporter.core.protobuf import Plain

from .shapes import Shape


class Facts(NamedTuple):
    """What the manifest counts records by; empty text where a record doesn't say."""

    level: str
    logger: str
    session: str
    event: str
    exception: str


def facts_of(entry: LogEntry) -> Facts:
    exception = entry.attributes.get(names.EXCEPTION_TYPE, "")
    return Facts(entry.level.name, entry.logger, entry.session_id, entry.event_name, str(exception))


class Bound:
    """A shape in its setting, encoded but for what differs from record to record."""

    __slots__ = ("facts", "is_timed", "is_traced", "key", "pieces", "severity", "tag")

    def __init__(self, shape: Shape, facts: Facts, pieces: tuple[Any, ...]) -> None:
        self.facts = facts
        self.pieces = pieces
        self.severity = int(shape.level)
        self.key: IndexKey = (facts.session, facts.logger)
        self.is_timed = bool(shape.least_us)
        self.is_traced = shape.is_traced
        self.tag = shape.tag


class Whole:
    """One record that is like no other; it is encoded the ordinary way."""

    __slots__ = ("entry", "facts", "key", "severity", "tag")
    is_timed = False
    pieces: None = None

    def __init__(self, entry: LogEntry, tag: str = "") -> None:
        self.entry = entry
        self.facts = facts_of(entry)
        self.severity = entry.severity_number
        self.key: IndexKey = (self.facts.session, self.facts.logger)
        self.tag = tag


Item: TypeAlias = tuple[int, Any, int, bytes, bytes, int]
"""One record: nanoseconds since 1970, a Bound or a Whole, microseconds that it took (0: it doesn't say), trace and span id (empty
without), the number in its text."""
moment_of = itemgetter(0)
what_of = itemgetter(1)
duration_of = itemgetter(2)


def whole(entry: LogEntry, tag: str = "") -> Item:
    return entry.timestamp_unix_nano, Whole(entry, tag), 0, b"", b"", 0


@dataclass(eq=False)
class Setting:
    """The ids that all records of one stretch of work carry, as a LogContext would give them; never none."""

    attributes: Mapping[str, Plain]
    bounds: dict[Shape, Bound] = field(default_factory=dict)
    fragment: Any = None
    """The attributes as the form in use writes them."""

    def facts(self, shape: Shape) -> Facts:
        return Facts(
            shape.level.name,
            shape.logger,
            str(self.attributes.get(names.SESSION_ID, "")),
            "",
            str(shape.attributes.get(names.EXCEPTION_TYPE, "")),
        )
