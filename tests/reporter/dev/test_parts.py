"""Widths, colours, times, durations, bytes and ids, each by itself."""

import io
from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bitacora.reporter.dev.columns import display_width, padded, shortened
from otel_bitacora.reporter.dev.humane import attribute_text, bytes_text, duration_text, short_id
from otel_bitacora.reporter.dev.themes import THEMES, wants_color
from otel_bitacora.reporter.dev.times import TimeColumn
from otel_bitacora.reporter.dev.traces import summary, text_lines

from .scenes import START  # tests are no package


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _no_wishes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.mark.parametrize(
    ("environment", "stream", "mode", "expected"),
    [
        ({}, Terminal(), "auto", True),
        ({}, io.StringIO(), "auto", False),
        ({}, None, "auto", False),
        ({"TERM": "dumb"}, Terminal(), "auto", False),
        ({"NO_COLOR": "1"}, Terminal(), "auto", False),
        ({"NO_COLOR": ""}, Terminal(), "auto", True),
        ({"FORCE_COLOR": "1"}, io.StringIO(), "auto", True),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, io.StringIO(), "auto", True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, Terminal(), "auto", False),
        ({"NO_COLOR": "1"}, io.StringIO(), "always", True),
        ({"FORCE_COLOR": "1"}, Terminal(), "never", False),
    ],
)
def test_colour_is_for_terminals_unless_someone_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], stream: io.StringIO | None, mode: str, expected: bool
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert wants_color(stream, mode) is expected


def test_a_closed_stream_wants_none() -> None:
    stream = io.StringIO()
    stream.close()

    assert wants_color(stream) is False


def test_levels_look_different_in_every_theme() -> None:
    for theme in THEMES.values():
        assert len({theme.level(number) for number in (1, 9, 13, 17, 21)}) == 5
        assert theme.level(0) == theme.level(9)


@pytest.mark.parametrize(("text", "cells"), [("abc", 3), ("日本", 4), ("e\u0301", 1), ("🚀", 2), ("ｶ", 1), ("", 0)])
def test_width_is_in_cells_of_a_terminal(text: str, cells: int) -> None:
    assert display_width(text) == cells
    assert display_width(padded(text, 6)) == 6


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("app.web", "app.web"),
        ("otel_bitacora.monitor.events", "o.m.events"),
        ("a.very_long_last_part", "…_last_part"),
        ("日本語日本語日本語", "…本語日本語"),
    ],
)
def test_a_long_name_keeps_what_tells_it_apart(name: str, shown: str) -> None:
    assert shortened(name, 11) == shown


@given(st.text(max_size=40), st.integers(1, 30))
def test_a_shortened_name_always_fits(name: str, width: int) -> None:
    assert display_width(shortened(name, width)) <= width


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0ns"),
        (250e-6, "250µs"),
        (0.9999, "1s"),
        (0.99949, "999ms"),
        (1.5327, "1.53s"),
        (59.94, "59.9s"),
        (59.97, "1m00s"),
        (61, "1m01s"),
        (7384, "2h03m"),
        (200_000, "2d07h"),
        (-1.5, "-1.5s"),
        (-61, "-1m01s"),
        (float("inf"), "inf"),
        (float("nan"), "nan"),
    ],
)
def test_a_duration_has_the_unit_that_suits_it(seconds: float, shown: str) -> None:
    assert duration_text(seconds) == shown


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0B"), (1023, "1023B"), (1536, "1.5KiB"), (1048575, "1.0MiB"), (-2048, "-2.0KiB"), (1 << 60, "1024.0PiB")],
)
def test_bytes_have_the_unit_that_suits_them(count: int, shown: str) -> None:
    assert bytes_text(count) == shown


@given(st.floats() | st.integers())
def test_any_number_is_a_duration_and_a_size(value: float) -> None:
    for key in ("elapsed_seconds", "wait_ns", "sent_bytes"):
        assert attribute_text(key, value, 100).isprintable()


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("duration_ms", 1532, "1.53s"),
        ("http.server.request.duration", 0.0032, "3.2ms"),
        ("timestamp_ms", 1532, "1532"),
        ("started_unix_seconds", 1532, "1532"),
        ("http.response.body.size", 2048, "2.0KiB"),
        ("pool_size", 2048, "2048"),
        ("used_bytes", True, "true"),
        ("used_bytes", "many", "many"),
        ("bytes", 2048.0, "2.0KiB"),
        ("params", 7, "7"),
    ],
)
def test_the_key_says_what_a_number_is(key: str, value: float | str, shown: str) -> None:
    assert attribute_text(key, value, 100) == shown


def test_an_id_is_shown_by_its_end_the_same_everywhere() -> None:
    uuid7 = "01938f2a-7c1b-7def-8a3e-5b1c9d0e2f4a"

    assert short_id(uuid7) == short_id(uuid7.replace("-", "")) == "…9d0e2f4a"
    assert short_id("4bf92f3577b34da6") == "…77b34da6"
    assert short_id("deadbeef") == short_id("order-1041-of-the-shop") == short_id("0" * 17) == ""


def test_a_time_takes_the_same_room_whatever_it_is() -> None:
    for style in ("absolute", "relative", "delta"):
        column = TimeColumn(style, UTC)
        shown = [column.text(START), column.text(0), column.text(START + 3_600_123 * 1_000_000), column.text(1)]
        assert len(set(map(len, shown[:3]))) == 1, shown


def test_a_time_beyond_the_calendar_is_in_seconds() -> None:
    assert TimeColumn("absolute", UTC).text((1 << 64) - 1).startswith("2554-")
    assert TimeColumn("absolute", UTC).text(10**21).startswith("@1000000000000")


def test_the_summary_of_another_languages_trace_is_its_type_and_message() -> None:
    trace = "java.io.IOException: closed\n\tat Shop.main(Shop.java:3)"

    assert summary("java.io.IOException", "closed", trace) == "java.io.IOException: closed"


def test_a_stored_trace_without_end_keeps_its_beginning_and_its_end() -> None:
    lines = [line.text for line in text_lines("\n".join(map(str, range(1000))))]

    assert (lines[0], lines[39:42], lines[-1]) == ("0", ["39", "… 800 lines", "840"], "999")


def test_a_summary_names_the_causes_by_their_first_line_and_takes_no_place_from_a_group() -> None:
    trace = """\
Traceback (most recent call last):
  File "/a.py", line 1, in first
    first()
ValueError: two
lines
a note

During handling of the above exception, another exception occurred:

  + Exception Group Traceback (most recent call last):
  |   File "/b.py", line 2, in second
  |     second()
  | ExceptionGroup: many (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/c.py", line 3, in third
    |     third()
    | KeyError: 'x'
    +------------------------------------"""

    assert summary("ExceptionGroup", "many", trace) == "ExceptionGroup: many (/b.py:2 in second) ← ValueError: two"
