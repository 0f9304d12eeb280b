"""Queries in MongoDB's words: what comes back is never too little, and is then judged as everywhere.

Each condition becomes two filters: one that lets through *at least* what is wanted, and one that lets through *nothing but* that.
What is asked is the first; the complement of the second is what the negation lets through at least.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from bson.datetime_ms import DatetimeMS

from otel_bitacora.reporter.core.level import LogLevel
from otel_bitacora.reporter.core.literals import folded_literal
from otel_bitacora.reporter.core.query import (
    EXCEPTION,
    RESOURCE,
    All,
    Compare,
    Condition,
    Not,
    Operator,
    Query,
    Text,
    as_numbers,
    attribute_of,
)
from otel_bitacora.reporter.production.exporters.mongodb_document import FINDABLE, INT64, MILLISECOND

Filter = dict[str, Any]

EVERYTHING: Filter = {}
_TEXTS = {"logger": "logger", "event": "event_name", "trace": "trace_id", "span": "span_id", "uid": "_id"}
_REPEATED = {attribute: name for name, attribute in FINDABLE.items()}
_ORDERS = {
    Operator.LESS: "$lt",
    Operator.LESS_OR_EQUAL: "$lte",
    Operator.GREATER: "$gt",
    Operator.GREATER_OR_EQUAL: "$gte",
}
_NUMBERS = ["double", "int", "long"]
_COMPOUND = ["object", "array", "binData"]
_NO_TEXT = [*_COMPOUND, *_NUMBERS, "bool", "null"]
_LONGEST_PIECE = 256
_BELOW, _BEYOND = 0, 25
"""Severities that stand for all below and all beyond, of which there is one level each."""


@dataclass(frozen=True, slots=True)
class _Bounds:
    """Filters; None is one that lets through nothing."""

    at_least: Filter | None
    nothing_but: Filter | None = None


_ANYTHING = _Bounds(EVERYTHING)
_NOTHING = _Bounds(None)


def within(query: Query) -> Filter:
    """Return the span of time alone."""
    bounds = {}
    if query.since_unix_nano is not None:
        bounds["$gte"] = DatetimeMS(query.since_unix_nano // MILLISECOND)
    if query.until_unix_nano is not None and query.until_unix_nano < INT64:  # what is later is kept as if at its end
        bounds["$lt"] = DatetimeMS(-(-query.until_unix_nano // MILLISECOND))
    return {"time": bounds} if bounds else EVERYTHING


def translated(query: Query) -> Filter | None:
    """Return what finds at least all that *query* wants; None: that is nothing."""
    return _all_of([within(query), _bounds(query.where).at_least])


def _bounds(condition: Condition) -> _Bounds:
    if isinstance(condition, Compare):
        return _comparison(condition)
    if isinstance(condition, Text):
        return _text(condition.text)
    if isinstance(condition, Not):
        return _negated(_bounds(condition.condition))
    parts = [_bounds(part) for part in condition.conditions]
    join = _all_of if isinstance(condition, All) else _any_of
    return _Bounds(join([part.at_least for part in parts]), join([part.nothing_but for part in parts]))


def _comparison(condition: Compare) -> _Bounds:
    field = condition.field
    if field in ("level", "severity"):
        return _severity(condition)
    if condition.operator is Operator.UNEQUAL:
        return _negated(_comparison(Compare(field, Operator.EQUAL, condition.value)))
    if isinstance(condition.value, str) and not _is_text(condition.value):
        return _NOTHING if condition.operator is Operator.EQUAL else _ANYTHING
    if field == "message":
        return _message(condition)
    if field in _TEXTS:
        return _of_text(_TEXTS[field], condition)
    return _attribute(condition)


def _attribute(condition: Compare) -> _Bounds:
    attribute = attribute_of(condition.field)
    if attribute is None:
        return _pair("resource", condition.field.removeprefix(RESOURCE), condition)
    if attribute in _REPEATED:
        return _repeated(_REPEATED[attribute], condition)
    return _pair("attributes", attribute, condition)


def _severity(condition: Compare) -> _Bounds:
    """Return ranges of a record's severity: it is always there, and a number."""
    is_level = condition.field == "level"

    def is_wanted(number: int) -> bool:
        return condition.holds_for(int(LogLevel.from_severity(number)) if is_level else number)

    exact: list[Filter] = []
    for wanted, run in groupby(range(_BELOW, _BEYOND + 1), is_wanted):
        numbers = list(run)
        bounds = {} if is_level and numbers[0] == _BELOW else {"$gte": numbers[0]}
        bounds |= {} if is_level and numbers[-1] == _BEYOND else {"$lte": numbers[-1]}
        if wanted:
            exact.append({"severity_number": bounds} if bounds else EVERYTHING)
    if is_level:
        found = _any_of(exact)
        return _Bounds(found, found)
    odd: list[Filter] = [{"severity_number": {"$lt": _BELOW}}, {"severity_number": {"$gt": _BEYOND}}]
    return _Bounds(_any_of([*exact, *odd]), _any_of(exact))


def _of_text(path: str, condition: Compare) -> _Bounds:
    """Return what finds a field that is text wherever it is."""
    value = condition.value
    if not isinstance(value, str):
        return _ANYTHING
    if condition.operator is not Operator.EQUAL:
        found = {path: {_ORDERS[condition.operator]: value}}
        return _Bounds(found, found)
    if "*" in value:
        return _Bounds({path: _like(value)}, {path: _like(value)} if _is_prefix(value) else None)
    return _Bounds({path: value}, {path: value})


def _message(condition: Compare) -> _Bounds:
    found = _of_text("body", condition)
    odd: list[Filter] = [{"body": {"$type": _NO_TEXT}}, {"body": {"$exists": False}}]
    is_text: Filter = {"body": {"$not": {"$type": _NO_TEXT}}}  # in a list there may be text, too
    return _Bounds(_any_of([found.at_least, *odd]), _all_of([found.nothing_but, is_text]))


def _repeated(name: str, condition: Compare) -> _Bounds:
    """Return what finds an attribute by the field that has it as text, and mostly an index."""
    value = condition.value
    if condition.operator is not Operator.EQUAL or not isinstance(value, str):
        return _Bounds({name: {"$exists": True}})
    lists: Filter = {name: {"$regex": r"^\["}}  # one of its items may be meant
    if "*" in value:
        is_certain = _is_prefix(value) and value[0] not in "[TF*"  # a list, or true or false, which no pattern finds
        return _Bounds(_any_of([{name: _like(value)}, lists]), {name: _like(value)} if is_certain else None)
    numbers = as_numbers(0, value)
    spellings = {value} | (set() if numbers is None else _spellings(numbers[1]))
    if value.lower() in ("true", "false"):
        spellings.add(value.capitalize())
    is_certain = value[:1] != "[" and (numbers is None or not math.isnan(numbers[1]))
    wanted: Filter = {name: {"$in": sorted(spellings)}} if len(spellings) > 1 else {name: value}
    return _Bounds(_any_of([wanted, lists]), {name: value} if is_certain else None)


def _spellings(number: float) -> set[str]:
    """Return Python's texts of all numbers that are *number*."""
    if number == 0:
        return {"0", "0.0", "-0.0"}
    found = {str(number)}
    with contextlib.suppress(OverflowError, ValueError):  # not finite, or an integer beyond all floats
        found |= {str(float(number)), str(int(number))}
    return found


def _pair(array: str, key: str, condition: Compare) -> _Bounds:
    """Return what finds the pair of *key* in an array of pairs."""
    if not _is_text(key):
        return _NOTHING

    def pair(value: object) -> Filter:
        return {array: {"$elemMatch": {"k": key, "v": value}}}

    value, operator = condition.value, condition.operator
    if operator is not Operator.EQUAL:  # true and false are neither less nor greater
        return _NOTHING if isinstance(value, bool) else _Bounds(_any_of(list(map(pair, _ordered(operator, value)))))
    if isinstance(value, str) and "*" in value:
        return _alike(value, pair)
    if not isinstance(value, str):
        wanted: list[object] = [value] if isinstance(value, bool) else _close_to(value)
        return _Bounds(_any_of([*map(pair, wanted), pair({"$type": ["string", *_COMPOUND]})]))
    same: list[object] = [value, value.lower() == "true"] if value.lower() in ("true", "false") else [value]
    numbers = as_numbers(0, value)
    close = [] if numbers is None else _close_to(numbers[1])
    exact = _any_of([pair(each) for each in same])
    return _Bounds(_any_of([exact, *map(pair, close), pair({"$type": _COMPOUND})]), exact)


def _alike(value: str, pair: Callable[[object], Filter]) -> _Bounds:
    """Return what finds pairs whose values are as the pattern *value*."""
    odd = pair({"$type": [*_NUMBERS, *_COMPOUND]})  # which are compared by Python's text of them
    return _Bounds(_any_of([pair(_like(value)), odd]), pair(_like(value)) if _is_prefix(value) else None)


def _ordered(operator: Operator, value: str | float) -> list[object]:
    """Return what finds values that may be less or greater: equal ones, too, where servers may round."""
    order = "$lte" if operator in (Operator.LESS, Operator.LESS_OR_EQUAL) else "$gte"
    numbers = as_numbers(0, value)
    found: list[object] = []
    if numbers is not None:
        bound = _fitting(numbers[1])
        found.append({"$type": _NUMBERS} if bound is None else {order: bound})
    if isinstance(value, str):
        return [*found, {order: value}]
    return [*found, {"$type": "string"}]


def _close_to(number: float) -> list[object]:
    """Return what finds values that are *number*; none is NaN, not even one."""
    if math.isnan(number):
        return []
    bound = _fitting(number)
    return [{"$type": _NUMBERS} if bound is None else bound]


def _fitting(number: float) -> float | None:
    """Return *number* as the server can hold it; None where it can't."""
    if isinstance(number, int) and -INT64 <= number < INT64:
        return number
    try:
        found = float(number)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def _text(text: str) -> _Bounds:
    literal = folded_literal(text.casefold())
    if literal is None:
        return _ANYTHING
    wanted = {"$regex": re.escape(literal.decode()[:_LONGEST_PIECE]), "$options": "i"}
    return _Bounds(
        _any_of(
            [
                {"body": wanted},
                {"body": {"$type": _NO_TEXT}},
                {"attributes": {"$elemMatch": {"k": {"$in": list(EXCEPTION)}, "v": wanted}}},
                {"attributes": {"$elemMatch": {"k": {"$in": list(EXCEPTION)}, "v": {"$type": _NO_TEXT}}}},
            ]
        )
    )


def _is_text(value: str) -> bool:
    """Return whether a document can hold *value*: no lone surrogates."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_prefix(value: str) -> bool:
    """Return whether the expression for *value* is exact: dialects differ in what an end is, and none has NUL."""
    return value.index("*") == len(value) - 1 <= _LONGEST_PIECE and "\0" not in value


def _like(value: str) -> Filter:
    r"""Return an expression for texts as *value*, in which `*` stands for anything; `[\s\S]` is that in all dialects."""
    is_short = len(value) <= _LONGEST_PIECE
    pieces = [re.escape(piece).replace("\0", r"[\s\S]") for piece in value[:_LONGEST_PIECE].split("*")]
    start = "^" + r"[\s\S]*".join(pieces)
    if not is_short:
        return {"$regex": start}
    return {"$regex": "^" + pieces[0] if len(pieces) == 2 and not pieces[1] else start + "$"}


def _all_of(filters: Iterable[Filter | None]) -> Filter | None:
    found: list[Filter] = []
    for each in filters:
        if each is None:
            return None
        if each:
            found.append(each)
    return EVERYTHING if not found else found[0] if len(found) == 1 else {"$and": found}


def _any_of(filters: Sequence[Filter | None]) -> Filter | None:
    found = [each for each in filters if each is not None]
    if EVERYTHING in found:
        return EVERYTHING
    return None if not found else found[0] if len(found) == 1 else {"$or": found}


def _negated(bounds: _Bounds) -> _Bounds:
    return _Bounds(_none_of(bounds.nothing_but), _none_of(bounds.at_least))


def _none_of(found: Filter | None) -> Filter | None:
    if found is None:
        return EVERYTHING
    return {"$nor": [found]} if found else None
