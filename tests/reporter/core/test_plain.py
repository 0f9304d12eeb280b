import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.plain import plain_line
from otel_bitacora.reporter.core.printable import printable

anything = st.text(st.characters())
values = anything | st.integers() | st.floats() | st.booleans() | st.none() | st.binary() | st.lists(anything)


@given(
    body=values | st.dictionaries(anything, values),
    attributes=st.dictionaries(anything, values),
    logger=anything,
    severity_text=anything,
    event_name=anything,
)
def test_any_record_is_one_printable_line(**fields: object) -> None:
    line = plain_line(LogEntry(**fields))  # type: ignore[arg-type]

    assert len(line.splitlines()) == 1
    assert line.isprintable()
    assert not {unicodedata.category(char) for char in line} & {"Cc", "Cf", "Cs", "Zl", "Zp"}


def test_it_has_time_level_logger_message_and_attributes() -> None:
    entry = LogEntry(
        timestamp_unix_nano=1_764_000_000_123_456_789,
        severity_number=13,
        severity_text="WARN",
        logger="app.web",
        body="disk nearly full",
        attributes={"free": 12, "is_root": True, "path": "/var/my logs", "code.line.number": 7, "ratio": 0.5},
    )

    assert plain_line(entry) == (
        '2025-11-24T16:00:00.123456Z WARN  app.web disk nearly full free=12 is_root=true path="/var/my logs" ratio=0.5'
    )


def test_a_record_that_says_nothing_is_a_line_all_the_same() -> None:
    assert plain_line(LogEntry()) == "- INFO  -"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("plain", "k=plain"),
        ("", 'k=""'),
        ("a b", 'k="a b"'),
        ("a=b", 'k="a=b"'),
        ('say "hi"', 'k="say \\"hi\\""'),
        ("two\nlines", 'k="two\\nlines"'),
        ("\u202ereversed", 'k="\\u202ereversed"'),
        ([1, "two"], 'k=[1,"two"]'),
        ({"a": None}, 'k={"a":null}'),
        (None, "k=null"),
        (b"\xff", 'k="/w=="'),
        (float("nan"), "k=nan"),
    ],
)
def test_a_value_can_be_told_from_what_follows_it(value: object, shown: str) -> None:
    assert plain_line(LogEntry(attributes={"k": value})) == f"- INFO  - {shown}"  # type: ignore[dict-item]


def test_a_key_cannot_pass_for_two() -> None:
    assert plain_line(LogEntry(attributes={"a=1 b": 2})) == '- INFO  - "a=1 b"=2'


def test_a_message_cannot_write_to_the_terminal() -> None:
    assert printable("a\x1b[2J\r\u202e é\u2028") == r"a\x1b[2J\r\u202e é\u2028"


def test_an_observed_time_stands_in_for_one_that_was_not_said() -> None:
    assert plain_line(LogEntry(observed_unix_nano=10**9)).startswith("1970-01-01T00:00:01.000000Z ")
