"""Goal 9: CPU to render 3,000 series, against OpenTelemetry's Prometheus reader with the same series."""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import cycle

from contest import answer_rounds, contender, contest, report

METRICS = 10
STARTS = (1234.5, 1235.87)  # two samples in turn: values change, series stay


def attributes(series: int) -> list[dict[str, str]]:
    return [{"pid": str(1000 + i), "name": f"proc-{i % 17}", "user": "dev"} for i in range(series // METRICS)]


def ours(series: int) -> Callable[[], bytes]:
    from bitacora_collectors.contract import Group, Kind, Metric, Reading
    from otel_bitacora.monitor.exposition import Exposition
    from otel_bitacora.monitor.snapshot import Family

    metrics = [Metric(f"bitacora.m{k}", Kind.GAUGE, "By", "A number.", Group.SYSTEM) for k in range(METRICS)]
    exposition, labels = Exposition({"service.name": "bench"}), attributes(series)
    samples = cycle(
        [Family(metric, [Reading(metric, start + i, one) for i, one in enumerate(labels)]) for metric in metrics]
        for start in STARTS
    )
    return lambda: exposition.render(next(samples))


def otel(series: int) -> Callable[[], bytes]:
    from opentelemetry.exporter.prometheus import PrometheusMetricReader
    from opentelemetry.metrics import Observation
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.resources import Resource
    from prometheus_client import CollectorRegistry, generate_latest

    registry, labels = CollectorRegistry(), attributes(series)
    reader = PrometheusMetricReader(registry=registry, scope_info_enabled=False)
    meter = MeterProvider([reader], resource=Resource({"service.name": "bench"})).get_meter("bench")
    for k in range(METRICS):
        samples = cycle([Observation(start + i, one) for i, one in enumerate(labels)] for start in STARTS)
        meter.create_observable_gauge(f"bitacora.m{k}", [lambda _, samples=samples: next(samples)], "By", "A number.")
    return lambda: generate_latest(registry)


def main() -> None:
    series = 3000
    commands = {name: [sys.executable, __file__, name, series] for name in ("ours", "otel")}
    found = contest(commands)
    for name, milliseconds in found.items():
        contender(name, cpu_ms=milliseconds, us_per_series=milliseconds * 1000 / series)
    report("9 render 3,000 series vs PrometheusMetricReader", found["ours"] / found["otel"], 0.05)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        answer_rounds({"ours": ours, "otel": otel}[sys.argv[1]](int(sys.argv[2])))
    else:
        main()
