"""Goal 11: CPU per minute of the sidecar at 5 s, scraped every 5 s, all default collectors, and the latency of a scrape.

Against node_exporter with its default collectors, and with those that read what ours read; nothing of it looks at single
processes, as ours does. Against the Collector's hostmetrics with its process scraper, as the machine is and with
`--processes` (1,000) more that sleep. Each part takes `--seconds` (120) of real time: all are watched side by side.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import time
from collections.abc import Iterator

from contest import contender, report
from crowd import crowd
from exporters import Exporter, hostmetrics, node_exporter, sidecar

# What reads the subjects of our default collectors; of `services` and `gpu` there are none on a machine without them.
SAME = (
    *("cpu", "cpufreq", "diskstats", "filesystem", "hwmon", "loadavg", "meminfo", "netclass", "netdev", "netstat"),
    *("os", "powersupplyclass", "pressure", "processes", "rapl", "stat", "tcpstat", "thermal_zone", "vmstat"),
)
_SETTLING_SECONDS = 12  # the first samples look at each process for the first time


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--processes", type=int, default=1000)
    arguments = parser.parse_args()
    cycles = arguments.seconds // 5
    same = ("--collector.disable-defaults", *(f"--collector.{name}" for name in SAME))
    with running(
        sidecar(), node_exporter(), node_exporter(*same, name="node_exporter, same subjects"), hostmetrics()
    ) as all_of_them:
        cpu, latency = watch(all_of_them, cycles)
    ours, peer, peer_same, collector = (exporter.name for exporter in all_of_them)
    report("11 CPU per minute vs node_exporter, its default collectors", cpu[ours] / cpu[peer], 1.0)
    report("11 CPU per minute vs node_exporter, the same subjects", cpu[ours] / cpu[peer_same], 1.0)
    report("11 scrape latency vs node_exporter", latency[ours] / latency[peer], 0.5)
    report("11 CPU per minute vs hostmetrics", cpu[ours] / cpu[collector], 0.25)
    more = arguments.processes
    with (
        crowd(more),
        running(sidecar(name=f"otel-bitacora, +{more}"), hostmetrics(name=f"hostmetrics, +{more}")) as both,
    ):
        cpu, _ = watch(both, cycles)
    ours, collector = (exporter.name for exporter in both)
    report(f"11 CPU per minute vs hostmetrics, {more:,} more processes", cpu[ours] / cpu[collector], 0.25)


@contextlib.contextmanager
def running(*exporters: Exporter) -> Iterator[tuple[Exporter, ...]]:
    """Stop *exporters* at the end."""
    try:
        yield exporters
    finally:
        for exporter in exporters:
            exporter.stop()


def watch(exporters: tuple[Exporter, ...], cycles: int) -> tuple[dict[str, float], dict[str, float]]:
    """Return the median CPU of a 5 s cycle and the median latency of a scrape, in milliseconds, by exporter."""
    cpu: dict[str, list[float]] = {exporter.name: [] for exporter in exporters}
    latency: dict[str, list[float]] = {exporter.name: [] for exporter in exporters}
    for exporter in exporters:
        exporter.scrape()
    time.sleep(_SETTLING_SECONDS)
    before = {exporter.name: exporter.cpu_milliseconds() for exporter in exporters}
    for _ in range(cycles):
        for exporter in exporters:
            latency[exporter.name].append(exporter.scrape()[0])
        time.sleep(5)
        for exporter in exporters:
            now = exporter.cpu_milliseconds()
            cpu[exporter.name].append(now - before[exporter.name])
            before[exporter.name] = now
    found = tuple({name: statistics.median(values) for name, values in figures.items()} for figures in (cpu, latency))
    for name in found[0]:
        contender(name, cpu_ms_per_minute=found[0][name] * 12, latency_ms=found[1][name])
    return found[0], found[1]


if __name__ == "__main__":
    main()
