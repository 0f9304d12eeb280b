"""Conditions as functions: what `matches` says, several times faster for many entries."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from .entry import LogEntry
from .query import (
    EXCEPTION,
    ORDER,
    AnyOf,
    Compare,
    Condition,
    Not,
    Operator,
    Query,
    Text,
    as_numbers,
    pattern,
    reader_of,
)

Predicate: TypeAlias = Callable[[LogEntry], bool]


def compiled(query: Query) -> Predicate:
    """Return what says of an entry what `query.matches` does."""
    wanted, since, until = _compiled(query.where), query.since_unix_nano, query.until_unix_nano
    if since is None and until is None:
        return wanted
    first = -1 if since is None else since
    end = 1 << 64 if until is None else until

    def within(entry: LogEntry) -> bool:
        return first <= (entry.timestamp_unix_nano or entry.observed_unix_nano) < end and wanted(entry)

    return within


def _compiled(condition: Condition) -> Predicate:
    if isinstance(condition, Compare):
        return _comparison(condition)
    if isinstance(condition, Text):
        return _text(condition.text.casefold())
    if isinstance(condition, Not):
        refused = _compiled(condition.condition)
        return lambda entry: not refused(entry)
    parts = [_compiled(part) for part in condition.conditions]
    if isinstance(condition, AnyOf):
        return lambda entry: any(part(entry) for part in parts)
    return lambda entry: all(part(entry) for part in parts)


def _comparison(condition: Compare) -> Predicate:
    """Return a function with short ways for texts and whole numbers, which most values are."""
    read, holds_for, wanted = reader_of(condition.field), condition.holds_for, condition.value
    if not isinstance(wanted, str):
        return lambda entry: holds_for(read(entry))
    numbers = as_numbers(0, wanted)
    number = numbers and numbers[1]
    if condition.operator in ORDER:
        in_order = ORDER[condition.operator]

        def ordered(entry: LogEntry) -> bool:
            found = read(entry)
            if type(found) is int and number is not None:
                return in_order(found, number)
            return holds_for(found)

        return ordered
    is_wanted = condition.operator is Operator.EQUAL
    fits = pattern(wanted).fullmatch if "*" in wanted else wanted.__eq__

    def equal(entry: LogEntry) -> bool:
        found = read(entry)
        if type(found) is str:
            return bool(fits(found)) is is_wanted
        if type(found) is int and number is not None:
            return (found == number) is is_wanted
        return holds_for(found)

    return equal


def _text(wanted: str) -> Predicate:
    def contains(entry: LogEntry) -> bool:
        body = entry.body
        if wanted in (body if isinstance(body, str) else str(body)).casefold():
            return True
        attributes = entry.attributes
        return any(key in attributes and wanted in str(attributes[key]).casefold() for key in EXCEPTION)

    return contains
