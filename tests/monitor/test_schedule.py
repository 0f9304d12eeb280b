import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bitacora.monitor.schedule import Schedule, SystemClock


def test_everything_is_due_at_the_start() -> None:
    schedule = Schedule({"fast": 5.0, "slow": 30.0}, start=100.0)

    due = schedule.due(100.0)

    assert due == ["fast", "slow"]


def test_things_with_one_period_stay_in_the_same_tick_whatever_the_delays() -> None:
    schedule = Schedule({"one": 5.0, "other": 5.0}, start=0.0)

    ticks = [schedule.due(now) for now in (0.0, 5.3, 10.1, 15.0)]

    assert ticks == [["one", "other"]] * 4


def test_a_delay_of_several_periods_is_made_up_for_once() -> None:
    schedule = Schedule({"fast": 5.0}, start=0.0)
    schedule.due(0.0)

    after_a_suspend = [schedule.due(now) for now in (100.0, 100.1, 105.0)]

    assert after_a_suspend == [["fast"], [], ["fast"]]


def test_what_nobody_takes_is_overdue() -> None:
    schedule = Schedule({"fast": 5.0, "slow": 30.0}, start=0.0)
    schedule.due(0.0)

    overdue = [schedule.seconds_overdue(now) for now in (4.0, 5.0, 12.0)]

    assert overdue == [0.0, 0.0, 7.0]
    assert Schedule({}, start=0.0).seconds_overdue(50.0) == 0.0


def test_nothing_to_do_is_waited_for_a_second_at_a_time() -> None:
    schedule = Schedule({}, start=0.0)

    seconds = schedule.seconds_until_due(50.0)

    assert seconds == pytest.approx(1.0)


@given(
    periods=st.lists(st.floats(0.1, 3600), min_size=1, max_size=5),
    steps=st.lists(st.floats(0, 10_000), max_size=30),
)
def test_what_was_due_is_next_due_later_but_within_its_period(periods: list[float], steps: list[float]) -> None:
    schedule = Schedule({str(index): period for index, period in enumerate(periods)}, start=7.0)
    now = 7.0

    for step in steps:
        now += step
        schedule.due(now)

        assert 0 <= schedule.seconds_until_due(now) <= max(periods) * 1.001
        assert schedule.due(now) == []


def test_the_machines_own_clock_tells_both_times() -> None:
    clock = SystemClock()

    before, after = clock.monotonic(), clock.monotonic()

    assert before <= after
    assert clock.time_ns() > 1_700_000_000_000_000_000
