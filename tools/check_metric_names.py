"""Has promtool judge every metric that can be published; what it may complain of is listed, with the reason, below."""

from __future__ import annotations

import shutil
import subprocess
import sys

from bitacora_collectors.contract import Metric, Reading
from otel_bitacora.monitor.exposition import Exposition
from otel_bitacora.monitor.names import sample_name
from otel_bitacora.monitor.snapshot import HEALTH_METRICS, Family
from otel_bitacora.settings import Settings
from otel_bitacora.sidecar.sampling import select_with_own

# promtool's complaint to why it stays.
ACCEPTED = {
    'system_process_count non-histogram and non-summary metrics should not have "_count" suffix': (
        "semantic conventions: system.process.count"
    ),
    'system_cpu_logical_count non-histogram and non-summary metrics should not have "_count" suffix': (
        "semantic conventions: system.cpu.logical.count"
    ),
    'system_cpu_physical_count non-histogram and non-summary metrics should not have "_count" suffix': (
        "semantic conventions: system.cpu.physical.count"
    ),
    'process_thread_count non-histogram and non-summary metrics should not have "_count" suffix': (
        "semantic conventions: process.thread.count"
    ),
    'process_unix_file_descriptor_count non-histogram and non-summary metrics should not have "_count" suffix': (
        "semantic conventions: process.unix.file_descriptor.count"
    ),
    'system_network_connection_count non-histogram and non-summary metrics should not have "_count" suffix': (
        "semantic conventions: system.network.connection.count"
    ),
    "bitacora_network_link_signal_dBm metric names should be written in 'snake_case' not 'camelCase'": (
        "the unit is dBm in UCUM, which has no base unit for a level"
    ),
    'systemd_service_cpu_time_microseconds_total use base unit "seconds" instead of "microseconds"': (
        "the Collector's systemdreceiver: systemd.service.cpu.time, in us"
    ),
}


def every_metric() -> list[Metric]:
    declared = [metric for collector in select_with_own(Settings()).collectors for metric in collector.metrics]
    return [*declared, *HEALTH_METRICS]


def exposition() -> bytes:
    """Return one series of every metric, so that none escapes because this host lacks the hardware."""
    families = [
        Family(metric, [Reading(metric, 1, dict.fromkeys(metric.attributes, "x"))]) for metric in every_metric()
    ]
    return Exposition({"service.name": "otel-bitacora"}).render(
        {sample_name(one.metric): one for one in families}.values()
    )


def main() -> int:
    promtool = shutil.which("promtool")
    if promtool is None:
        sys.stderr.write("metric names not judged: promtool isn't installed (Debian's package `prometheus`)\n")
        return 0
    found = subprocess.run([promtool, "check", "metrics"], input=exposition(), capture_output=True, check=False)
    complaints = {line.strip() for line in (found.stdout + found.stderr).decode().splitlines() if line.strip()}
    unexpected, gone = complaints - set(ACCEPTED), set(ACCEPTED) - complaints
    for line in sorted(unexpected):
        sys.stderr.write(f"promtool: {line}\n")
    for line in sorted(gone):
        sys.stderr.write(f"promtool no longer complains, take it off the list: {line}\n")
    return 1 if unexpected or gone else 0


if __name__ == "__main__":
    sys.exit(main())
