"""What a snapshot becomes, against what OpenTelemetry's SDK makes of the same one, and through its own encoder."""

from datetime import UTC, datetime
from types import MappingProxyType

import pytest
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from bitacora_collectors.contract import Exemplar, Group, Histogram, Kind, Metric, Reading
from otel_bitacora.monitor.instruments import register
from otel_bitacora.monitor.otlp.translation import Translation
from otel_bitacora.monitor.sampler import Sampler
from otel_bitacora.resource import SCHEMA_URL, HostIdentity
from otel_bitacora.testing import FakeClock, FakeHostCollector

EXECUTABLE, UNIT = "process.executable.name", "systemd.unit.name"
TIME = Metric("system.cpu.time", Kind.COUNTER, "s", "CPU time.", Group.HARDWARE, ("cpu.mode",))
USAGE = Metric("system.memory.usage", Kind.UP_DOWN_COUNTER, "By", "Memory.", Group.HARDWARE)
LOAD = Metric("system.cpu.load_average.1m", Kind.GAUGE, "{thread}", "Load.", Group.SYSTEM)
UPTIME = Metric("system.uptime", Kind.GAUGE, "s", "Uptime.", Group.SYSTEM)
OWN_TIME = Metric("bitacora.sidecar.cpu.time", Kind.COUNTER, "s", "Own.", Group.PROCESS)
DURATION = Metric("bitacora.action.duration", Kind.HISTOGRAM, "s", "Duration.", Group.PROCESS)
PROCESS_TIME = Metric("process.cpu.time", Kind.COUNTER, "s", "CPU time.", Group.PROCESS, (EXECUTABLE,))
RESTARTS = Metric("systemd.service.restarts", Kind.COUNTER, "{restart}", "Restarts.", Group.SYSTEM, (UNIT,))

RESOURCE = {
    "service.name": "otel-bitacora",
    "service.version": "0.1.0",
    "service.instance.id": "one",
    "host.name": "lab",
}
STARTED = 1_000_000_000


class Process:
    def __init__(self, pid: int, created: str, *, seconds: float = 1.5) -> None:
        self.attributes = MappingProxyType(
            {
                "process.pid": pid,
                "process.creation.time": created,
                EXECUTABLE: "make",
                "process.command_line": "make TOKEN=hunter2",  # never sent
            }
        )
        self._seconds = seconds

    def readings(self) -> tuple[Reading, ...]:
        return (Reading(PROCESS_TIME, self._seconds),)


class Port:
    attributes = MappingProxyType({"network.local.port": 22})

    def readings(self) -> tuple[Reading, ...]:
        return ()


def host_readings() -> list[Reading]:
    return [
        Reading(TIME, 2.5, {"cpu.mode": "user"}),
        Reading(TIME, 4, {"cpu.mode": "idle"}),
        Reading(USAGE, 7),
        Reading(LOAD, 0.25),
        Reading(UPTIME, 100.0),
        Reading(OWN_TIME, 0.5),
    ]


def sampler(*collectors: FakeHostCollector, identity: HostIdentity, clock: FakeClock) -> Sampler:
    return Sampler(collectors, host=identity, clock=clock)


def encoded(one: Sampler, *, processes: bool = True) -> list[metrics_pb2.ResourceMetrics]:
    translation = Translation(RESOURCE, started_unix_nano=STARTED, processes=processes)
    return list(encode_metrics(translation.metrics_data(one.tick())).resource_metrics)


def metric(resource: metrics_pb2.ResourceMetrics, name: str) -> metrics_pb2.Metric:
    (scope,) = resource.scope_metrics
    (found,) = [one for one in scope.metrics if one.name == name]
    return found


def attributes(resource: metrics_pb2.ResourceMetrics) -> dict[str, object]:
    pairs = resource.resource.attributes
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "") for pair in pairs}


def test_the_host_is_sent_as_the_sdk_would_send_it_but_for_the_times(identity: HostIdentity, clock: FakeClock) -> None:
    one = sampler(FakeHostCollector("host", host_readings()), identity=identity, clock=clock)
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    register(provider, one)

    (ours,) = encoded(one)
    data = reader.get_metrics_data()
    assert data is not None
    (sdk,) = encode_metrics(data).resource_metrics

    def without_times(resource: metrics_pb2.ResourceMetrics) -> dict[str, metrics_pb2.Metric]:
        for found in resource.scope_metrics[0].metrics:
            for point in (*found.sum.data_points, *found.gauge.data_points):
                point.ClearField("start_time_unix_nano")
                point.ClearField("time_unix_nano")
        return {found.name: found for found in resource.scope_metrics[0].metrics}

    assert without_times(ours) == without_times(sdk)
    assert ours.scope_metrics[0].scope == sdk.scope_metrics[0].scope
    assert ours.scope_metrics[0].schema_url == sdk.scope_metrics[0].schema_url == SCHEMA_URL
    provider.shutdown()


def test_only_the_snapshot_is_read_and_never_the_host(identity: HostIdentity, clock: FakeClock) -> None:
    collector = FakeHostCollector("host", host_readings())
    taken = sampler(collector, identity=identity, clock=clock).tick()
    translation = Translation(RESOURCE, started_unix_nano=STARTED)

    first, second = translation.metrics_data(taken), translation.metrics_data(taken)

    assert collector.calls == 1
    assert first == second


def test_sums_are_cumulative_and_only_counters_monotonic(identity: HostIdentity, clock: FakeClock) -> None:
    (host,) = encoded(sampler(FakeHostCollector("host", host_readings()), identity=identity, clock=clock))

    assert metric(host, TIME.name).sum.aggregation_temporality == metrics_pb2.AGGREGATION_TEMPORALITY_CUMULATIVE
    assert metric(host, TIME.name).sum.is_monotonic
    assert metric(host, USAGE.name).sum.aggregation_temporality == metrics_pb2.AGGREGATION_TEMPORALITY_CUMULATIVE
    assert not metric(host, USAGE.name).sum.is_monotonic
    assert metric(host, LOAD.name).WhichOneof("data") == "gauge"


def test_the_host_counts_since_it_was_started_and_this_program_since_it_was(
    identity: HostIdentity, clock: FakeClock
) -> None:
    read_at = clock.time_ns()

    (host,) = encoded(sampler(FakeHostCollector("host", host_readings()), identity=identity, clock=clock))

    (own,), (first, _) = metric(host, OWN_TIME.name).sum.data_points, metric(host, TIME.name).sum.data_points
    timeouts = metric(host, "bitacora.collector.timeouts").sum.data_points[0]
    assert first.start_time_unix_nano == read_at - 100 * 10**9
    assert (own.start_time_unix_nano, timeouts.start_time_unix_nano) == (STARTED, STARTED)
    assert first.time_unix_nano == read_at


def test_the_start_stays_when_the_clock_or_the_uptime_wanders(identity: HostIdentity, clock: FakeClock) -> None:
    collector = FakeHostCollector("host", host_readings())
    one = sampler(collector, identity=identity, clock=clock)
    translation = Translation(RESOURCE, started_unix_nano=STARTED)
    starts = []

    for uptime in (100.0, 104.9, 110.2):
        collector.readings = (Reading(TIME, uptime, {"cpu.mode": "user"}), Reading(UPTIME, uptime))
        (host,) = encode_metrics(translation.metrics_data(one.tick())).resource_metrics
        starts.append(metric(host, TIME.name).sum.data_points[0].start_time_unix_nano)
        clock.advance(5.0)

    assert len(set(starts)) == 1


def test_nothing_has_begun_to_count_after_it_was_read(identity: HostIdentity, clock: FakeClock) -> None:
    one = sampler(FakeHostCollector("host", [Reading(OWN_TIME, 1)]), identity=identity, clock=clock)
    translation = Translation(RESOURCE, started_unix_nano=2**62)

    (host,) = encode_metrics(translation.metrics_data(one.tick())).resource_metrics

    point = metric(host, OWN_TIME.name).sum.data_points[0]
    assert point.start_time_unix_nano == point.time_unix_nano == clock.time_ns()


def test_a_value_that_was_read_earlier_has_the_time_that_it_was_read_at(
    identity: HostIdentity, clock: FakeClock
) -> None:
    fast, slow = FakeHostCollector("fast", [Reading(LOAD, 1)]), FakeHostCollector("slow", [Reading(USAGE, 2)])
    slow.interval_seconds = 30.0
    one = sampler(fast, slow, identity=identity, clock=clock)
    read_at = clock.time_ns()
    one.tick()

    clock.advance(5.0)
    (host,) = encoded(one)

    assert metric(host, USAGE.name).sum.data_points[0].time_unix_nano == read_at
    assert metric(host, LOAD.name).gauge.data_points[0].time_unix_nano == read_at + 5 * 10**9


def test_each_process_is_a_resource_with_an_identity_of_its_own(identity: HostIdentity, clock: FakeClock) -> None:
    processes = FakeHostCollector("processes", [Reading(PROCESS_TIME, 9, {EXECUTABLE: "make"})])
    created = "2026-11-24T08:00:00.250Z"
    processes.found = (Process(7, created), Process(8, created, seconds=2.5), Port())

    host, seven, eight = encoded(sampler(processes, identity=identity, clock=clock))

    found = attributes(seven)
    assert found.pop("service.instance.id") != attributes(eight)["service.instance.id"]
    assert found == {
        "host.name": "lab",
        "process.pid": 7,
        "process.creation.time": created,
        EXECUTABLE: "make",
        "service.name": "unknown_service:make",
    }
    (point,) = metric(seven, PROCESS_TIME.name).sum.data_points
    expected = datetime(2026, 11, 24, 8, 0, 0, 250_000, tzinfo=UTC).timestamp()
    assert (point.as_double, list(point.attributes)) == (1.5, [])
    assert point.start_time_unix_nano == min(round(expected * 1e9), clock.time_ns())
    # The sums of them would count everything twice.
    assert PROCESS_TIME.name not in [one.name for one in host.scope_metrics[0].metrics]


def test_the_identity_of_a_process_stays_and_is_another_after_its_number_was_given_again(
    identity: HostIdentity, clock: FakeClock
) -> None:
    processes = FakeHostCollector("processes", metrics=[PROCESS_TIME])
    one = sampler(processes, identity=identity, clock=clock)
    ids = []

    for created in ("2026-11-24T08:00:00.000Z", "2026-11-24T08:00:00.000Z", "2026-11-24T09:00:00.000Z"):
        processes.found = (Process(7, created),)
        ids.append(attributes(encoded(one)[1])["service.instance.id"])
        clock.advance(5.0)

    assert ids[0] == ids[1] != ids[2]


def test_where_processes_are_not_wanted_their_sums_are_sent(identity: HostIdentity, clock: FakeClock) -> None:
    processes = FakeHostCollector("processes", [Reading(PROCESS_TIME, 9, {EXECUTABLE: "make"})])
    processes.found = (Process(7, "2026-11-24T08:00:00.000Z"),)

    (host,) = encoded(sampler(processes, identity=identity, clock=clock), processes=False)

    assert [point.as_int for point in metric(host, PROCESS_TIME.name).sum.data_points] == [9]


def test_a_unit_of_systemd_is_a_resource_and_no_attribute(identity: HostIdentity, clock: FakeClock) -> None:
    services = FakeHostCollector(
        "services", [Reading(RESTARTS, 3, {UNIT: "a.service"}), Reading(RESTARTS, 5, {UNIT: "b.service"})]
    )

    _, first, second = encoded(sampler(services, identity=identity, clock=clock))

    assert [attributes(one)[UNIT] for one in (first, second)] == ["a.service", "b.service"]
    assert attributes(first)["service.instance.id"] != attributes(second)["service.instance.id"]
    (point,) = metric(second, RESTARTS.name).sum.data_points
    assert (point.as_int, list(point.attributes)) == (5, [])


def test_a_histogram_is_sent_with_its_exemplar(identity: HostIdentity, clock: FakeClock) -> None:
    exemplar = Exemplar(0.7, 123, trace_id="0af7651916cd43dd8448eb211c80319c", span_id="b7ad6b7169203331")
    histogram = Histogram((0.1, 1.0), (1, 2, 3), 12.5, exemplar)
    actions = FakeHostCollector("actions", [Reading(DURATION, histogram)])

    (host,) = encoded(sampler(actions, identity=identity, clock=clock))

    found = metric(host, DURATION.name).histogram
    (point,) = found.data_points
    assert found.aggregation_temporality == metrics_pb2.AGGREGATION_TEMPORALITY_CUMULATIVE
    assert (point.count, point.sum, list(point.bucket_counts), list(point.explicit_bounds)) == (
        6,
        12.5,
        [1, 2, 3],
        [0.1, 1.0],
    )
    assert not point.HasField("min")
    assert point.exemplars[0].trace_id.hex() == exemplar.trace_id
    assert point.exemplars[0].span_id.hex() == exemplar.span_id


def test_a_series_that_is_given_twice_is_sent_once_as_in_prometheus(identity: HostIdentity, clock: FakeClock) -> None:
    one, other = FakeHostCollector("one", [Reading(LOAD, 1)]), FakeHostCollector("other", [Reading(LOAD, 2)])

    (host,) = encoded(sampler(one, other, identity=identity, clock=clock))

    assert [point.as_int for point in metric(host, LOAD.name).gauge.data_points] == [2]


@pytest.mark.parametrize("processes", [True, False])
def test_a_collector_that_failed_sends_nothing_but_that_it_failed(
    identity: HostIdentity, clock: FakeClock, processes: bool
) -> None:
    bad = FakeHostCollector("bad", metrics=[LOAD])
    bad.error = OSError("no")

    (host,) = encoded(sampler(bad, identity=identity, clock=clock), processes=processes)

    assert LOAD.name not in [one.name for one in host.scope_metrics[0].metrics]
    assert [point.as_int for point in metric(host, "bitacora.collector.success").gauge.data_points] == [0]
