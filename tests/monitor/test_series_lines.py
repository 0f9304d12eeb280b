"""Lines that are kept are the ones that would have been written."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bitacora_collectors.contract import Group, Kind, Metric, Reading
from otel_bitacora.monitor.series_lines import SeriesLines

LOAD = Metric("load", Kind.GAUGE, "1", "Load.", Group.SYSTEM, ("n",))
MAPPINGS = [{"n": number} for number in range(200)]


def prefix(attributes: object) -> str:
    return f"load{attributes} "


def written(readings: list[Reading]) -> bytes:
    last = {prefix(reading.attributes): reading.value for reading in readings}
    return "".join(f"{key}{value!r}\n" for key, value in last.items()).encode()


# Which series there are in each round, in any order and some twice, and which of them have changed.
ROUNDS = st.lists(st.lists(st.tuples(st.integers(0, 199), st.booleans()), max_size=150), max_size=6)


@settings(max_examples=150, deadline=None)
@given(ROUNDS)
def test_whatever_comes_goes_and_changes_the_text_is_that_of_a_new_one(rounds: list[list[tuple[int, bool]]]) -> None:
    lines, kept, value = SeriesLines(prefix), dict[int, Reading](), 0

    for members in rounds:
        readings = []
        for number, has_changed in members:
            if has_changed or number not in kept:
                value += 1
                kept[number] = Reading(LOAD, value, MAPPINGS[number])
            readings.append(kept[number])

        assert b"".join(lines.parts(readings)) == written(readings)


def test_processes_that_come_and_go_cost_only_their_own_lines() -> None:
    asked: list[object] = []

    def noted(attributes: object) -> str:
        asked.append(attributes)
        return prefix(attributes)

    lines = SeriesLines(noted)
    readings = [Reading(LOAD, number, MAPPINGS[number]) for number in range(150)]
    lines.parts(readings)
    asked.clear()

    after = [*readings[:10], *readings[13:80], *readings[81:], Reading(LOAD, 1, MAPPINGS[170])]

    assert b"".join(lines.parts(after)) == written(after)
    assert asked == [MAPPINGS[170]]


def test_what_has_not_changed_is_the_same_object() -> None:
    lines = SeriesLines(prefix)
    (part,) = lines.parts([Reading(LOAD, 1, MAPPINGS[0])])

    assert lines.parts([Reading(LOAD, 1, MAPPINGS[0])])[0] is part
    assert lines.parts([Reading(LOAD, 2, MAPPINGS[0])])[0] is not part


@pytest.mark.parametrize("change", ["value", "gone", "new"])
def test_a_series_that_changes_goes_or_comes_costs_its_part_and_few_behind_it(change: str) -> None:
    lines = SeriesLines(prefix)
    mappings = [{"n": number} for number in range(3000)]
    readings = [Reading(LOAD, number, mapping) for number, mapping in enumerate(mappings)]
    other = Reading(LOAD, -1, mappings[500] if change == "value" else {"n": 3000})
    after = [*readings[:500], *([] if change == "gone" else [other]), *readings[500 if change == "new" else 501 :]]
    before = lines.parts(readings)

    found = lines.parts(after)

    assert b"".join(before) == written(readings)
    assert b"".join(found) == written(after)
    assert len(found) > 10
    kept = {id(part) for part in before} & {id(part) for part in found}
    assert len(kept) >= len(found) - (1 if change == "value" else 6)
