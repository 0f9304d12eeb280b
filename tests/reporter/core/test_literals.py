"""What is looked for as bytes never leaves out a record, whatever its values are."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bitacora.reporter.core.clauses import clauses_of
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.literals import FOLDED, exact_literal, folded_literal
from otel_bitacora.reporter.core.query import All, AnyOf, Compare, Not, Operator, Text
from otel_bitacora.reporter.core.query_text import parse_query

SPECIAL = "\n\t\\'\"{}[]:, \u017f\u212a\xdf\ufb01\u0130Aa1nNsS\u200b\u0434"
texts = st.text(st.one_of(st.sampled_from(SPECIAL), st.characters(exclude_categories=["Cs"])), max_size=8)
bodies = st.recursive(
    st.one_of(texts, st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.binary(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=4,
)


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("connection refused", b"onnection refused"),  # c is a hexadecimal digit, which might end an escape
        ("'quoted' and words", b" and words"),
        ("503", None),
        ("none", None),
        ("", None),
        ("xñandú", "ñandú".encode()),
        ("\ud800", None),
    ],
)
def test_a_value_is_looked_for_but_for_what_pythons_spelling_may_have_made_of_it(text: str, literal: bytes) -> None:
    assert exact_literal(text) == literal


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("connection refused", b"onnection refu"),  # a long s is an s in another case
        ("kelvin", b"lvin"),
        ("ss", None),
        ("größer", b"gr"),
    ],
)
def test_text_in_any_case_is_looked_for_but_for_letters_that_others_become(text: str, literal: bytes) -> None:
    assert folded_literal(text.casefold()) == literal


def test_every_character_that_becomes_ascii_in_another_case_is_known() -> None:
    becoming = {chr(code).casefold() for code in range(128, sys.maxunicode + 1)}

    assert {folded for folded in becoming if any(char.isascii() for char in folded)} == set(FOLDED)


@given(bodies, st.data())
def test_whatever_matches_holds_a_needle_of_each_clause(body: object, data: st.DataObject) -> None:
    entry = LogEntry(body=body, attributes={"x": body, "exception.message": body})
    raw = entry.to_otlp()
    spelled = body if isinstance(body, str) else str(body)
    start = data.draw(st.integers(0, len(spelled)))
    part = spelled[start : data.draw(st.integers(start, len(spelled)))]
    wild = "*" + part.replace("*", "") + "*"

    for condition in (Text(part), Text(part.swapcase()), *[_equal(field, wild) for field in ("message", "attr.x")]):
        if condition.matches(entry):
            assert _holds(condition, raw), condition


@given(bodies, st.sampled_from(list(Operator)), texts)
def test_a_comparison_is_judged_in_place_as_it_is_in_the_record(body: object, order: Operator, wanted: str) -> None:
    raw = LogEntry(body="x", attributes={"status": body}).to_otlp()
    condition = Compare("attr.status", order, wanted)

    assert _holds(condition, raw) or not condition.matches(LogEntry(attributes={"status": body}))


@pytest.mark.parametrize(
    "attribute",
    [
        b"\x10\x0a\x06status\x12\x02\x18\x07\x12\x02\x18\x09",  # the value twice: the last one holds
        b"\x0c\x12\x02\x18\x09\x0a\x06status",  # the value first
        b"\x0d\x0a\x06status\x12\x82\x00\x18\x09",  # a length with a byte too many, of the value
        b"\x8c\x00\x0a\x06status\x12\x02\x18\x09",  # and of the attribute
    ],
)
def test_an_attribute_that_is_written_in_an_unusual_way_is_left_to_be_parsed(attribute: bytes) -> None:
    raw = b"\x12" + bytes([len(attribute) + 1]) + b"\x32" + attribute
    condition = Compare("attr.status", Operator.EQUAL, 9)

    assert condition.matches(LogEntry.from_otlp(raw))
    assert _holds(condition, raw)


def test_the_clause_that_most_records_lack_comes_first() -> None:
    where = parse_query('session=s-1 attr.http.status>=500 "connection refused" logger=app.*').where

    assert clauses_of(where)[0][0].literal == b"onnection refu"


def test_an_alternative_without_bytes_to_look_for_takes_them_from_the_others() -> None:
    assert clauses_of(AnyOf((Text("words"), Compare("level", Operator.EQUAL, "warn")))) == []
    assert len(clauses_of(AnyOf((Text("words"), Text("other"))))[0]) == 2
    assert clauses_of(Not(Text("words"))) == clauses_of(All()) == []


def _equal(field: str, wanted: str) -> Compare:
    return Compare(field, Operator.EQUAL, wanted)


def _holds(condition: Compare | Text, raw: bytes) -> bool:
    return all(any(_is_there(needle, raw) for needle in clause) for clause in clauses_of(condition))


def _is_there(needle: object, raw: bytes) -> bool:
    hay = raw.lower() if needle.folds else raw
    places = [at for at in range(len(hay)) if hay.startswith(needle.literal, at)]
    return any(needle.admits is None or needle.admits(raw, at) for at in places)
