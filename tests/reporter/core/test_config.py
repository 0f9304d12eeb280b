"""Settings as people write them: by keyword, by environment, with sizes and ages in words; mistakes say what, where, what else."""

from __future__ import annotations

import math
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bitacora.errors import ReporterSettingsError, SettingsError
from otel_bitacora.reporter.core import parse
from otel_bitacora.reporter.core.config import PREFIX, ReporterSettings, known_variables, variable

UNITS = {
    "": 1,
    "b": 1,
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
    "TiB": 1 << 40,
    "kB": 1000,
    "MB": 10**6,
    "GB": 10**9,
}
AGES = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}
ANY = 1e30
JUNK = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.lists(st.text(), max_size=2)
)


@given(st.integers(0, 10**6), st.sampled_from(sorted(UNITS)), st.sampled_from(["", " ", "  "]), st.booleans())
def test_a_size_is_a_number_with_a_unit_in_any_case(number: int, unit: str, gap: str, is_upper: bool) -> None:
    written = f"{gap}{number}{gap}{unit.upper() if is_upper else unit}{gap}"

    assert parse.size(0, 1 << 62)(written) == number * UNITS[unit]


@given(st.decimals(0, 10**6, places=3), st.sampled_from(sorted(AGES)))
def test_an_age_is_seconds_or_a_number_with_a_unit(number, unit: str) -> None:
    assert parse.age(0, ANY)(f"{number}{unit}") == float(number) * AGES[unit]


@given(st.timedeltas(timedelta(0), timedelta(days=3650)))
def test_an_age_may_be_a_timedelta(age: timedelta) -> None:
    assert parse.age(0, ANY)(age) == age.total_seconds()


@given(st.integers(0, 1 << 50) | st.floats(0, 1e9))
def test_numbers_are_taken_as_they_are(number: float) -> None:
    assert parse.size(0, 1 << 62)(number) == int(number)
    assert parse.number(0, ANY)(number) == number


@given(JUNK, st.sampled_from([parse.size, parse.age, parse.number]))
def test_what_is_no_quantity_within_the_bounds_is_refused_with_what_would_be_right(value: object, kind) -> None:
    try:
        converted = kind(10, 1000)(value)
    except ValueError as exc:
        assert "must be" in str(exc)  # noqa: PT017  # it may be right as well
    else:
        assert 10 <= converted <= 1000
        assert not isinstance(value, bool)


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, -1, "-1", "1e3", "", " ", "12 parsec", "1.2.3", "0x10"]
)
def test_odd_quantities_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match="must be"):
        parse.size(0, 1 << 62)(value)


@pytest.mark.parametrize("value", [9, "9", 1001, "1001"])
def test_a_bound_belongs_to_what_is_allowed_and_no_more(value: object) -> None:
    assert [parse.size(10, 1000)(number) for number in (10, 1000)] == [10, 1000]
    with pytest.raises(ValueError, match="must be between 10 and 1000 bytes"):
        parse.size(10, 1000)(value)


@pytest.mark.parametrize(
    ("written", "meant"),
    [(True, True), ("yes", True), ("On", True), ("TRUE", True), (1, True), (False, False), ("no", False), ("0", False)],
)
def test_a_flag_is_written_as_people_do(written: object, meant: bool) -> None:
    assert parse.flag(written) is meant


@given(JUNK.filter(lambda value: str(value).lower() not in ("true", "yes", "on", "1", "false", "no", "off", "0")))
def test_what_is_no_flag_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="must be true or false"):
        parse.flag(value)


def test_a_word_must_be_one_of_those_that_there_are() -> None:
    choose = parse.one_of("error", "always", "never")

    assert choose("never") == "never"
    for value in ("Never", "sometimes", None, 1):
        with pytest.raises(ValueError, match="must be error, always or never"):
            choose(value)


def test_names_are_a_list_or_text_with_commas() -> None:
    assert parse.names(" a, b,,c ") == parse.names(["a", "b", "c"]) == parse.names(("a", "b", "c")) == ("a", "b", "c")
    for value in (7, ["a", 1], {"a": 1}):
        with pytest.raises(TypeError, match="must be a list of names"):
            parse.names(value)


@given(st.binary() | st.text())
def test_a_key_is_sixteen_bytes_or_more(value: str | bytes) -> None:
    try:
        raw = value if isinstance(value, bytes) else value.encode()
        converted = parse.key(value)
    except ValueError:
        assert len(raw) < 16
    else:
        assert converted == raw
        assert len(raw) >= 16


def test_a_key_that_is_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="must be a key"):
        parse.key(1234567890123456789)


def test_a_key_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"  0123456789abcdef\n")

    assert parse.key_file(tmp_path / "key") == b"0123456789abcdef"
    with pytest.raises(ValueError, match="can't be read: No such file"):
        parse.key_file(tmp_path / "none")


def test_a_path_is_absolute_and_knows_the_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ana")

    assert parse.path("~/journal") == Path("/home/ana/journal")
    assert parse.path("journal") == Path.cwd() / "journal"


@pytest.mark.parametrize("value", ["", None, 7, b"journal", "a\0b", "\ud800"])
def test_what_can_be_no_path_is_refused(value: object) -> None:
    with pytest.raises((TypeError, ValueError), match="must be a path"):
        parse.path(value)


# From where they come.


def test_without_a_word_there_are_defaults(tmp_path: Path) -> None:
    settings = ReporterSettings.load(environ={"XDG_STATE_HOME": str(tmp_path)})

    assert settings == ReporterSettings(journal=tmp_path / "otel-bitacora" / "journal")


VALUES: dict[str, tuple[str, object]] = {
    "journal": ("/var/lib/j", Path("/var/lib/j")),
    "sync": ("always", "always"),
    "sync_budget": ("0.5", 0.5),
    "max_bytes": ("2GiB", 2 << 30),
    "max_age": ("2d", 172_800.0),
    "max_record_bytes": ("64KiB", 65_536),
    "memory_bytes": ("1MiB", 1 << 20),
    "redact": ("off", False),
    "redact_key": ("0123456789abcdef", b"0123456789abcdef"),
    "redact_names": ("iban,swift", ("iban", "swift")),
    "rate_limit": ("100", 100.0),
    "keep_arguments": ("true", True),
    "allow_network_fs": ("1", True),
    "shared": ("yes", True),
}
FIELDS = {"max_age": "max_age_seconds"}


@pytest.mark.parametrize("key", sorted(VALUES))
def test_every_setting_is_told_by_its_variable_or_by_keyword(key: str) -> None:
    written, meant = VALUES[key]

    by_environment = ReporterSettings.load(environ={variable(key): written})
    by_keyword = ReporterSettings.load({key: written}, environ={variable(key): "rubbish"})

    assert getattr(by_environment, FIELDS.get(key, key)) == getattr(by_keyword, FIELDS.get(key, key)) == meant


def test_there_is_no_setting_without_a_test_here() -> None:
    assert known_variables() == {variable(key) for key in (*VALUES, "redact_key_file")}


def test_an_empty_variable_says_nothing() -> None:
    assert ReporterSettings.load(environ={"BITACORA_REPORTER__SYNC": ""}).sync == "error"


def test_every_mistake_is_told_with_its_place_and_what_would_be_right() -> None:
    environ = {"BITACORA_REPORTER__SYNC": "maybe", "BITACORA_REPORTER__MAX_BYTE": "1", "BITACORA_REPORTER__COLOUR": "1"}

    with pytest.raises(ReporterSettingsError) as caught:
        ReporterSettings.load({"shared": "perhaps", "max_ages": 1}, environ)

    max_ages, colour, max_byte, sync, shared = caught.value.problems
    assert max_ages == "max_ages (from the handler's arguments): no such setting; did you mean max_age?"
    assert colour.startswith("BITACORA_REPORTER__COLOUR (from the environment): no such setting; there are BITACORA_")
    assert max_byte.endswith("did you mean BITACORA_REPORTER__MAX_BYTES?")
    assert sync == ("sync = 'maybe' (from the environment, BITACORA_REPORTER__SYNC): must be error, always or never")
    assert shared == "shared = 'perhaps' (from the handler's arguments): must be true or false"
    assert isinstance(caught.value, SettingsError)


def test_a_secret_is_in_no_message_and_no_repr() -> None:
    with pytest.raises(ReporterSettingsError) as caught:
        ReporterSettings.load({"redact_key": "canary"}, {})

    settings = ReporterSettings.load({"redact_key": "canary" * 3}, {})

    assert "canary" not in str(caught.value) + repr(settings)


def test_a_key_by_keyword_wins_over_a_file_by_environment_and_the_other_way_round(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("f" * 16)
    in_file = str(tmp_path / "key")

    by_keyword = ReporterSettings.load({"redact_key": "k" * 16}, {PREFIX + "REDACT_KEY_FILE": in_file})
    by_file = ReporterSettings.load({"redact_key_file": in_file}, {PREFIX + "REDACT_KEY": "e" * 16})

    assert (by_keyword.redact_key, by_file.redact_key) == (b"k" * 16, b"f" * 16)
    with pytest.raises(ReporterSettingsError, match="both given"):
        ReporterSettings.load({}, {PREFIX + "REDACT_KEY_FILE": in_file, PREFIX + "REDACT_KEY": "e" * 16})
