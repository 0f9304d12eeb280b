"""The text is compared with what OpenTelemetry's own exporter writes from the same snapshot."""

import gzip
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client import Metric as PrometheusFamily
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from bitacora_collectors.contract import Exemplar, Group, Histogram, Kind, Metric, Reading
from otel_bitacora.monitor.exposition import Choice, Exposition
from otel_bitacora.monitor.instruments import register
from otel_bitacora.monitor.sampler import Sampler
from otel_bitacora.monitor.snapshot import Family, Snapshot
from otel_bitacora.resource import HostIdentity
from otel_bitacora.testing import FakeClock, FakeHostCollector

RESOURCE = {"service.name": "otel-bitacora", "host.name": 'the "lab"'}
LOAD = Metric("system.cpu.load_average.1m", Kind.GAUGE, "{thread}", "Average load over 1 minute.", Group.SYSTEM)
CPU_TIME = Metric("system.cpu.time", Kind.COUNTER, "s", "CPU time.", Group.HARDWARE, ("cpu.mode",))
IDENTITY = HostIdentity("lab", None, None, "linux", None, None, "Linux", None, None)

Comparable = dict[tuple[str, str, str], dict[tuple[str, frozenset[tuple[str, str]]], float]]


def snapshot_of(*readings: Reading) -> Snapshot:
    return Sampler([FakeHostCollector("fake", readings)], host=IDENTITY, clock=FakeClock()).tick()


def comparable(families: Iterable[PrometheusFamily]) -> Comparable:
    """Return families by name, type and help; a label that is empty is the same as none."""
    return {
        (family.name, family.type, family.documentation): {
            (sample.name, frozenset((key, value) for key, value in sample.labels.items() if value)): sample.value
            for sample in family.samples
        }
        for family in families
    }


def by_exporter(*readings: Reading, openmetrics: bool = False) -> str:
    """Return what OpenTelemetry's exporter makes of *readings*."""
    sampler = Sampler([FakeHostCollector("fake", readings)], host=IDENTITY, clock=FakeClock())
    sampler.tick()
    registry = CollectorRegistry()
    reader = PrometheusMetricReader(scope_info_enabled=False, registry=registry)
    provider = MeterProvider([reader], resource=Resource(RESOURCE))
    register(provider, sampler)
    text = (generate_openmetrics if openmetrics else generate_latest)(registry).decode()
    provider.shutdown()
    return text


def by_us(*readings: Reading, openmetrics: bool = False) -> str:
    return Exposition(RESOURCE).body(snapshot_of(*readings), Choice(openmetrics=openmetrics)).decode()


_words = st.from_regex(r"[a-z][a-z0-9_]{0,6}(\.[a-z0-9_]{1,6}){0,3}", fullmatch=True)
_units = st.sampled_from(
    ["s", "By", "1", "Cel", "W", "J", "Hz", "By/s", "rpm", "{thread}", "{x}/s", "us", "dBm", "", "%"]
)
_values = st.one_of(st.integers(0, 2**53), st.floats(0, allow_nan=False, allow_infinity=False))
_attributes = st.dictionaries(_words, st.one_of(st.text(max_size=8), st.integers(-5, 5), st.booleans()), max_size=3)
_text = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=20)


@st.composite
def _readings(draw: st.DrawFn) -> list[Reading]:
    """Return readings of a few metrics, each with distinct attributes, as one collector would make them."""
    readings = []
    for name in draw(st.lists(_words, min_size=1, max_size=4, unique_by=lambda name: name.replace(".", "_"))):
        kind = draw(st.sampled_from([Kind.COUNTER, Kind.UP_DOWN_COUNTER, Kind.GAUGE]))
        metric = Metric(f"x.{name}", kind, draw(_units), draw(_text), Group.SYSTEM)
        distinct = st.lists(_attributes, min_size=1, max_size=4, unique_by=lambda given: str(_sanitised(given)))
        readings += [Reading(metric, draw(_values), attributes) for attributes in draw(distinct)]
    return readings


def _sanitised(attributes: dict[str, object]) -> list[tuple[str, str]]:
    return sorted((key.replace(".", "_"), str(value)) for key, value in attributes.items() if str(value))


@given(_readings())
def test_text_says_what_the_otel_exporter_says(readings: list[Reading]) -> None:
    if _collides(readings):
        return  # two names that Prometheus spells alike: the exporter writes the family twice

    ours, theirs = by_us(*readings), by_exporter(*readings)

    assert without_health(parse_text(ours)) == without_health(parse_text(theirs))


@given(_readings())
def test_openmetrics_says_what_the_exporter_says_in_openmetrics(readings: list[Reading]) -> None:
    if _collides(readings):
        return

    ours, theirs = by_us(*readings, openmetrics=True), by_exporter(*readings, openmetrics=True)

    assert without_health(_parsed_openmetrics(ours)) == without_health(_parsed_openmetrics(theirs))


def _parsed_openmetrics(text: str) -> list[PrometheusFamily]:
    return list(parse_openmetrics(text))


def without_health(families: Iterable[PrometheusFamily]) -> Comparable:
    return {key: found for key, found in comparable(families).items() if not key[0].startswith("bitacora_collector_")}


def _collides(readings: list[Reading]) -> bool:
    from otel_bitacora.monitor.names import family_name, sample_name

    metrics = {reading.metric.name: reading.metric for reading in readings}.values()
    names = [name for metric in metrics for name in {family_name(metric), sample_name(metric)}]
    return len(names) != len(set(names))


def test_one_family_reads_like_this() -> None:
    readings = (
        Reading(CPU_TIME, 12.5, {"cpu.mode": "user"}),
        Reading(CPU_TIME, 3, {"cpu.mode": "system"}),
        Reading(LOAD, 0.25),
    )

    lines = by_us(*readings).splitlines()

    assert lines[:10] == [
        "# HELP target_info Target metadata",
        "# TYPE target_info gauge",
        'target_info{host_name="the \\"lab\\"",service_name="otel-bitacora"} 1.0',
        "# HELP system_cpu_time_seconds_total CPU time.",
        "# TYPE system_cpu_time_seconds_total counter",
        'system_cpu_time_seconds_total{cpu_mode="user"} 12.5',
        'system_cpu_time_seconds_total{cpu_mode="system"} 3',
        "# HELP system_cpu_load_average_1m Average load over 1 minute.",
        "# TYPE system_cpu_load_average_1m gauge",
        "system_cpu_load_average_1m 0.25",
    ]


@pytest.mark.parametrize("nasty", ['"', "\\", "\n", "a\\nb", '\\"', "ñ", "\x00", "}", ","])
def test_a_label_comes_out_as_it_went_in(nasty: str) -> None:
    text = by_us(Reading(CPU_TIME, 1, {"cpu.mode": nasty}))

    samples = [sample for family in parse_text(text) for sample in family.samples if "cpu_mode" in sample.labels]
    assert [sample.labels["cpu_mode"] for sample in samples] == [nasty]


def test_a_series_given_twice_is_written_once_or_the_whole_scrape_would_fail() -> None:
    text = by_us(Reading(LOAD, 1), Reading(LOAD, 2))

    assert [line for line in text.splitlines() if line.startswith("system_cpu_load")] == [
        "system_cpu_load_average_1m 2"
    ]


def test_a_histogram_is_written_cumulatively_with_its_exemplar_behind_the_right_bucket() -> None:
    duration = Metric("bitacora.action.duration", Kind.HISTOGRAM, "s", "Duration.", Group.PROCESS, ("type",))
    histogram = Histogram((0.5, 1.0), (1, 2, 3), 9.5, Exemplar(0.75, 1_700_000_000_000_000_000, "ab" * 16, "cd" * 8))
    reading = Reading(duration, histogram, {"type": "build"})

    text, openmetrics = by_us(reading), by_us(reading, openmetrics=True)

    family = next(one for one in parse_text(text) if one.name == "bitacora_action_duration_seconds")
    assert {(one.name, one.labels.get("le")): one.value for one in family.samples} == {
        ("bitacora_action_duration_seconds_bucket", "0.5"): 1,
        ("bitacora_action_duration_seconds_bucket", "1.0"): 3,
        ("bitacora_action_duration_seconds_bucket", "+Inf"): 6,
        ("bitacora_action_duration_seconds_sum", None): 9.5,
        ("bitacora_action_duration_seconds_count", None): 6,
    }
    parsed = next(one for one in parse_openmetrics(openmetrics) if one.name == "bitacora_action_duration_seconds")
    exemplars = {one.labels.get("le"): one.exemplar for one in parsed.samples if one.exemplar}
    assert list(exemplars) == ["1.0"]
    assert exemplars["1.0"].labels == {"trace_id": "ab" * 16, "span_id": "cd" * 8}


def test_series_that_have_gone_are_forgotten() -> None:
    exposition = Exposition(RESOURCE)

    for number in range(1000):
        exposition.render([Family(CPU_TIME, [Reading(CPU_TIME, 1, {"cpu.mode": f"mode{number}"})])])

    assert len(exposition._series[CPU_TIME.name]._attributes) == 1


def test_attributes_at_an_address_used_before_are_not_taken_for_the_old_ones() -> None:
    exposition = Exposition(RESOURCE)

    # Each mapping dies after its render, and the next is most likely put in its place.
    bodies = [
        exposition.render([Family(CPU_TIME, [Reading(CPU_TIME, 1, {"cpu.mode": f"mode{number}"})])])
        for number in range(300)
    ]

    assert all(f'cpu_mode="mode{number}"'.encode() in body for number, body in enumerate(bodies))


def test_a_body_is_rendered_once_for_each_snapshot_and_choice() -> None:
    exposition, snapshot = Exposition(RESOURCE), snapshot_of(Reading(LOAD, 1))

    first, again = exposition.body(snapshot), exposition.body(snapshot)
    zipped = exposition.body(snapshot, Choice(gzip=True))

    assert first is again
    assert gzip.decompress(zipped) == first


def test_another_snapshot_is_another_body(clock: FakeClock) -> None:
    load = FakeHostCollector("load", [Reading(LOAD, 1)])
    sampler, exposition = Sampler([load], host=IDENTITY, clock=clock), Exposition(RESOURCE)
    before = exposition.body(sampler.tick())

    load.readings = (Reading(LOAD, 2),)
    clock.advance(5.0)
    after = exposition.body(sampler.tick())

    assert b"system_cpu_load_average_1m 1\n" in before
    assert b"system_cpu_load_average_1m 2\n" in after


def test_a_choice_of_collectors_leaves_out_the_others_and_their_health() -> None:
    load, cpu = FakeHostCollector("load", [Reading(LOAD, 1)]), FakeHostCollector("cpu", [Reading(CPU_TIME, 2)])
    snapshot = Sampler([load, cpu], host=IDENTITY, clock=FakeClock()).tick()

    text = Exposition(RESOURCE).body(snapshot, Choice(collectors=frozenset({"load"}))).decode()

    assert "system_cpu_load_average_1m 1" in text
    assert "system_cpu_time" not in text
    assert 'bitacora_collector_success{collector="cpu"}' not in text
