"""Queries as people write them: `level>=warn session=s-1 "connection refused"`. docs/query.md has the grammar."""

from __future__ import annotations

import difflib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import NoReturn

from otel_bitacora.errors import QueryError

from .moments import parse_moment
from .query import ATTRIBUTE, FIELDS, RESOURCE, All, AnyOf, Compare, Condition, Not, Operator, Query, Text

SINCE, UNTIL = "since", "until"
_MAX_DEPTH = 64
_WORD = re.compile(r"""(?:[^\s()"'=!<>]|!(?!=))+""")
_OPERATOR = re.compile(r"!=|<=|>=|=|<|>")
_QUOTED = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'""", re.DOTALL)
_VALUE = re.compile(r"""[^\s()"']+""")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_KEYWORDS = {"and", "or", "not"}


def parse_query(text: str, *, now_ns: Callable[[], int] = time.time_ns) -> Query:
    """Return what *text* asks for; an empty one asks for everything.

    Raises:
        QueryError: it can't be read; the message shows the place.
    """
    return _Parser(text, now_ns()).query()


def as_query(query: Query | str) -> Query:
    """Return a query that may have been written as text; raises QueryError if it can't be read."""
    return parse_query(query) if isinstance(query, str) else query


class _Kind(Enum):
    OPEN = auto()
    CLOSE = auto()
    KEYWORD = auto()
    COMPARISON = auto()
    TEXT = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class _Token:
    kind: _Kind
    at: int
    text: str = ""
    """The keyword, the field, or the text."""
    operator: str = ""
    value: str = ""
    value_at: int = 0


class _Parser:
    def __init__(self, source: str, now_ns: int) -> None:
        self._source = source
        self._now_ns = now_ns
        self._position = 0
        self._depth = 0
        self._since: int | None = None
        self._until: int | None = None
        self._token = self._next()

    def query(self) -> Query:
        if self._is(_Kind.END):
            return Query()
        where = self._alternatives()
        if not self._is(_Kind.END):
            self._fail("a ) without its (", self._token.at)
        return Query(where=where, since_unix_nano=self._since, until_unix_nano=self._until)

    # or, and, not, ( ): from what binds least to what binds most.

    def _alternatives(self) -> Condition:
        first, spans = self._conjunction(), self._span_count
        found = [first]
        while self._is_keyword("or"):
            at = self._token.at
            self._advance()
            found.append(self._conjunction())
            if self._depth == 0 and (spans or self._span_count):
                self._fail(f"{SINCE} and {UNTIL} hold for the whole query: they can't stand beside an `or`", at)
        return found[0] if len(found) == 1 else AnyOf(tuple(found))

    def _conjunction(self) -> Condition:
        found: list[Condition] = []
        while True:
            self._add(found)
            if self._is_keyword("and"):
                self._advance()
            elif self._is(_Kind.END) or self._is(_Kind.CLOSE) or self._is_keyword("or"):
                break
        return found[0] if len(found) == 1 else All(tuple(found))

    def _add(self, found: list[Condition]) -> None:
        token = self._token
        if token.kind is _Kind.COMPARISON and token.text in (SINCE, UNTIL):
            self._take_span(token)
        else:
            found.append(self._negation())

    def _negation(self) -> Condition:
        negations = 0
        while self._is_keyword("not"):
            self._advance()
            negations += 1
        condition = self._nested(self._primary) if negations else self._primary()
        return Not(condition) if negations % 2 else condition

    def _primary(self) -> Condition:
        token = self._token
        if token.kind is _Kind.OPEN:
            self._advance()
            inner = self._nested(self._alternatives)
            if not self._is(_Kind.CLOSE):
                self._fail("a ( without its )", token.at)
            self._advance()
            return inner
        if token.kind is _Kind.TEXT:
            self._advance()
            return Text(token.text)
        if token.kind is _Kind.COMPARISON:
            self._advance()
            return self._comparison(token)
        return self._fail(f"expected a condition, {_found(token)}", token.at)

    def _nested(self, parse: Callable[[], Condition]) -> Condition:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            self._fail(f"nested more than {_MAX_DEPTH} deep", self._token.at)
        condition = parse()
        self._depth -= 1
        return condition

    # Comparisons.

    def _comparison(self, token: _Token) -> Condition:
        if token.text in (SINCE, UNTIL):
            self._fail(
                f"{token.text} holds for the whole query: it can't stand in parentheses or after `not`", token.at
            )
        try:
            return Compare(token.text, Operator(token.operator), token.value)
        except QueryError as error:
            at = token.value_at if token.text in FIELDS else token.at
            self._fail(_explained(token.text, str(error)), at)

    def _take_span(self, token: _Token) -> None:
        if self._depth:
            self._comparison(token)
        if token.operator != "=":
            self._fail(f"{token.text} takes =, not {token.operator}", token.at)
        try:
            moment = parse_moment(token.value, now_ns=self._now_ns)
        except ValueError as error:
            self._fail(str(error), token.value_at)
        # Said twice, both hold, as everything side by side does.
        if token.text == SINCE:
            self._since = moment if self._since is None else max(self._since, moment)
        else:
            self._until = moment if self._until is None else min(self._until, moment)
        self._advance()

    @property
    def _span_count(self) -> int:
        return (self._since is not None) + (self._until is not None)

    # Tokens.

    def _advance(self) -> None:
        self._token = self._next()

    def _is(self, kind: _Kind) -> bool:
        return self._token.kind is kind

    def _is_keyword(self, word: str) -> bool:
        return self._token.kind is _Kind.KEYWORD and self._token.text == word

    def _next(self) -> _Token:
        source = self._source
        while self._position < len(source) and source[self._position].isspace():
            self._position += 1
        at = self._position
        if at == len(source):
            return _Token(_Kind.END, at)
        if source[at] in "()":
            self._position += 1
            return _Token(_Kind.OPEN if source[at] == "(" else _Kind.CLOSE, at)
        if source[at] in "\"'":
            return _Token(_Kind.TEXT, at, self._quoted())
        return self._word(at)

    def _word(self, at: int) -> _Token:
        word = _WORD.match(self._source, at)
        if word is None:
            self._fail("an operator without a field before it", at)
        self._position = word.end()
        name = word[0]
        is_prefix = name in (ATTRIBUTE, RESOURCE)
        is_quoted = is_prefix and self._is_quote()  # attr."a name with blanks"
        if is_quoted:
            name += self._quoted()
        operator = _OPERATOR.match(self._source, self._position)
        if is_prefix and is_quoted != (operator is not None):
            what = "an operator" if is_quoted else f'a name, such as {name}"…",'
            self._fail(f"expected {what} here", self._position)
        if operator is None:
            is_keyword = name.lower() in _KEYWORDS
            return _Token(_Kind.KEYWORD, at, name.lower()) if is_keyword else _Token(_Kind.TEXT, at, name)
        self._position = operator.end()
        value_at = self._position
        return _Token(_Kind.COMPARISON, at, name, operator[0], self._value(operator[0]), value_at)

    def _value(self, operator: str) -> str:
        if self._is_quote():
            return self._quoted()
        value = _VALUE.match(self._source, self._position)
        if value is None:
            self._fail(f'no value after {operator}; an empty one is ""', self._position)
        self._position = value.end()
        return value[0]

    def _is_quote(self) -> bool:
        return self._position < len(self._source) and self._source[self._position] in "\"'"

    def _quoted(self) -> str:
        quoted = _QUOTED.match(self._source, self._position)
        if quoted is None:
            self._fail("a quotation mark without its closing one", self._position)
        self._position = quoted.end()
        return _ESCAPE.sub(r"\1", quoted[0][1:-1])

    def _fail(self, what: str, at: int) -> NoReturn:
        line_start = self._source.rfind("\n", 0, at) + 1
        line = "".join(char if char.isprintable() else " " for char in self._source[line_start:].split("\n")[0])
        column, number = at - line_start + 1, self._source.count("\n", 0, at) + 1
        place = f"line {number}, column {column}" if "\n" in self._source else f"column {column}"
        raise QueryError(f"{what} ({place})\n  {line}\n  {' ' * (column - 1)}^")


def _found(token: _Token) -> str:
    names = {_Kind.END: "found the end", _Kind.CLOSE: "found )"}
    return names.get(token.kind, f"found `{token.text}`")


def _explained(field: str, problem: str) -> str:
    if field in FIELDS:
        return problem
    near = difflib.get_close_matches(field.lower(), [*FIELDS, SINCE, UNTIL], n=1)
    hint = f"did you mean {near[0]}?" if near else f'use attr.{field} for an attribute, or "…" to look for text'
    return f"no field {field!r}; {hint}"
