"""Goal 10: CPU per scrape every 5 s with 1,000 extra processes, all collectors of ours included.

Against psutil and prometheus_client with six series for each process, and, per series, against process-exporter with a
group for each process. `groups` is what the sidecar does by default; `all` has a pid in each series, as the peers do.
Takes `--seconds` (60) of real time: all are watched side by side.
"""

from __future__ import annotations

import argparse
import signal
import statistics
import sys
import time
import zlib
from collections.abc import Iterator

from contest import contender, report
from crowd import crowd
from exporters import Exporter, process_exporter, sidecar

NUMBERS = ("cpu_seconds", "rss_bytes", "vsz_bytes", "threads", "minor_faults", "major_faults")


def serve_psutil(port: int) -> None:
    """Serve what a user would write by hand."""
    import prometheus_client
    import psutil
    from prometheus_client.core import GaugeMetricFamily

    class Processes:
        def collect(self) -> Iterator[GaugeMetricFamily]:
            families = [GaugeMetricFamily(f"proc_{name}", name, labels=["pid", "name"]) for name in NUMBERS]
            for process in psutil.process_iter(["pid", "name", "cpu_times", "memory_info", "num_threads"]):
                found = process.info
                if found["memory_info"] and found["cpu_times"]:
                    memory = found["memory_info"]
                    values = (sum(found["cpu_times"][:2]), memory.rss, memory.vms, found["num_threads"], 0, 0)
                    for family, value in zip(families, values, strict=True):
                        family.add_metric((str(found["pid"]), found["name"]), value)
            yield from families

    prometheus_client.REGISTRY.register(Processes())
    prometheus_client.start_http_server(port, "127.0.0.1")
    signal.pause()


def psutil_exporter() -> Exporter:
    return Exporter("psutil and prometheus_client", lambda port: [sys.executable, __file__, "--serve", port])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--serve", type=int)
    arguments = parser.parse_args()
    if arguments.serve:
        serve_psutil(arguments.serve)
    with crowd(1000):
        groups, everyone = (sidecar(5.0, "--process-metrics", mode, name=f"ours, {mode}") for mode in ("groups", "all"))
        by_hand, peer = psutil_exporter(), process_exporter()
        exporters = [groups, everyone, by_hand, peer]
        try:
            cpu, series = watch(exporters, arguments.seconds // 5)
        finally:
            for exporter in exporters:
                exporter.stop()
    for name, milliseconds in cpu.items():
        contender(name, cpu_ms=milliseconds, series=series[name], us_per_series=milliseconds * 1000 / series[name])
    each = {name: cpu[name] / series[name] for name in cpu}
    report("10 scrape with 1,000 processes vs psutil, as by default", cpu[groups.name] / cpu[by_hand.name], 0.15)
    report("10 scrape with 1,000 processes vs psutil, all", cpu[everyone.name] / cpu[by_hand.name], 0.15)
    report("10 per series vs psutil, all", each[everyone.name] / each[by_hand.name], 0.15)
    report("10 per series vs process-exporter, all", each[everyone.name] / each[peer.name], 0.15)


def watch(exporters: list[Exporter], cycles: int) -> tuple[dict[str, float], dict[str, int]]:
    """Return the median CPU milliseconds of a 5 s cycle, and the number of series, by exporter."""
    for exporter in exporters:
        exporter.scrape()
    time.sleep(6)  # the first samples open a thousand files
    before = {exporter.name: exporter.cpu_milliseconds() for exporter in exporters}
    cpu: dict[str, list[float]] = {exporter.name: [] for exporter in exporters}
    series = {}
    for _ in range(cycles):
        for exporter in exporters:
            series[exporter.name] = count_series(exporter.scrape()[1])
        time.sleep(5)
        for exporter in exporters:
            now = exporter.cpu_milliseconds()
            cpu[exporter.name].append(now - before[exporter.name])
            before[exporter.name] = now
    return {name: statistics.median(values) for name, values in cpu.items()}, series


def count_series(body: bytes) -> int:
    text = zlib.decompress(body, wbits=47) if body[:2] == b"\x1f\x8b" else body
    return sum(1 for line in text.splitlines() if line and not line.startswith(b"#"))


if __name__ == "__main__":
    main()
