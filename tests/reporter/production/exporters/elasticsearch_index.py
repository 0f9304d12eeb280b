"""One index of the stand-in for Elasticsearch: fields as our template maps them, and the queries that we ask; others are errors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from otel_bitacora.reporter.production.exporters.elasticsearch_template import LONGEST_KEYWORD

_DYNAMIC = ("attributes.", "resource.attributes.")
_FIXED = {
    "severity_number": "double",
    "body.text.raw": "keyword",
    "scope.name": "keyword",
    "event_name": "keyword",
    "trace_id": "keyword",
    "span_id": "keyword",
    "bitacora.odd": "keyword",
    "@timestamp": "date_nanos",
}


class BadQuery(Exception):
    """What the server answers with 400."""


class Index:
    def __init__(self) -> None:
        self.documents: dict[str, dict[str, Any]] = {}
        self.types: dict[str, str] = dict(_FIXED)
        self._values: dict[str, dict[str, list[Any]]] = {}

    def add(self, uid: str, document: dict[str, Any]) -> None:
        self.documents[uid] = document
        values: dict[str, list[Any]] = {"_ignored": []}
        for name, value in _leaves("", document):
            kind = self._type(name, value)
            if kind is None:
                continue
            kept = _kept(kind, value)
            if kept is None:
                values["_ignored"].append(name)
            else:
                values.setdefault(name, []).append(kept)
        body = document.get("body", {})
        if isinstance(body.get("text"), str) and body["text"].strip():
            values["body.text"] = [body["text"]]
        self._values[uid] = values

    def remove(self, uid: str) -> bool:
        """Return whether it was there."""
        self._values.pop(uid, None)
        return self.documents.pop(uid, None) is not None

    def _type(self, name: str, value: Any) -> str | None:
        if name.startswith(_DYNAMIC):
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            return self.types.setdefault(name, "double" if is_number else "keyword")
        return self.types.get(name)

    def found(self, query: dict[str, Any]) -> list[str]:
        """Return the `_id` of what *query* finds."""
        return [uid for uid, values in self._values.items() if self._matches(query, uid, values)]

    def moment(self, uid: str) -> float:
        return float(self._values[uid]["@timestamp"][0])

    def _matches(self, query: dict[str, Any], uid: str, values: dict[str, list[Any]]) -> bool:
        ((kind, said),) = query.items()
        if kind == "bool":
            assert set(said) <= {"filter", "must_not", "should", "minimum_should_match"}
            if "should" in said:
                assert said["minimum_should_match"] == 1
            return (
                all(self._matches(each, uid, values) for each in said.get("filter", ()))
                and not any(self._matches(each, uid, values) for each in said.get("must_not", ()))
                and ("should" not in said or any(self._matches(each, uid, values) for each in said["should"]))
            )
        if kind == "match_all":
            return True
        if kind == "match_none":
            return False
        if kind == "exists":
            return bool(values.get(said["field"]))
        field = next(name for name in said)
        judge = {"term": _term, "terms": _terms, "wildcard": _wildcard, "range": _range}[kind]
        kind_of_field = "keyword" if field == "_ignored" else self.types.get(field)
        return any(judge(kind_of_field, said[field], value) for value in values.get(field, ()))


def _leaves(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, item in value.items():
            path = f"{prefix}.{name}" if prefix else name
            yield from _leaves(path, item)
            if path == "body.text" and isinstance(item, str):
                yield "body.text.raw", item
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(prefix, item)
    elif value is not None:
        yield prefix, value


def _kept(kind: str, value: Any) -> Any:
    """Return *value* as the index has it; None if it is ignored."""
    if kind == "double":
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    if kind == "date_nanos":
        assert re.fullmatch(r"\d+\.\d{6}", value)
        return float(value)
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= LONGEST_KEYWORD else None


def _term(kind: str | None, said: Any, value: Any) -> bool:
    wanted, folds = (said["value"], said.get("case_insensitive", False)) if isinstance(said, dict) else (said, False)
    if kind == "double":
        return bool(value == _number(wanted))
    assert isinstance(wanted, str)
    return _folded(value) == _folded(wanted) if folds else bool(value == wanted)


def _terms(kind: str | None, said: list[Any], value: Any) -> bool:
    return any(_term(kind, each, value) for each in said)


def _range(kind: str | None, said: dict[str, Any], value: Any) -> bool:
    assert set(said) <= {"gte", "lte", "lt", "format"}
    read = float if kind == "date_nanos" else _number if kind == "double" else str
    return (
        ("gte" not in said or value >= read(said["gte"]))
        and ("lte" not in said or value <= read(said["lte"]))
        and ("lt" not in said or value < read(said["lt"]))
    )


def _wildcard(kind: str | None, said: dict[str, Any], value: Any) -> bool:
    if kind == "double":
        raise BadQuery("Can only use wildcard queries on keyword, text and wildcard fields")
    wanted, folds = said["value"], said.get("case_insensitive", False)
    if folds:
        wanted, value = _folded(wanted), _folded(value)
    expression = "".join(
        re.escape(part[1]) if part.startswith("\\") else {"*": ".*", "?": "."}.get(part, re.escape(part))
        for part in re.findall(r"\\.|.", wanted, re.DOTALL)
    )
    return re.fullmatch(expression, value, re.DOTALL) is not None


def _number(wanted: Any) -> float:
    try:
        return float(wanted)
    except ValueError as error:
        raise BadQuery(f"failed to create query: For input string: {wanted!r}") from error


def _folded(text: str) -> str:
    """Return *text* with the 26 letters of ASCII in lower case: more than that isn't to be relied on."""
    return re.sub("[A-Z]", lambda found: found[0].lower(), text)
