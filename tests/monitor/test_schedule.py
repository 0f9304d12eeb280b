from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bitacora.monitor.schedule import Due, Schedule, SystemClock


def test_everything_is_due_at_the_start() -> None:
    schedule = Schedule({"fast": 5.0, "slow": 30.0}, start=100.0)

    due = schedule.due(100.0)

    assert due == Due(("fast", "slow"), frozenset({"fast", "slow"}))


def test_things_with_one_period_stay_in_the_same_tick_whatever_the_delays() -> None:
    schedule = Schedule({"one": 5.0, "other": 5.0}, start=0.0)

    ticks = [schedule.due(now).names for now in (0.0, 5.3, 10.1, 15.0)]

    assert ticks == [("one", "other")] * 4


def test_a_delay_of_several_periods_is_made_up_for_once() -> None:
    schedule = Schedule({"fast": 5.0}, start=0.0)
    schedule.due(0.0)

    after_a_suspend = [schedule.due(now).names for now in (100.0, 100.1, 105.0)]

    assert after_a_suspend == [("fast",), (), ("fast",)]


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
        assert schedule.due(now).names == ()


def test_what_is_sped_up_is_read_on_the_faster_grid_and_the_rest_as_before() -> None:
    schedule = Schedule({"cpu": 5.0, "disk": 5.0}, start=0.0)
    schedule.due(0.0)

    schedule.speed_up({"cpu": 1.0}, now=0.4)
    ticks = [schedule.due(now).names for now in (0.4, 1.0, 1.5, 2.0, 5.0)]

    assert ticks == [(), ("cpu",), (), ("cpu",), ("cpu", "disk")]


def test_what_is_sped_up_before_its_first_turn_has_that_turn() -> None:
    schedule = Schedule({"cpu": 5.0}, start=0.0)

    schedule.speed_up({"cpu": 1.0}, now=0.4)

    assert schedule.due(0.4) == Due(("cpu",), frozenset({"cpu"}))


def test_what_is_sped_up_keeps_a_turn_of_its_own_in_each_of_its_periods() -> None:
    schedule = Schedule({"cpu": 5.0}, start=0.0)
    schedule.speed_up({"cpu": 0.1}, now=0.0)

    own = [number / 10 for number in range(151) if schedule.due(number / 10).periodic]

    assert own == pytest.approx([0.0, 5.0, 10.0, 15.0], abs=0.05)


def test_two_grids_never_lead_to_two_readings_within_a_moment() -> None:
    schedule = Schedule({"cpu": 0.7}, start=0.0)
    schedule.speed_up({"cpu": 0.1}, now=0.0)
    now, read = 0.0, []

    while now < 20.0:
        if schedule.due(now).names:
            read.append(now)
        now += max(schedule.seconds_until_due(now), 1e-9)

    assert min(later - one for one, later in pairwise(read)) > 0.09


def test_a_period_that_is_not_faster_than_its_own_changes_nothing() -> None:
    schedule = Schedule({"cpu": 5.0}, start=0.0)
    schedule.due(0.0)

    schedule.speed_up({"cpu": 5.0, "nobody": 1.0}, now=0.0)

    assert schedule.due(1.0).names == ()
    assert schedule.seconds_until_due(1.0) == pytest.approx(4.0)


def test_a_second_subscriber_with_the_same_wish_starts_no_grid_anew() -> None:
    schedule = Schedule({"cpu": 5.0}, start=0.0)
    first = schedule.speed_up({"cpu": 1.0}, now=0.0)
    schedule.due(1.0)

    second = schedule.speed_up({"cpu": 1.0}, now=1.2)
    third = schedule.speed_up({"cpu": 0.5}, now=1.3)

    assert (first, second, third) == (True, False, True)
    assert schedule.seconds_until_due(1.3) == pytest.approx(0.2)


def test_who_is_called_for_is_read_at_once_and_keeps_its_turn() -> None:
    schedule = Schedule({"pressure": 5.0, "cpu": 5.0}, start=0.0)
    schedule.due(0.0)

    schedule.call(["pressure", "nobody"])
    waits = schedule.seconds_until_due(3.0)
    called, after, next_turn = schedule.due(3.0), schedule.due(3.1), schedule.due(5.0)

    assert waits == 0.0
    assert called == Due(("pressure",), frozenset())
    assert after.names == ()
    assert next_turn.periodic == {"pressure", "cpu"}


def test_the_machines_own_clock_tells_both_times() -> None:
    clock = SystemClock()

    before, after = clock.monotonic(), clock.monotonic()

    assert before <= after
    assert clock.time_ns() > 1_700_000_000_000_000_000
