"""A real Collector, and Prometheus's own receiver of OTLP, get what a real sidecar sends: it is what /metrics says."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from otel_bitacora.ops.catalogue import catalogue
from otel_bitacora.resource import SCHEMA_URL
from otel_bitacora.settings import Settings
from otel_bitacora.sidecar.sampling import select_with_own

from .sidecars import SidecarProcess, until  # tests are no package

pytestmark = pytest.mark.servers
Series = dict[tuple[str, frozenset[tuple[str, str]]], float]
StartSidecar = Callable[..., SidecarProcess]
ONE_SAMPLE = "3600"  # seconds between two samples: what is sent and what is scraped are the first one


@pytest.fixture
def start_sidecar(tmp_path: Path) -> Iterator[StartSidecar]:
    started: list[SidecarProcess] = []

    def start(*arguments: str, **environment: str) -> SidecarProcess:
        started.append(SidecarProcess(tmp_path / "state", *arguments, **environment))
        return started[-1]

    yield start
    for one in started:
        one.stop()


class Collector:
    """What a Collector has written: a line for each request."""

    def __init__(self, data: Path, url: str) -> None:
        self._data = data
        self.url = url

    @property
    def grpc_url(self) -> str:
        return f"http://127.0.0.1:{(self._data / 'grpc-port').read_text().strip()}"

    def requests(self) -> list[list[dict[str, Any]]]:
        """Return the Resources of each request."""
        path = self._data / "metrics.jsonl"
        lines = path.read_text().splitlines(keepends=True) if path.exists() else []
        return [json.loads(line)["resourceMetrics"] for line in lines if line.endswith("\n")]

    def until(self, count: int) -> list[list[dict[str, Any]]]:
        return until(self.requests, lambda found: len(found) >= count)

    def kill(self) -> None:
        script = Path(__file__).with_name("otelcol.sh")
        subprocess.run([script, "kill", self._data], check=True, timeout=60)


@pytest.fixture
def collector(start_server: Callable[..., str], tmp_path: Path) -> Collector:
    return Collector(tmp_path / "otelcol", start_server("otelcol"))


def attributes(pairs: list[dict[str, Any]]) -> dict[str, str]:
    return {pair["key"]: str(next(iter(pair["value"].values()))) for pair in pairs}


def points(metric: dict[str, Any]) -> list[dict[str, Any]]:
    return list((metric.get("sum") or metric.get("gauge"))["dataPoints"])


def value(point: dict[str, Any]) -> float:
    return float(point["asInt"]) if "asInt" in point else float(point.get("asDouble", 0.0))


def received(resource: dict[str, Any]) -> Series:
    """Return what a Resource holds under the names that /metrics has for it."""
    names = {row.name: row.prometheus for row in catalogue(select_with_own(Settings()).collectors)}
    return {
        (
            names[metric["name"]],
            frozenset((key.replace(".", "_"), text) for key, text in attributes(point.get("attributes", [])).items()),
        ): value(point)
        for scope in resource["scopeMetrics"]
        for metric in scope["metrics"]
        for point in points(metric)
    }


def scraped(text: str) -> Series:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name != "target_info" and "process_executable_name" not in sample.labels
    }


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_a_collector_gets_what_metrics_says(
    collector: Collector, start_sidecar: StartSidecar, protocol: str, compression: str
) -> None:
    url = collector.grpc_url if protocol == "grpc" else collector.url
    options = ("--otlp", url, "--otlp-protocol", protocol, "--interval", ONE_SAMPLE)
    sidecar = start_sidecar(*options, BITACORA_OTLP__COMPRESSION=compression)

    (host, *others) = collector.until(1)[0]
    text = sidecar.metrics()

    ours, theirs = scraped(text), received(host)
    assert theirs == ours
    assert len(theirs) > 100
    assert len(others) >= 1


def test_units_resources_scope_and_starts_are_right(collector: Collector, start_sidecar: StartSidecar) -> None:
    sidecar = start_sidecar("--otlp", collector.url, "--interval", ONE_SAMPLE)
    rows = {row.name: row for row in catalogue(select_with_own(Settings()).collectors)}

    host, *others = collector.until(1)[0]
    processes = [attributes(one["resource"]["attributes"]) for one in others]

    found = attributes(host["resource"]["attributes"])
    assert (found["service.name"], found["os.type"]) == ("otel-bitacora", "linux")
    assert {"service.instance.id", "host.name", "host.arch"} <= set(found)
    for resource in (host, *others):
        (scope,) = resource["scopeMetrics"]
        assert scope["scope"]["name"] == "otel_bitacora.monitor"
        assert resource["schemaUrl"] == scope["schemaUrl"] == SCHEMA_URL
        for metric in scope["metrics"]:
            row = rows[metric["name"]]
            assert (metric.get("unit", ""), metric["description"]) == (row.unit, row.description)
            assert ("gauge" in metric) is (row.instrument == "gauge")
            assert metric.get("sum", {}).get("isMonotonic", False) is (row.instrument == "counter")
            for point in points(metric):
                assert 0 < int(point.get("startTimeUnixNano", 1)) <= int(point["timeUnixNano"])
    own = [one for one in processes if one["process.pid"] == str(sidecar.process.pid)]
    assert len(own) == 1
    assert len({one["service.instance.id"] for one in processes}) == len(processes)


def test_a_collector_that_is_killed_costs_a_counter_and_gets_the_rest_when_it_is_back(
    collector: Collector, start_sidecar: StartSidecar, start_server: Callable[..., str]
) -> None:
    options = {"BITACORA_OTLP__INTERVAL_SECONDS": "1", "BITACORA_OTLP__TIMEOUT_SECONDS": "0.5"}
    sidecar = start_sidecar("--otlp", collector.url, "--interval", "0.5", **options)
    before = len(collector.until(2))

    collector.kill()
    sidecar.until(lambda text: 'bitacora_exporter_exports_total{error_type="unreachable"' in text)
    assert start_server("otelcol") == collector.url
    requests = collector.until(before + 2)
    said = sidecar.stop()

    assert said.count("metrics don't reach") == 1
    assert said.count(f"metrics reach {collector.url}/v1/metrics again") == 1
    histories: dict[tuple[str, str], list[tuple[int, float]]] = {}
    for host, *_ in requests:
        for metric in host["scopeMetrics"][0]["metrics"]:
            for point in points(metric) if metric.get("sum", {}).get("isMonotonic") else ():
                key = (metric["name"], json.dumps(point.get("attributes")))
                histories.setdefault(key, []).append((int(point["startTimeUnixNano"]), value(point)))
    assert histories
    for history in histories.values():
        assert len({start for start, _ in history}) == 1
        assert [counted for _, counted in history] == sorted(counted for _, counted in history)


def test_prometheus_own_receiver_has_the_same_series_as_its_scrape(
    start_server: Callable[..., str], start_sidecar: StartSidecar, tmp_path: Path
) -> None:
    # Prometheus is told whom to scrape when it is started, and the sidecar where to send: it finds the file later.
    targets = tmp_path / "targets.json"
    targets.write_text("[]")
    config = tmp_path / "scrape.yml"
    config.write_text(
        "global: {scrape_interval: 1s}\n"
        "scrape_configs:\n"
        "  - job_name: scraped\n"
        f"    file_sd_configs: [{{files: ['{targets}'], refresh_interval: 1s}}]\n"
    )
    url = start_server("prometheus", PROMETHEUS_FLAVOUR="go", PROMETHEUS_CONFIG=str(config))
    sidecar = start_sidecar("--otlp", f"{url}/api/v1/otlp", "--interval", ONE_SAMPLE)
    targets.write_text(json.dumps([{"targets": [sidecar.url.removeprefix("http://")]}]))

    def query(text: str) -> list[dict[str, Any]]:
        return list(httpx.get(f"{url}/api/v1/query", params={"query": text}, timeout=30).json()["data"]["result"])

    def series(job: str) -> Series:
        dropped = {"__name__", "job", "instance"}
        return {
            (
                one["metric"]["__name__"],
                frozenset(pair for pair in one["metric"].items() if pair[0] not in dropped),
            ): float(one["value"][1])
            for one in query(f'{{job="{job}",process_executable_name="",__name__!~"scrape_.*|up|target_info"}}')
        }

    theirs = until(lambda: series("scraped"), bool)
    ours = until(lambda: series("otel-bitacora"), lambda found: len(found) >= len(theirs))

    # Prometheus calls a gauge of unit 1 a ratio; OpenTelemetry's exporter for Python, whose names /metrics has, doesn't.
    rows = catalogue(select_with_own(Settings()).collectors)
    ratios = {row.prometheus for row in rows if row.instrument == "gauge" and row.unit == "1"}
    assert ours == {
        (f"{name}_ratio" if name in ratios else name, labels): value for (name, labels), value in theirs.items()
    }
    info = query('target_info{job="otel-bitacora"}')[0]["metric"]
    assert (info["os_type"], info["service_version"]) == (
        "linux",
        query("target_info{job='scraped'}")[0]["metric"]["service_version"],
    )
    processes = query(f'target_info{{process_pid="{sidecar.process.pid}"}}')
    instance = processes[0]["metric"]["instance"]
    assert len(query(f'process_memory_usage_bytes{{instance="{instance}"}}')) == 1
