"""What holds for every collector of a host and every clock, those that are made for tests included."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bitacora_collectors import BUILTIN
from bitacora_collectors.contract import (
    Closeable,
    Collector,
    EntityCollector,
    Group,
    Host,
    Kind,
    Metric,
    Reading,
    Unavailable,
)
from otel_bitacora.monitor.schedule import Clock, SystemClock
from otel_bitacora.testing import FakeClock, FakeHostCollector, RecordedHost

LAPTOP = Path(__file__).parents[1] / "fixtures" / "hosts" / "laptop"
IO = Metric("system.network.io", Kind.COUNTER, "By", "Bytes.", Group.NETWORK, ("network.interface.name",))


class FakeEntity:
    attributes = {"network.interface.name": "eth0"}  # noqa: RUF012  # immutable to whoever reads it

    def readings(self) -> tuple[Reading, ...]:
        return (Reading(IO, 1, self.attributes),)


def fake(_: Host) -> FakeHostCollector:
    made = FakeHostCollector("traffic", [Reading(IO, 5, {"network.interface.name": "eth0"})], group=Group.NETWORK)
    made.found = (FakeEntity(),)
    return made


@pytest.fixture(params=[fake, *BUILTIN], ids=lambda factory: getattr(factory, "name", "FakeHostCollector"))
def collector(request: pytest.FixtureRequest) -> Collector:
    made: Collector = request.param(RecordedHost(LAPTOP).host)
    return made


def collected(collector: Collector) -> list[Reading]:
    try:
        return list(collector.collect())
    except Unavailable as reason:
        pytest.skip(str(reason))


def test_a_collector_says_who_it_is_and_how_often_it_wants_to_be_read(collector: Collector) -> None:
    assert collector.name
    assert isinstance(collector.group, Group)
    assert collector.interval_seconds > 0
    assert len({metric.name for metric in collector.metrics}) == len(collector.metrics) > 0


def test_a_collector_reads_only_what_it_declares(collector: Collector) -> None:
    for _ in range(2):
        for reading in collected(collector):
            assert reading.metric in collector.metrics
            assert set(reading.attributes) <= set(reading.metric.attributes)


def test_entities_have_an_identity_and_values_when_asked(collector: Collector) -> None:
    collected(collector)
    if not isinstance(collector, EntityCollector):
        pytest.skip("it finds none")

    for entity in collector.entities():
        assert entity.attributes
        assert all(isinstance(reading, Reading) for reading in entity.readings())


def test_a_collector_may_be_closed_more_than_once(collector: Collector) -> None:
    if not isinstance(collector, Closeable):
        pytest.skip("it holds nothing")

    collector.close()
    collector.close()


@pytest.mark.parametrize("make", [SystemClock, FakeClock, lambda: RecordedHost(LAPTOP).clock])
def test_a_clock_goes_on_and_says_when_it_is(make: Callable[[], Clock]) -> None:
    clock = make()
    before, after = clock.monotonic(), clock.monotonic()

    assert after >= before > 0
    assert 10**18 < clock.time_ns() < 10**19
    assert isinstance(clock.time_ns(), int)


def test_a_fake_collector_fails_and_counts_as_it_is_told() -> None:
    collector = fake(Host(LAPTOP))
    collector.error = OSError("unplugged")

    with pytest.raises(OSError, match="unplugged"):
        collector.collect()
    assert (collector.calls, collector.asked.is_set()) == (1, True)


def test_a_jump_of_the_wall_clock_is_no_time_that_passes() -> None:
    clock = FakeClock()
    before = clock.monotonic(), clock.time_ns()

    clock.jump(-3600)
    clock.advance(2.5)

    assert clock.monotonic() - before[0] == 2.5
    assert clock.time_ns() - before[1] == -3_597_500_000_000
