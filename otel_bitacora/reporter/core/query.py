"""Which records someone wants to see: a tree of conditions that an entry fulfils or doesn't.

The text that people write is parsed into this elsewhere; storages translate it, or ask `matches` for each entry.
"""

from __future__ import annotations

import fnmatch
import functools
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

from otel_bitacora.errors import QueryError

from . import names
from .entry import LogEntry
from .level import LogLevel
from .protobuf import Plain

ATTRIBUTE = "attr."
RESOURCE = "resource."

_FIELDS: Mapping[str, Callable[[LogEntry], Plain]] = {
    "level": lambda entry: int(entry.level),
    "severity": lambda entry: entry.severity_number,
    "logger": lambda entry: entry.logger,
    "message": lambda entry: entry.message,
    "event": lambda entry: entry.event_name or None,
    "uid": lambda entry: entry.uid or None,
    "trace": lambda entry: entry.trace_id or None,
    "span": lambda entry: entry.span_id or None,
}
_ATTRIBUTE_FIELDS: Mapping[str, str] = {
    "session": names.SESSION_ID,
    "project": names.PROJECT_ID,
    "topic": names.TOPIC_ID,
    "user": names.USER_ID,
    "action": names.ACTION_ID,
    "action_type": names.ACTION_TYPE,
    "branch": names.BRANCH,
    "exception": names.EXCEPTION_TYPE,
}
FIELDS = (*_FIELDS, *_ATTRIBUTE_FIELDS)
"""Names of fields, besides `attr.NAME` and `resource.NAME`."""


class Operator(StrEnum):
    EQUAL = "="
    UNEQUAL = "!="
    LESS = "<"
    LESS_OR_EQUAL = "<="
    GREATER = ">"
    GREATER_OR_EQUAL = ">="


ORDER: Mapping[Operator, Callable[[Any, Any], bool]] = {
    Operator.LESS: operator.lt,
    Operator.LESS_OR_EQUAL: operator.le,
    Operator.GREATER: operator.gt,
    Operator.GREATER_OR_EQUAL: operator.ge,
}


@dataclass(frozen=True, slots=True)
class Compare:
    """*field* of an entry against *value*; with `=` and `!=`, a `*` in text stands for anything.

    What isn't there equals nothing and is unequal to everything. Numbers compare as numbers, also where the value was
    written as text; what can't be ordered is neither less nor greater.

    Raises:
        QueryError: there is no such field or level.
    """

    field: str
    operator: Operator
    value: str | int | float | bool

    def __post_init__(self) -> None:
        if self.field not in FIELDS and not self.field.startswith((ATTRIBUTE, RESOURCE)):
            raise QueryError(f"no field {self.field!r}: use {', '.join(FIELDS)}, {ATTRIBUTE}NAME or {RESOURCE}NAME")
        if self.field == "level" and isinstance(self.value, str):
            try:
                object.__setattr__(self, "value", int(LogLevel.parse(self.value)))
            except ValueError as exc:
                raise QueryError(str(exc)) from exc
        if self.field == "severity" and as_numbers(0, self.value) is None:
            raise QueryError(f"severity is a number, 1 to 24, not {self.value!r}")

    def matches(self, entry: LogEntry) -> bool:
        return self.holds_for(value_of(entry, self.field))

    def holds_for(self, found: Plain) -> bool:
        """Return whether a record that has *found* in the field is wanted."""
        if self.operator is Operator.EQUAL:
            return found is not None and equals(found, self.value)
        if self.operator is Operator.UNEQUAL:
            return found is None or not equals(found, self.value)
        return found is not None and is_ordered(found, self.operator, self.value)


@dataclass(frozen=True, slots=True)
class Text:
    """*text* anywhere in the message or in an exception, in any case."""

    text: str

    def matches(self, entry: LogEntry) -> bool:
        wanted = self.text.casefold()
        body = entry.body if isinstance(entry.body, str) else str(entry.body)
        parts = (body, *[str(entry.attributes.get(key, "")) for key in EXCEPTION])
        return any(wanted in part.casefold() for part in parts)


EXCEPTION = (names.EXCEPTION_TYPE, names.EXCEPTION_MESSAGE, names.EXCEPTION_STACKTRACE)
"""Attributes in which text is looked for, besides the message."""


@dataclass(frozen=True, slots=True)
class All:
    """Each of *conditions*; with none of them, everything."""

    conditions: tuple[Condition, ...] = ()

    def matches(self, entry: LogEntry) -> bool:
        return all(condition.matches(entry) for condition in self.conditions)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of *conditions*."""

    conditions: tuple[Condition, ...]

    def matches(self, entry: LogEntry) -> bool:
        return any(condition.matches(entry) for condition in self.conditions)


@dataclass(frozen=True, slots=True)
class Not:
    condition: Condition

    def matches(self, entry: LogEntry) -> bool:
        return not self.condition.matches(entry)


Condition: TypeAlias = Compare | Text | All | AnyOf | Not


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Conditions, a span of time (*since* included, *until* not), and how many records in which order."""

    where: Condition = field(default_factory=All)
    since_unix_nano: int | None = None
    until_unix_nano: int | None = None
    limit: int | None = None
    newest_first: bool = False

    def matches(self, entry: LogEntry) -> bool:
        """Return whether *entry* is wanted; *limit* and order are up to who asks."""
        moment = entry.timestamp_unix_nano or entry.observed_unix_nano
        if self.since_unix_nano is not None and moment < self.since_unix_nano:
            return False
        if self.until_unix_nano is not None and moment >= self.until_unix_nano:
            return False
        return self.where.matches(entry)


def value_of(entry: LogEntry, field_name: str) -> Plain:
    """Return what *entry* has in a field; None if nothing."""
    return reader_of(field_name)(entry)


@functools.lru_cache(maxsize=256)
def reader_of(field_name: str) -> Callable[[LogEntry], Plain]:
    """Return what reads a field of an entry; what isn't there is None."""
    read = _FIELDS.get(field_name)
    if read is not None:
        return read
    attribute = attribute_of(field_name)
    if attribute is not None:
        return lambda entry: entry.attributes.get(attribute)
    name = field_name.removeprefix(RESOURCE)
    return lambda entry: entry.resource.get(name)


def attribute_of(field_name: str) -> str | None:
    """Return the full name of the attribute that a field stands for; None where it stands for something else."""
    if field_name.startswith(ATTRIBUTE):
        name = field_name.removeprefix(ATTRIBUTE)
        return names.PROMOTED.get(name, name)
    return _ATTRIBUTE_FIELDS.get(field_name)


def equals(found: Plain, wanted: str | float) -> bool:
    """Return whether *found* is *wanted*, or for a list, whether one of its items is."""
    if isinstance(found, list | tuple):
        return any(equals(item, wanted) for item in found)
    if isinstance(found, bool) or isinstance(wanted, bool):
        return _as_text(found).lower() == _as_text(wanted).lower()
    numbers = as_numbers(found, wanted)
    if numbers is not None:
        return numbers[0] == numbers[1]
    if isinstance(wanted, str) and "*" in wanted:
        return pattern(wanted).fullmatch(_as_text(found)) is not None
    return _as_text(found) == _as_text(wanted)


def is_ordered(found: Plain, order: Operator, wanted: str | float) -> bool:
    numbers = as_numbers(found, wanted)
    if numbers is not None:
        return ORDER[order](*numbers)
    return isinstance(found, str) and isinstance(wanted, str) and ORDER[order](found, wanted)


@functools.lru_cache(maxsize=256)
def pattern(text: str) -> re.Pattern[str]:
    """Return the expression for text in which only `*` is special; it never backtracks beyond the last `*`."""
    return re.compile(fnmatch.translate(text.replace("[", "[[]").replace("?", "[?]")))


def as_numbers(found: Plain, wanted: str | float) -> tuple[float, float] | None:
    """Return both as numbers, if one of them is a number and the other can be; two texts stay texts."""
    if isinstance(found, bool) or isinstance(wanted, bool) or (isinstance(found, str) and isinstance(wanted, str)):
        return None
    try:
        return _number(found), _number(wanted)
    except (TypeError, ValueError):
        return None


def _number(value: Any) -> float:
    """Return integers as they are: beyond 2^53 a float would equal its neighbours."""
    if isinstance(value, int | float):
        return value
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} is no number")
    return int(value) if value.lstrip("-").isdecimal() else float(value)


def _as_text(value: Plain) -> str:
    return value if isinstance(value, str) else str(value)
