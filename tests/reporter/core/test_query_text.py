"""The language of queries: every rule of docs/query.md, and errors that point at the place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bitacora.errors import QueryError
from otel_bitacora.reporter.core.level import LogLevel
from otel_bitacora.reporter.core.query import FIELDS, All, AnyOf, Compare, Condition, Not, Operator, Query, Text
from otel_bitacora.reporter.core.query_text import parse_query

NOW = 1_764_000_000_000_000_000
HOUR = 3600 * 1_000_000_000
A, B, C = Text("a"), Text("b"), Text("c")


def parsed(text: str) -> Query:
    return parse_query(text, now_ns=lambda: NOW)


def where(text: str) -> Condition:
    return parsed(text).where


def compare(field: str, operator: str, value: str | float) -> Compare:
    return Compare(field, Operator(operator), value)


@pytest.mark.parametrize("text", ["", "  \t\n"])
def test_nothing_asks_for_everything(text: str) -> None:
    assert parsed(text) == Query()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b", All((A, B))),
        ("a and b", All((A, B))),
        ("a AND b c", All((A, B, C))),
        ("a or b", AnyOf((A, B))),
        ("a or b or c", AnyOf((A, B, C))),
        ("a b or c", AnyOf((All((A, B)), C))),
        ("a or b c", AnyOf((A, All((B, C))))),
        ("a (b or c)", All((A, AnyOf((B, C))))),
        ("(a)", A),
        ("((a b) c)", All((All((A, B)), C))),
        ("not a", Not(A)),
        ("not a b", All((Not(A), B))),
        ("not a or b", AnyOf((Not(A), B))),
        ("not (a or b)", Not(AnyOf((A, B)))),
        ("not not a", A),
        ("NOT not NOT a", Not(A)),
        ("a(b)c", All((A, B, C))),
    ],
)
def test_not_binds_more_than_and_and_that_more_than_or(text: str, expected: Condition) -> None:
    assert where(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("word", "word"),
        ('"two words"', "two words"),
        ("'it \"is\"'", 'it "is"'),
        (r'"a \"quoted\" \\ one"', r'a "quoted" \ one'),
        ('"and"', "and"),
        ("'or'", "or"),
        ('""', ""),
        ('"level>=warn"', "level>=warn"),
        ("wow!", "wow!"),
        ("!", "!"),
        ("-5%/x:*", "-5%/x:*"),
        ("ñandú", "ñandú"),
        ('"a\nb"', "a\nb"),
    ],
)
def test_words_and_quoted_texts_are_looked_for(text: str, expected: str) -> None:
    assert where(text) == Text(expected)


@pytest.mark.parametrize("operator", ["=", "!=", "<", "<=", ">", ">="])
def test_every_operator_compares(operator: str) -> None:
    assert where(f"attr.x{operator}5") == compare("attr.x", operator, "5")


@pytest.mark.parametrize("field", [field for field in FIELDS if field not in ("level", "severity")])
def test_every_field_can_be_asked_for(field: str) -> None:
    assert where(f"{field}=x*") == compare(field, "=", "x*")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("level>=warn", compare("level", ">=", 13)),
        ("level=WARNING", compare("level", "=", 13)),
        ("severity>16", compare("severity", ">", "16")),
        ('message="two words"', compare("message", "=", "two words")),
        ("attr.http.status>=500", compare("attr.http.status", ">=", "500")),
        ("attr.q=a=b<c", compare("attr.q", "=", "a=b<c")),
        ('attr."two words"=1', compare("attr.two words", "=", "1")),
        ('attr."a=b"!=1', compare("attr.a=b", "!=", "1")),
        ('attr.""=1', compare("attr.", "=", "1")),
        ("resource.service.name=shop", compare("resource.service.name", "=", "shop")),
        ('resource."odd name"=shop', compare("resource.odd name", "=", "shop")),
        ('attr.x=""', compare("attr.x", "=", "")),
    ],
)
def test_comparisons_are_read(text: str, expected: Compare) -> None:
    assert where(text) == expected


def test_a_word_ends_at_a_quotation_mark_and_a_parenthesis() -> None:
    assert where('attr.x=a"b"c(a)') == All((compare("attr.x", "=", "a"), B, C, A))


def test_since_and_until_are_of_the_whole_query() -> None:
    assert parsed("a since=-2h b until=-1h") == Query(
        where=All((A, B)), since_unix_nano=NOW - 2 * HOUR, until_unix_nano=NOW - HOUR
    )
    assert parsed("since=-2h") == Query(since_unix_nano=NOW - 2 * HOUR)


def test_of_two_spans_both_hold() -> None:
    assert parsed("since=-1h since=-2h until=-3h until=now") == Query(
        since_unix_nano=NOW - HOUR, until_unix_nano=NOW - 3 * HOUR
    )


@pytest.mark.parametrize(
    ("text", "what", "column"),
    [
        ("levle>=warn", "no field 'levle'; did you mean level?", 1),
        ("a LEVEL>=warn", "no field 'LEVEL'; did you mean level?", 3),
        ("a Since=-1h", "no field 'Since'; did you mean since?", 3),
        ("colour=red", "no field 'colour'; use attr.colour for an attribute", 1),
        ("level>=loud", "no log level 'loud'", 8),
        ("a severity>=warn", "severity is a number, 1 to 24, not 'warn'", 13),
        ("(a", "a ( without its )", 1),
        ("a b)", "a ) without its (", 4),
        ("a and", "expected a condition, found the end", 6),
        ("a or or b", "expected a condition, found `or`", 6),
        ("and a", "expected a condition, found `and`", 1),
        ("not", "expected a condition, found the end", 4),
        ("a ()", "expected a condition, found )", 4),
        ('a "b', "a quotation mark without its closing one", 3),
        ("attr.x='b", "a quotation mark without its closing one", 8),
        ("attr.x=", 'no value after =; an empty one is ""', 8),
        ("attr.x= 5", "no value after =", 8),
        ("a =5", "an operator without a field before it", 3),
        ("attr.=5", 'expected a name, such as attr."…", here', 6),
        ('attr."x y" 5', "expected an operator here", 11),
        ("since>-1h", "since takes =, not >", 1),
        ("since=soon", "'soon' is no moment", 7),
        ("a or since=-1h", "can't stand beside an `or`", 3),
        ("since=-1h or a", "can't stand beside an `or`", 11),
        ("a or b or until=-1h", "can't stand beside an `or`", 8),
        ("(since=-1h)", "can't stand in parentheses", 2),
        ("not until=now", "can't stand in parentheses or after `not`", 5),
        ("(" * 65 + "a" + ")" * 65, "nested more than 64 deep", 66),
    ],
)
def test_a_mistake_is_shown_where_it_is(text: str, what: str, column: int) -> None:
    with pytest.raises(QueryError) as raised:
        parsed(text)

    message, line, mark = str(raised.value).split("\n")
    assert what in message
    assert f"(column {column})" in message
    assert line == f"  {text}"
    assert mark == " " * (column + 1) + "^"


def test_in_several_lines_the_line_is_named_and_shown() -> None:
    with pytest.raises(QueryError) as raised:
        parsed("level>=warn\n\tlevle=x\nb")

    message, line, mark = str(raised.value).split("\n")
    assert message.endswith("(line 2, column 2)")
    assert (line, mark) == ("   levle=x", "   ^")


def test_a_thousand_negations_are_no_problem() -> None:
    assert where("not " * 1001 + "a") == Not(A)


# What is rendered parses back to itself.

KEYWORDS = {"and", "or", "not"}
texts = st.text(max_size=12)
orders = st.sampled_from(list(Operator))
compares = st.one_of(
    st.builds(Compare, st.sampled_from([f for f in FIELDS if f not in ("level", "severity")]), orders, texts),
    st.builds(Compare, st.just("level"), orders, st.sampled_from([level.name.lower() for level in LogLevel])),
    st.builds(Compare, st.just("severity"), orders, st.integers(0, 24).map(str)),
    st.builds(Compare, st.builds("{}{}".format, st.sampled_from(["attr.", "resource."]), texts), orders, texts),
)


def _grown(children: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    several = st.lists(children, min_size=2, max_size=4).map(tuple)
    negatable = children.filter(lambda condition: not isinstance(condition, Not))
    return st.one_of(st.builds(All, several), st.builds(AnyOf, several), st.builds(Not, negatable))


conditions = st.recursive(st.one_of(compares, st.builds(Text, texts)), _grown, max_leaves=12)


def word(text: str) -> str:
    """Return *text* as it has to be written, bare where that is possible."""
    if re.fullmatch(r"[\w.*/:-]+", text) and text.lower() not in KEYWORDS:
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def rendered(condition: Condition) -> str:
    if isinstance(condition, Text):
        return word(condition.text)
    if isinstance(condition, Not):
        return f"not {enclosed(condition.condition)}"
    if isinstance(condition, All | AnyOf):
        joint = " " if isinstance(condition, All) else " or "
        return joint.join(map(enclosed, condition.conditions))
    field = re.sub(
        r"^(attr|resource)\.(.*)", lambda found: f"{found[1]}.{quoted_name(found[2])}", condition.field, flags=re.DOTALL
    )
    value = LogLevel(condition.value).name if condition.field == "level" else str(condition.value)  # type: ignore[arg-type]
    return f"{field}{condition.operator}{word(value)}"


def quoted_name(name: str) -> str:
    return name if re.fullmatch(r"[\w.]+", name) else word(name) if word(name)[0] == '"' else f'"{name}"'


def enclosed(condition: Condition) -> str:
    return rendered(condition) if isinstance(condition, Compare | Text) else f"({rendered(condition)})"


@given(conditions)
def test_a_rendered_condition_parses_back_to_itself(condition: Condition) -> None:
    assert where(rendered(condition)) == condition


@given(st.text(alphabet="ab ()\"'\\=!<>.*nodrtlevilsuc-1h\n", max_size=30))
def test_whatever_is_typed_is_a_query_or_an_error_with_its_place(text: str) -> None:
    problem = ""
    try:
        parsed(text)
    except QueryError as error:
        problem = str(error)

    assert not problem or re.search(r"column \d+\)\n", problem)


def test_the_examples_of_the_document_are_queries() -> None:
    document = (Path(__file__).parents[3] / "docs/query.md").read_text()
    examples = document.split("```")[1].strip().splitlines()

    assert len(examples) == 4
    assert all(where(example) != All() for example in examples)


def test_the_document_names_every_field() -> None:
    document = (Path(__file__).parents[3] / "docs/query.md").read_text()

    assert [field for field in FIELDS if f"`{field}`" not in document] == []
