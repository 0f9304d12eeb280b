import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bitacora.reporter.core.level import LogLevel, python_level, severity_number


@pytest.mark.parametrize(("levelno", "number"), [(5, 1), (10, 5), (20, 9), (30, 13), (40, 17), (50, 21)])
def test_each_named_level_of_python_begins_a_range(levelno: int, number: int) -> None:
    assert severity_number(levelno) == number
    assert python_level(number) == levelno


@given(st.integers(-(10**6), 10**6), st.integers(-(10**6), 10**6))
def test_severity_never_falls_as_the_level_rises(one: int, other: int) -> None:
    low, high = sorted((one, other))

    assert 1 <= severity_number(low) <= severity_number(high) <= 24


@given(st.integers(1, 24))
def test_every_severity_survives_python(number: int) -> None:
    assert severity_number(python_level(number)) == number


@pytest.mark.parametrize(
    ("level", "python", "wire"),
    [
        (LogLevel.TRACE, 5, "Trace"),
        (LogLevel.DEBUG, logging.DEBUG, "Debug"),
        (LogLevel.INFO, logging.INFO, "Info"),
        (LogLevel.WARN, logging.WARNING, "Warn"),
        (LogLevel.ERROR, logging.ERROR, "Error"),
    ],
)
def test_a_level_has_a_python_number_and_bitacora_s_spelling(level: LogLevel, python: int, wire: str) -> None:
    assert level.python == python
    assert level.wire == wire
    assert LogLevel.from_python(python) is LogLevel.parse(wire) is level


def test_what_is_above_error_is_an_error_and_what_is_unspecified_is_info() -> None:
    assert LogLevel.from_python(logging.CRITICAL) is LogLevel.ERROR
    assert LogLevel.from_severity(24) is LogLevel.ERROR
    assert LogLevel.from_severity(0) is LogLevel.INFO
    assert python_level(0) == logging.INFO


def test_levels_compare() -> None:
    assert LogLevel.TRACE < LogLevel.DEBUG < LogLevel.INFO < LogLevel.WARN < LogLevel.ERROR


@pytest.mark.parametrize("text", ["warn", "WARNING", " Warn "])
def test_all_tongues_are_parsed(text: str) -> None:
    assert LogLevel.parse(text) is LogLevel.WARN


def test_an_unknown_level_is_named_in_the_error() -> None:
    with pytest.raises(ValueError, match="'loud'"):
        LogLevel.parse("loud")
