import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitacora_collectors.contract import Group, Histogram, Kind, Metric, Reading
from otel_bitacora.monitor.monotone import MonotoneCounters, positions_beyond

BYTES = Metric("system.network.io", Kind.COUNTER, "By", "Bytes.", Group.NETWORK, ("network.interface.name",))
LOAD = Metric("system.cpu.load_average.1m", Kind.GAUGE, "{thread}", "Load.", Group.SYSTEM)
ETH0 = {"network.interface.name": "eth0"}
ETH1 = {"network.interface.name": "eth1"}


def value(counters: MonotoneCounters, reading: Reading) -> object:
    return counters.corrected([reading])[0].value


def test_a_counter_that_starts_again_goes_on_where_it_was() -> None:
    counters = MonotoneCounters()

    values = [value(counters, Reading(BYTES, count, ETH0)) for count in (1000, 1500, 20, 70, 10)]

    assert values == [1000, 1500, 1520, 1570, 1580]


def test_a_small_step_back_is_held_and_not_added() -> None:
    counters = MonotoneCounters()

    values = [value(counters, Reading(BYTES, count, ETH0)) for count in (100.5, 100.25, 101.0)]

    assert values == [100.5, 100.5, 101.0]


def test_a_counter_that_was_away_meanwhile_is_remembered() -> None:
    counters = MonotoneCounters()
    counters.corrected([Reading(BYTES, 1000, ETH0)])
    counters.corrected([])

    again = value(counters, Reading(BYTES, 5, ETH0))

    assert again == 1005


def test_series_are_told_apart_and_gauges_left_alone() -> None:
    counters = MonotoneCounters()
    counters.corrected([Reading(BYTES, 1000, ETH0), Reading(BYTES, 7, ETH1), Reading(LOAD, 3.0)])

    corrected = counters.corrected([Reading(BYTES, 0, ETH0), Reading(BYTES, 8, ETH1), Reading(LOAD, 1.0)])

    assert [reading.value for reading in corrected] == [1000, 8, 1.0]


def test_what_is_remembered_is_bounded() -> None:
    counters = MonotoneCounters(limit=10)

    for number in range(100):
        counters.corrected([Reading(BYTES, 5, {"network.interface.name": f"veth{number}"})])

    assert len(counters._seen) == 10


def test_a_distribution_of_somebody_elses_passes_as_it_is() -> None:
    histogram = Histogram((1.0,), (2, 3), 9.0)
    metric = Metric("x", Kind.COUNTER, "s", "", Group.SYSTEM)

    assert value(MonotoneCounters(), Reading(metric, histogram)) is histogram


@given(st.lists(st.integers(0, 2**63), max_size=50))
def test_no_counter_ever_falls(counts: list[int]) -> None:
    counters = MonotoneCounters()

    values = [counters.corrected([Reading(BYTES, count, ETH0)])[0].value for count in counts]

    assert values == sorted(values)  # type: ignore[type-var]


def test_a_reading_that_was_handed_out_before_passes_as_it_is() -> None:
    counters = MonotoneCounters()
    first = counters.corrected([Reading(BYTES, 1000, ETH0), Reading(BYTES, 7, ETH1)])

    readings = [first[0], Reading(BYTES, 2, ETH1)]
    again = counters.corrected(readings, positions_beyond(first, readings))

    assert again[0] is first[0]
    assert again[1].value == 9


@pytest.mark.parametrize("gone", [0, 1, 30, 98, 99])
def test_readings_that_have_moved_are_not_new(gone: int) -> None:
    before = [Reading(BYTES, number, ETH0) for number in range(100)]
    new = Reading(BYTES, 1, ETH1)

    readings = [*before[:gone], *before[gone + 1 :], new]

    beyond = positions_beyond(before, readings)
    assert 99 in beyond
    assert len(beyond) <= 100 // 8


def test_readings_are_new_that_stand_where_others_did() -> None:
    before = [Reading(BYTES, number, ETH0) for number in range(100)]
    readings = [Reading(BYTES, 1, ETH1), *before[1:50], Reading(BYTES, 2, ETH1), *before[51:]]

    assert positions_beyond(before, readings) == [0, 50]
    assert positions_beyond((), readings) == list(range(100))
