"""A value without `dataclasses` is what one with it would be, also for those who use `dataclasses` on it."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import pytest

from otel_bitacora.reporter.core.config import ReporterSettings
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.values import replaced, value


@value
class Point:
    x: int
    y: int = 2


def test_a_value_equals_another_of_its_class_with_the_same_fields() -> None:
    assert Point(x=1) == Point(x=1, y=2)
    assert Point(x=1) != Point(x=2)
    assert Point(x=1) != (1, 2)
    assert hash(Point(x=1)) == hash(Point(x=1, y=2))


def test_a_value_is_shown_as_code_would_make_it() -> None:
    assert repr(Point(x=1)) == "Point(x=1, y=2)"


def test_a_value_can_not_be_changed() -> None:
    point = Point(x=1)

    with pytest.raises(dataclasses.FrozenInstanceError, match=r"Point\.x can't be changed"):
        point.x = 3
    with pytest.raises(dataclasses.FrozenInstanceError):
        del point.x
    with pytest.raises(AttributeError):
        point.z = 3


@pytest.mark.parametrize(
    ("given", "said"), [({}, "Point needs x"), ({"x": 1, "z": 2}, "Point has no field z")], ids=["too few", "too many"]
)
def test_a_value_wants_its_fields_and_no_others(given: dict[str, int], said: str) -> None:
    with pytest.raises(TypeError, match=said):
        Point(**given)


def test_another_value_is_made_by_our_replace_and_by_that_of_dataclasses() -> None:
    assert replaced(Point(x=1), y=5) == dataclasses.replace(Point(x=1), y=5) == Point(x=1, y=5)


def test_dataclasses_take_a_value_for_one_of_theirs() -> None:
    assert dataclasses.is_dataclass(LogEntry)
    assert dataclasses.asdict(Point(x=1)) == {"x": 1, "y": 2}
    assert [field.name for field in dataclasses.fields(LogEntry)] == list(LogEntry.__slots__)
    assert next(field.default for field in dataclasses.fields(Point)) is dataclasses.MISSING


def test_a_value_survives_copying_and_pickling() -> None:
    point = Point(x=[1])

    assert copy.copy(point) == copy.deepcopy(point) == pickle.loads(pickle.dumps(point)) == point
    assert copy.deepcopy(point).x is not point.x


def test_settings_never_show_their_key(tmp_path: object) -> None:
    settings = ReporterSettings.load({"redact_key": "canary-canary-canary", "journal": str(tmp_path)}, environ={})

    assert "canary" not in repr(settings)
    assert "redact_key=b'(hidden)'" in repr(settings)
