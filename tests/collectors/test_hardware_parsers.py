"""The parsers of the hardware collectors, given anything: they answer with what they promise, or raise their own error."""

import math
from dataclasses import fields

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bitacora_collectors.power_supply import parse_uevent
from bitacora_collectors.sysfs import parse_integer

NUMBERS = st.one_of(
    st.integers(-(2**70), 2**70).map(str),
    st.sampled_from(["", "nan", "inf", "1e400", "1_0", "0x1", "9" * 5000, "\u0663", " 1", "-"]),
)


def accepted(parse, source):
    """Return what *parse* returns, or None if it refuses in its own words, which begin with *source*."""
    refusal = source
    try:
        return parse()
    except ValueError as error:
        refusal = str(error)
    assert refusal.startswith(source)
    assert len(refusal) < 300
    return None


@given(st.binary(max_size=60))
@example(b"9" * 5000)
@example(b"1_0")
@example("\u0663".encode())
def test_a_number_of_sys_is_a_number_or_refused_with_its_path(content):
    value = accepted(lambda: parse_integer(content, "/sys/f"), "/sys/f: ")

    assert value is None or abs(value) < 10**20


@given(st.binary(max_size=200))
def test_any_bytes_are_a_battery_or_none_or_refused(content):
    battery = accepted(lambda: parse_uevent(content, "BAT0"), "/sys/class/power_supply/BAT0/uevent")

    assert battery is None or battery.name == "BAT0"


UEVENT_KEYS = (
    *("CAPACITY", "POWER_NOW", "CURRENT_NOW", "VOLTAGE_NOW", "ENERGY_NOW", "ENERGY_FULL", "ENERGY_FULL_DESIGN"),
    *("CHARGE_NOW", "CHARGE_FULL", "TIME_TO_EMPTY_NOW", "TIME_TO_FULL_NOW", "CYCLE_COUNT"),
)


@given(
    st.dictionaries(st.sampled_from(UEVENT_KEYS), NUMBERS),
    st.sampled_from(["Charging", "Discharging", "Full", "Not charging", "Unknown", ""]),
)
def test_whatever_a_driver_says_a_battery_has_finite_numbers_of_the_right_sign(values, status):
    lines = [f"POWER_SUPPLY_{key}={value}" for key, value in {"STATUS": status, **values}.items()]

    battery = parse_uevent("\n".join(lines).encode(), "BAT0")

    numbers = [getattr(battery, field.name) for field in fields(battery)]
    assert all(math.isfinite(number) and number >= 0 for number in numbers if isinstance(number, int | float))
    assert battery.charge is None or battery.charge <= 1


def test_a_line_of_a_battery_that_is_no_assignment_is_refused():
    with pytest.raises(ValueError, match="expected KEY=value, got 'gibberish'"):
        parse_uevent(b"gibberish\n", "BAT0")
