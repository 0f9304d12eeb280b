from collections.abc import Iterator

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricsData

from bitacora_collectors.contract import Group, Histogram, Kind, Metric, Reading
from otel_bitacora.monitor.instruments import register
from otel_bitacora.monitor.sampler import Sampler
from otel_bitacora.resource import SCHEMA_URL, HostIdentity
from otel_bitacora.testing import FakeClock, FakeHostCollector

CPU_TIME = Metric("system.cpu.time", Kind.COUNTER, "s", "CPU time.", Group.HARDWARE, ("cpu.mode",))
USAGE = Metric("system.memory.usage", Kind.UP_DOWN_COUNTER, "By", "Memory.", Group.HARDWARE)
LOAD = Metric("system.cpu.load_average.1m", Kind.GAUGE, "{thread}", "Load.", Group.SYSTEM)
DURATION = Metric("bitacora.action.duration", Kind.HISTOGRAM, "s", "Duration.", Group.PROCESS)


@pytest.fixture
def collector() -> FakeHostCollector:
    return FakeHostCollector(
        "fake", [Reading(CPU_TIME, 2.5, {"cpu.mode": "user"}), Reading(USAGE, 7), Reading(LOAD, 1)]
    )


@pytest.fixture
def sampler(collector: FakeHostCollector, identity: HostIdentity, clock: FakeClock) -> Sampler:
    return Sampler([collector], host=identity, clock=clock)


@pytest.fixture
def reader() -> InMemoryMetricReader:
    return InMemoryMetricReader()


@pytest.fixture
def provider(reader: InMemoryMetricReader) -> Iterator[MeterProvider]:
    provider = MeterProvider([reader])
    yield provider
    provider.shutdown()


def points(data: MetricsData | None) -> dict[str, list[tuple[dict[str, object], object]]]:
    scopes = data.resource_metrics[0].scope_metrics if data else []
    return {
        metric.name: [(dict(point.attributes or {}), point.value) for point in metric.data.data_points]  # type: ignore[union-attr]
        for scope in scopes
        for metric in scope.metrics
    }


def test_readers_get_the_snapshot_with_names_units_and_kinds(
    sampler: Sampler, provider: MeterProvider, reader: InMemoryMetricReader
) -> None:
    register(provider, sampler)
    sampler.tick()

    data = reader.get_metrics_data()

    assert data is not None
    scope = data.resource_metrics[0].scope_metrics[0]
    assert (scope.scope.name, scope.scope.schema_url) == ("otel_bitacora.monitor", SCHEMA_URL)
    assert {metric.name: metric.unit for metric in scope.metrics}["system.cpu.time"] == "s"
    kinds = {
        metric.name: (type(metric.data).__name__, getattr(metric.data, "is_monotonic", None))
        for metric in scope.metrics
    }
    assert kinds["system.cpu.time"] == ("Sum", True)
    assert kinds["system.memory.usage"] == ("Sum", False)
    assert kinds["system.cpu.load_average.1m"] == ("Gauge", None)
    assert points(data)["system.cpu.time"] == [({"cpu.mode": "user"}, 2.5)]
    assert points(data)["bitacora.collector.success"] == [({"collector": "fake"}, 1)]


def test_no_callback_reads_the_host(
    sampler: Sampler, collector: FakeHostCollector, provider: MeterProvider, reader: InMemoryMetricReader
) -> None:
    register(provider, sampler)
    sampler.tick()

    for _ in range(3):
        reader.get_metrics_data()

    assert collector.calls == 1


def test_before_the_first_snapshot_nothing_is_observed(
    sampler: Sampler, provider: MeterProvider, reader: InMemoryMetricReader
) -> None:
    register(provider, sampler)

    assert points(reader.get_metrics_data()) == {}


def test_two_readers_see_the_same_numbers(sampler: Sampler) -> None:
    first, second = InMemoryMetricReader(), InMemoryMetricReader()
    provider = MeterProvider([first, second])
    register(provider, sampler)
    sampler.tick()

    one, other = points(first.get_metrics_data()), points(second.get_metrics_data())

    assert one == other != {}
    provider.shutdown()


def test_histograms_get_no_instrument(identity: HostIdentity, provider: MeterProvider, clock: FakeClock) -> None:
    histogram = Reading(DURATION, Histogram((1.0,), (1, 0), 0.5))
    sampler = Sampler([FakeHostCollector("actions", [histogram])], host=identity, clock=clock)

    created = register(provider, sampler)

    assert DURATION.name not in [metric.name for metric in created]


def test_sums_of_executables_get_no_instrument_since_the_sdk_never_forgets_one(
    identity: HostIdentity, provider: MeterProvider, clock: FakeClock
) -> None:
    usage = Metric("process.memory.usage", Kind.UP_DOWN_COUNTER, "By", "", Group.PROCESS, ("process.executable.name",))
    reading = Reading(usage, 1, {"process.executable.name": "sh"})
    sampler = Sampler([FakeHostCollector("processes", [reading])], host=identity, clock=clock)

    created = register(provider, sampler)

    assert usage.name not in [metric.name for metric in created]
