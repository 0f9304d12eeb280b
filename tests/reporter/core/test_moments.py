from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bitacora.reporter.core.moments import parse_moment
from otel_bitacora.reporter.core.record_json import timestamp_text

SECOND = 1_000_000_000
NOW = int(datetime(2026, 11, 24, 9, 30, tzinfo=UTC).timestamp()) * SECOND + 123_456_789


@pytest.fixture(autouse=True)
def _in_madrid(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Madrid")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def moment(text: str) -> int:
    return parse_moment(text, now_ns=NOW)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("-2h", 7200),
        ("-30m", 1800),
        ("-30min", 1800),
        ("-1d12h", 129_600),
        ("-1w", 604_800),
        ("-1.5s", 1.5),
        ("-1m30s", 90),
        ("-250ms", 0.25),
    ],
)
def test_a_span_is_that_long_ago(text: str, seconds: float) -> None:
    assert moment(text) == NOW - round(seconds * SECOND)


def test_now_is_now() -> None:
    assert moment("now") == NOW


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("14:30", "2026-11-24T13:30:00+00:00"),
        ("9:05:07", "2026-11-24T08:05:07+00:00"),
        ("2026-01-02", "2026-01-01T23:00:00+00:00"),
        ("2026-07-02", "2026-07-01T22:00:00+00:00"),
        ("2026-01-02T14:30:00Z", "2026-01-02T14:30:00+00:00"),
        ("2026-01-02T14:30:00+01:00", "2026-01-02T13:30:00+00:00"),
        ("2026-01-02 14:30", "2026-01-02T13:30:00+00:00"),
    ],
)
def test_what_has_no_offset_is_local_time(text: str, iso: str) -> None:
    assert moment(text) == int(datetime.fromisoformat(iso).timestamp()) * SECOND


def test_today_is_where_the_clock_hangs() -> None:
    just_past_midnight_in_madrid = int(datetime(2026, 11, 24, 23, 30, tzinfo=UTC).timestamp()) * SECOND

    found = parse_moment("0:10", now_ns=just_past_midnight_in_madrid)

    assert found == int(datetime(2026, 11, 24, 23, 10, tzinfo=UTC).timestamp()) * SECOND


@given(st.integers(1, 4_000_000_000 * SECOND))
def test_a_time_as_json_prints_it_is_that_nanosecond(unix_nano: int) -> None:
    text = timestamp_text(unix_nano)

    assert text
    assert moment(text) == unix_nano


@pytest.mark.parametrize("text", ["-9999999w", "1969-12-31T00:00:00Z", "0001-01-01T00:00:00Z"])
def test_before_1970_is_the_beginning(text: str) -> None:
    assert moment(text) == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "-",
        "-h",
        "-5",
        "-5y",
        "- 5h",
        "2h",
        "25:00",
        "12:60",
        "2026-13-01",
        "NOW",
        "-" + "9" * 400 + "h",
    ],
)
def test_what_is_no_moment_is_told_with_what_is(text: str) -> None:
    with pytest.raises(ValueError, match="is no moment: use -2h"):
        moment(text)


@given(st.text(max_size=12))
def test_nothing_else_is_raised(text: str) -> None:
    try:
        found = moment(text)
    except ValueError:
        return
    assert found >= 0
