"""Goal 11, system part: CPU per minute of the sidecar at 5 s, scraped every 5 s, and the latency of a scrape.

Against node_exporter with its default collectors, which is the goal, and with only those that read what ours read.
Takes `--seconds` (120) of real time: both are watched side by side.
"""

from __future__ import annotations

import argparse
import statistics
import time

from contest import contender, report
from exporters import Exporter, node_exporter, sidecar

SAME = ("cpu", "cpufreq", "diskstats", "filesystem", "loadavg", "meminfo", "netdev", "processes", "stat", "vmstat")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=120)
    cycles = parser.parse_args().seconds // 5
    same = ("--collector.disable-defaults", *(f"--collector.{name}" for name in SAME))
    exporters = [sidecar(), node_exporter(), node_exporter(*same, name="node_exporter, same subjects")]
    try:
        cpu, latency = watch(exporters, cycles)
    finally:
        for exporter in exporters:
            exporter.stop()
    for exporter in exporters:
        contender(exporter.name, cpu_ms_per_minute=cpu[exporter.name] * 12, latency_ms=latency[exporter.name])
    ours, peer, peer_same = (exporter.name for exporter in exporters)
    report("11 CPU per minute vs node_exporter, its default collectors", cpu[ours] / cpu[peer], 1.0)
    report("11 CPU per minute vs node_exporter, the same subjects", cpu[ours] / cpu[peer_same], 1.0)
    report("11 scrape latency vs node_exporter", latency[ours] / latency[peer], 0.5)


def watch(exporters: list[Exporter], cycles: int) -> tuple[dict[str, float], dict[str, float]]:
    """Return the median CPU of a 5 s cycle and the median latency of a scrape, in milliseconds, by exporter."""
    cpu: dict[str, list[float]] = {exporter.name: [] for exporter in exporters}
    latency: dict[str, list[float]] = {exporter.name: [] for exporter in exporters}
    before = {exporter.name: exporter.cpu_milliseconds() for exporter in exporters}
    for _ in range(cycles):
        for exporter in exporters:
            latency[exporter.name].append(exporter.scrape()[0])
        time.sleep(5)
        for exporter in exporters:
            now = exporter.cpu_milliseconds()
            cpu[exporter.name].append(now - before[exporter.name])
            before[exporter.name] = now
    return tuple({name: statistics.median(values) for name, values in found.items()} for found in (cpu, latency))  # type: ignore[return-value]


if __name__ == "__main__":
    main()
