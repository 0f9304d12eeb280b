"""A session and its machine, written and read back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, get_args

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otel_bitacora import DevMetrics
from otel_bitacora.domain.session import SessionStatus
from otel_bitacora.errors import SessionError
from otel_bitacora.session.figures import SessionMetrics
from otel_bitacora.session.integration import MetricsSource

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
TIMES = st.datetimes(datetime(1980, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - it is given one
PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    float: st.floats(allow_nan=False, allow_infinity=False),
    int: st.integers(0, 2**53),
    str: st.text(st.characters(exclude_categories=["Cs"])),
    datetime: TIMES,
}


@pytest.fixture(autouse=True, scope="module")
def _what_json_can_hold() -> None:
    for kind, strategy in PLAIN.items():
        st.register_type_strategy(kind, strategy)
    st.register_type_strategy(Mapping, lambda kind: st.dictionaries(*map(st.from_type, get_args(kind)), max_size=3))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_whatever_is_written_is_read_back_the_same(data: st.DataObject) -> None:
    metrics = data.draw(st.from_type(DevMetrics))

    assert DevMetrics.from_json(metrics.to_json()) == metrics
    assert DevMetrics.from_dict(metrics.to_dict()) == metrics


@pytest.fixture
def written(machine: MetricsSource) -> dict[str, Any]:
    import asyncio

    system, hardware = asyncio.run(machine.get_system_metrics()), asyncio.run(machine.get_hardware_metrics())
    session = SessionMetrics(session_id="s", status=SessionStatus.PAUSED, started_at=NOON)
    return DevMetrics.combine(session, system, hardware, collected_at=NOON).to_dict()


def test_what_another_version_has_added_or_lacks_costs_nothing(written: dict[str, Any]) -> None:
    written["session"]["mood"] = "fine"
    del written["session"]["pause_count"], written["session"]["records_by_level"], written["system"]["load"]

    found = DevMetrics.from_dict(written)

    assert (found.session.status, found.session.pause_count, found.session.records_by_level) == ("Paused", 0, {})
    assert found.system.load is None


@pytest.mark.parametrize("text", ["{", "[]", "{}", '"x"'])
def test_what_is_no_such_thing_is_an_error(text: str) -> None:
    with pytest.raises(SessionError, match="DevMetrics"):
        DevMetrics.from_json(text)


def test_the_field_that_is_wrong_is_named(written: dict[str, Any]) -> None:
    written["session"]["status"] = "Asleep"

    with pytest.raises(SessionError, match=r"DevMetrics\.session\.status: expected one of .*Paused.*'Asleep'"):
        DevMetrics.from_json(orjson.dumps(written))


def test_a_dict_that_json_cannot_hold_is_an_error(written: dict[str, Any]) -> None:
    with pytest.raises(SessionError, match="nothing that JSON can hold"):
        DevMetrics.from_dict({**written, "session": object()})
