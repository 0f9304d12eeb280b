"""Which lines make one record."""

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bitacora.reporter.production.sources.files.joining import MAX_LINES, Joined, Joiner
from otel_bitacora.reporter.production.sources.files.lines import Line

AT = "2026-01-02T03:04:05Z"
TRACEBACK = [
    "Traceback (most recent call last):",
    '  File "a.py", line 1, in f',
    "    g()",
    "shop.Missing: no such thing",
]


def joined(lines: Iterable[str]) -> list[Joined]:
    joiner, found, at = Joiner(), [], 0
    for text in lines:
        data = text.encode()
        found += joiner.feed(Line(data, at, at + len(data) + 1))
        at += len(data) + 1
    return [*found, *joiner.flush()]


def bodies(lines: Iterable[str]) -> list[object]:
    return [each.body() for each in joined(lines)]


def test_a_line_without_a_time_belongs_to_the_one_before_that_has_one() -> None:
    lines = [f"{AT} ERROR app: failed", *TRACEBACK, "and more", f"{AT} INFO app: on"]

    first, second = joined(lines)

    assert first.body() == "\n".join(("failed", *TRACEBACK, "and more"))
    assert first.exception() == {
        "exception.type": "shop.Missing",
        "exception.message": "no such thing",
        "exception.stacktrace": "\n".join((*TRACEBACK, "and more")),
    }
    assert second.body() == "on"
    assert second.offset == first.end


def test_without_times_a_traceback_is_one_record_and_lines_are_one_each() -> None:
    assert bodies(["one", "two", *TRACEBACK, "three"]) == ["one", "\n".join(("two", *TRACEBACK)), "three"]


def test_a_chain_of_exceptions_is_one_record_named_by_the_last() -> None:
    chain = [
        *TRACEBACK,
        "",
        "During handling of the above exception, another exception occurred:",
        "",
        *TRACEBACK[:3],
        "KeyError",
    ]

    (only,) = joined(chain)

    assert only.exception()["exception.type"] == "KeyError"
    assert only.exception()["exception.message"] == ""


def test_json_stands_alone() -> None:
    assert bodies(['{"message": "a"}', "  panicked", '{"message": "b"}']) == ["a", "  panicked", "b"]


def test_parts_of_a_containers_line_are_joined_stream_by_stream() -> None:
    found = joined(
        [
            f"{AT} stdout P one ",
            f'{AT} stderr F {{"level": "ERROR", "message": "json within"}}',
            f"{AT} stdout F two",
            f"{AT} stdout F three",
        ]
    )

    assert [(each.body(), each.attributes["log.iostream"]) for each in found] == [
        ("json within", "stderr"),
        ("one two", "stdout"),
        ("three", "stdout"),
    ]
    assert found[1].offset == 0
    assert all(each.head.is_dated for each in found)


def test_nothing_is_held_without_bound() -> None:
    found = joined([f"{AT} start", *["more"] * (3 * MAX_LINES)])

    assert len(found) > 2
    assert all(len(each.following) <= MAX_LINES for each in found)


def test_what_is_held_back_is_read_again_from_its_beginning() -> None:
    joiner = Joiner()
    list(joiner.feed(Line(f"{AT} stdout P a".encode(), 10, 50)))
    list(joiner.feed(Line(f"{AT} stderr F b".encode(), 50, 90)))

    assert joiner.held_from == 10


@pytest.mark.parametrize("kind", ["{}", "{0} INFO app: {1}", "{0} stdout F {1}"])
@given(words=st.lists(st.text(alphabet="abc .", min_size=1).filter(str.strip), max_size=8))
def test_every_line_is_in_a_record_and_records_lie_behind_each_other(kind: str, words: list[str]) -> None:
    lines = [kind.format(AT, word) if "{1}" in kind else kind.format(word) for word in words]

    found = joined(lines)

    said = "\n".join(str(each.body()) for each in found)
    assert all(word.strip() in said for word in words)
    assert [each.offset for each in found] == sorted(each.offset for each in found)
    assert all(one.end <= other.offset for one, other in pairwise(found))
