import collections
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bitacora.reporter.core.protobuf import any_value
from otel_bitacora.reporter.core.redact import Redactor
from otel_bitacora.reporter.core.safe import Limits, describe, encodable, plain


class Slow:
    asked = 0

    def __str__(self) -> str:
        Slow.asked += 1
        time.sleep(0.02)
        return "slow"


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.datetimes()
    | st.uuids()
    | st.builds(object),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.sets(st.text()),
)


@given(ANYTHING)
def test_any_value_becomes_one_that_encodes(value: object) -> None:
    assert isinstance(any_value(plain(value)), bytes)


@given(ANYTHING)
def test_a_plain_value_is_its_own_copy(value: object) -> None:
    once = plain(value)

    assert repr(plain(once)) == repr(once)


@pytest.mark.parametrize("text", ["plain", "ñandú", "\x00", "🜁"])
def test_text_that_encodes_stays_the_same_object(text: str) -> None:
    assert encodable(text) is text


def test_a_lone_surrogate_is_written_out() -> None:
    assert encodable("a\udc80b") == "a\\udc80b"


def test_width_is_bounded_and_says_how_much_is_missing() -> None:
    limits = Limits(items=2)

    assert plain([1, 2, 3, 4], limits=limits) == [1, 2, "<2 more>"]
    assert plain({"a": 1, "b": 2, "c": 3}, limits=limits) == {"a": 1, "b": 2, "…": "<1 more>"}


def test_depth_is_bounded() -> None:
    assert plain([[[1]]], limits=Limits(depth=2)) == [["<list: nested too deeply>"]]


def test_the_number_of_values_is_bounded_over_all() -> None:
    wide = [[[0] for _ in range(100)] for _ in range(100)]

    copied = plain(wide, limits=Limits(nodes=50))

    assert str(copied).count("[0]") < 50
    assert "too much to show" in str(copied)


def test_the_same_list_twice_is_no_cycle() -> None:
    shared = [1]

    assert plain([shared, shared]) == [[1], [1]]


def test_long_text_is_cut_and_says_how_long_it_was() -> None:
    assert plain("a" * 10**7, limits=Limits(text_chars=3)) == "aaa… <of 10000000 characters>"


def test_after_a_slow_value_its_siblings_are_not_asked() -> None:
    Slow.asked = 0

    copied = plain([Slow() for _ in range(100)], limits=Limits(seconds=0.03))

    assert Slow.asked < 100
    assert copied[0] == "slow"
    assert copied[-1] == "<Slow: too much to show>"


def test_a_plain_value_is_whole_however_long_the_thread_had_to_wait_for_a_cpu() -> None:
    limits = Limits(seconds=0)

    assert plain({"a": [1, [2, {"b": "c"}]]}, limits=limits) == {"a": [1, [2, {"b": "c"}]]}
    assert plain([Slow()], limits=limits) == ["<Slow: too much to show>"]


def test_a_container_that_lies_or_raises_is_a_placeholder() -> None:
    class Lying(dict[str, int]):
        def items(self):
            raise SystemExit

    assert plain({"x": Lying(a=1)}) == {"x": "<Lying: SystemExit>"}
    assert plain(collections.UserDict(a=[1])) == {"a": [1]}
    assert plain(collections.deque([1, 2])) == [1, 2]


def test_a_subclass_of_a_simple_type_is_what_is_inside() -> None:
    class Loud(str):
        __slots__ = ()

        def __str__(self) -> str:
            raise ValueError

    class Odd(int):
        def __int__(self) -> int:
            raise ValueError

    assert plain([Loud("quiet"), Odd(7)]) == ["quiet", 7]


def test_an_iterator_is_not_consumed() -> None:
    iterator = iter([1, 2])

    plain(iterator)

    assert list(iterator) == [1, 2]


def test_secrets_are_masked_wherever_they_are() -> None:
    value = {"password": {"old": "x"}, "deep": [{"api_key": 1}, "token=abc"], "session_id": "4111 1111 1111 1111"}

    assert plain({"user_id": {"password": "x"}}, cleaner=Redactor()) == {"user_id": {"password": "[REDACTED]"}}
    assert plain(value, cleaner=Redactor()) == {
        "password": "[REDACTED]",
        "deep": [{"api_key": "[REDACTED]"}, "token=[REDACTED]"],
        "session_id": "4111 1111 1111 1111",
    }


def test_text_of_an_object_that_returns_no_text_is_a_placeholder() -> None:
    class Wrong:
        def __str__(self) -> str:
            return 7  # type: ignore[return-value]  # noqa: PLE0307  # the point

    assert describe(Wrong()) == "<Wrong: __str__ raised TypeError>"
