"""Queries in Elasticsearch's words: what comes back is never too little, and is then judged as everywhere.

Fields compare otherwise there (a text that spells a number, a list within a list, a value too long to be indexed), so
each clause also lets through what it can't tell. Only a clause that is exact is negated.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from otel_bitacora.reporter.core.level import LogLevel
from otel_bitacora.reporter.core.literals import folded_literal
from otel_bitacora.reporter.core.names import UID
from otel_bitacora.reporter.core.query import (
    EXCEPTION,
    RESOURCE,
    All,
    AnyOf,
    Compare,
    Condition,
    Not,
    Operator,
    Query,
    Text,
    as_numbers,
    attribute_of,
)
from otel_bitacora.reporter.production.exporters.elasticsearch_document import (
    LAST_NANOSECOND,
    ODD,
    is_field_name,
    moment_text,
)

Types = Mapping[str, frozenset[str]]
"""By the name of a field, as what it is mapped in the indices that are searched."""
Dsl = dict[str, Any]

_TEXTS = {
    "logger": "scope.name",
    "event": "event_name",
    "trace": "trace_id",
    "span": "span_id",
    "uid": f"attributes.{UID}",
}
_BODY, _RAW = "body.text", "body.text.raw"
_NUMERIC = frozenset(("double", "float", "half_float", "long", "integer", "short", "byte", "unsigned_long"))
_KEYWORD = frozenset(("keyword",))
_SEVERITIES = range(25)
_LONGEST_TERM, _LONGEST_WILDCARD = 8191, 512
_AT_LEAST, _AT_MOST = (Operator.GREATER, Operator.GREATER_OR_EQUAL), (Operator.LESS, Operator.LESS_OR_EQUAL)
NOTHING: Dsl = {"match_none": {}}


@dataclass(frozen=True, slots=True)
class _Clause:
    """*dsl* is None where everything may match."""

    dsl: Dsl | None
    is_exact: bool = False


_ANYTHING = _Clause(None)


def fields_of(condition: Condition) -> frozenset[str]:
    """Return the fields whose types have to be known before *condition* can be translated."""
    return frozenset(_fields(condition))


def _fields(condition: Condition) -> Iterator[str]:
    if isinstance(condition, All | AnyOf):
        for part in condition.conditions:
            yield from _fields(part)
    elif isinstance(condition, Not):
        yield from _fields(condition.condition)
    elif isinstance(condition, Text):
        yield from (f"attributes.{name}" for name in EXCEPTION)
    elif found := _attribute_field(condition.field):
        yield found[0]


def within(query: Query) -> Dsl:
    """Return the span of time alone."""
    bounds = {}
    if query.since_unix_nano is not None:
        bounds["gte"] = moment_text(max(0, query.since_unix_nano))
    if query.until_unix_nano is not None and query.until_unix_nano <= LAST_NANOSECOND:
        bounds["lt"] = moment_text(max(0, query.until_unix_nano))
    return {"range": {"@timestamp": {**bounds, "format": "epoch_millis"}}} if bounds else {"match_all": {}}


def translated(query: Query, types: Types) -> Dsl:
    """Return what finds at least all that *query* wants."""
    clause = _clause(query.where, types)
    return within(query) if clause.dsl is None else {"bool": {"filter": [within(query), clause.dsl]}}


def _clause(condition: Condition, types: Types) -> _Clause:
    if isinstance(condition, Compare):
        return _comparison(condition, types)
    if isinstance(condition, Text):
        return _text(condition.text, types)
    if isinstance(condition, Not):
        inner = _clause(condition.condition, types)
        if not inner.is_exact or inner.dsl is None:
            return _ANYTHING
        return _Clause({"bool": {"must_not": [inner.dsl]}}, is_exact=True)
    parts = [_clause(part, types) for part in condition.conditions]
    is_exact = all(part.is_exact for part in parts)
    found = [part.dsl for part in parts if part.dsl is not None]
    if isinstance(condition, All):
        return _Clause({"bool": {"filter": found}} if found else None, is_exact)
    return _Clause(_any_of(found) if len(found) == len(parts) else None, is_exact)


def _comparison(condition: Compare, types: Types) -> _Clause:
    if condition.field in ("level", "severity"):
        return _severity(condition)
    if condition.operator is Operator.UNEQUAL:
        return _ANYTHING
    if condition.field == "message":
        found = _of_text(_RAW, condition)
        return _ANYTHING if found is None else _Clause(_any_of([*found, *_other_bodies()]))
    if condition.field in _TEXTS:
        found = _of_text(_TEXTS[condition.field], condition)
        return _ANYTHING if found is None else _Clause(_any_of(found))
    field = _attribute_field(condition.field)
    if field is None:
        return _ANYTHING
    path, name = field
    return _Clause(_any_of([*_of_attribute(path, condition, types.get(path, frozenset())), *_untold(path, name)]))


def _severity(condition: Compare) -> _Clause:
    """Return what each number of a record's severity is told by: it is always there, and a number."""

    def value(number: int) -> int:
        return int(LogLevel.from_severity(number)) if condition.field == "level" else number

    wanted: list[Dsl] = [{"terms": {"severity_number": [n for n in _SEVERITIES if condition.holds_for(value(n))]}}]
    beyond = {"range": {"severity_number": {"gte": len(_SEVERITIES)}}}
    if condition.field == "level":
        if condition.holds_for(value(len(_SEVERITIES))):
            wanted.append(beyond)
        return _Clause(_any_of(wanted), is_exact=True)
    return _Clause(_any_of([*wanted, beyond]))


def _attribute_field(field: str) -> tuple[str, str] | None:
    """Return the field of the documents, and its name among the odd ones, for one of a query's; None for others."""
    attribute = attribute_of(field)
    prefix, name = "attributes.", attribute
    if attribute is None and field.startswith(RESOURCE):
        prefix, name = "resource.attributes.", field.removeprefix(RESOURCE)
    if name is None or not is_field_name(name) or "*" in name:
        return None
    return prefix + name, prefix + name


def _untold(path: str, name: str) -> list[Dsl]:
    """Return what finds records of which the field doesn't tell: a value too long, of another kind, or none of these."""
    return [{"term": {"_ignored": path}}, {"term": {ODD: name}}]


def _other_bodies() -> list[Dsl]:
    return [{"bool": {"must_not": [{"exists": {"field": _BODY}}]}}, {"term": {ODD: "body"}}]


def _of_text(path: str, condition: Compare) -> list[Dsl] | None:
    """Return what finds a field that is always text; None where everything might be meant."""
    value = condition.value
    if not isinstance(value, str):
        return None
    return [*_of_keyword(path, condition.operator, value), {"term": {"_ignored": path}}]


def _of_keyword(path: str, operator: Operator, value: str) -> list[Dsl]:
    if operator in _AT_LEAST:
        return [{"range": {path: {"gte": value}}}]
    if operator in _AT_MOST:
        return [{"range": {path: {"lte": value}}}]
    if "*" in value:
        return [_exists(path) if len(value) > _LONGEST_WILDCARD else _wildcard(path, value)]
    if len(value) > _LONGEST_TERM:
        return []
    if value.lower() in ("true", "false"):
        return [{"term": {path: {"value": value, "case_insensitive": True}}}]
    return [{"term": {path: {"value": value}}}]


def _of_attribute(path: str, condition: Compare, types: frozenset[str]) -> list[Dsl]:
    value = str(condition.value) if isinstance(condition.value, bool) else condition.value
    numbers = as_numbers(0, value)
    if types and types <= _NUMERIC:
        return _of_number(path, condition.operator, value, None if numbers is None else numbers[1])
    if types and types != _KEYWORD:
        return [_exists(path)]
    if not types:
        return []
    if numbers is None:
        return _of_keyword(path, condition.operator, str(value))
    if condition.operator is not Operator.EQUAL:  # texts compare as texts, numbers among them as numbers
        return [_exists(path)]
    return [{"terms": {path: sorted(_spellings(value, numbers[1]))}}]


def _spellings(value: str | float, number: float) -> set[str]:
    """Return how a number may be spelt in a document, or by a text that is equal; those with an exponent are odd."""
    found = {str(value), str(number)}
    with contextlib.suppress(OverflowError, ValueError):  # not finite, or an integer beyond all floats
        found |= {str(int(number)), repr(float(number))} if number == int(number) else {repr(float(number))}
    return found | {"-0.0", "0", "0.0", "-0"} if number == 0 else found


def _of_number(path: str, operator: Operator, value: object, number: float | None) -> list[Dsl]:
    if number is None:
        return [_exists(path)] if isinstance(value, str) and "*" in value else []
    try:
        bound = float(number)
    except OverflowError:
        bound = math.inf
    if not math.isfinite(bound):
        return [_exists(path)]
    # Whole numbers beyond 2^53 are rounded, here as there: what is next to the bound is let through.
    at_least, at_most = operator not in _AT_MOST, operator not in _AT_LEAST
    return [{"range": {path: {**({"gte": bound} if at_least else {}), **({"lte": bound} if at_most else {})}}}]


def _text(text: str, types: Types) -> _Clause:
    literal = folded_literal(text.casefold())
    if literal is None:
        return _ANYTHING
    wanted = f"*{literal.decode()[: _LONGEST_WILDCARD // 2].replace('*', '?')}*"
    found = [_piece(_RAW, wanted), {"term": {"_ignored": _RAW}}, *_other_bodies()]
    for name in EXCEPTION:
        path = f"attributes.{name}"
        kinds = types.get(path, frozenset())
        if kinds:
            found.append(_piece(path, wanted) if kinds == _KEYWORD else _exists(path))
        found += _untold(path, path)
    return _Clause(_any_of(found))


def _piece(path: str, wanted: str) -> Dsl:
    value = wanted.replace("\\", "\\\\")
    return {"wildcard": {path: {"value": value, "case_insensitive": True}}}


def _wildcard(path: str, value: str) -> Dsl:
    escaped = value.replace("\\", "\\\\").replace("?", "\\?")
    return {"wildcard": {path: {"value": escaped}}}


def _exists(path: str) -> Dsl:
    return {"exists": {"field": path}}


def _any_of(found: list[Dsl]) -> Dsl:
    return {"bool": {"should": found, "minimum_should_match": 1}} if found else NOTHING
