"""Goal 13, import: CPU and memory of `import otel_bitacora` against OpenTelemetry's logging handler with SDK and OTLP."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

from contest import contender, report

CODE = {
    "python": "pass",
    "logging": "import logging",
    "otel_bitacora": "import logging, otel_bitacora",
    "otel_bitacora.monitor models": "import logging; from otel_bitacora import SystemMetrics",
    "otel handler + sdk + otlp/http": (
        "import logging; from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler;"
        "from opentelemetry.sdk._logs.export import BatchLogRecordProcessor;"
        "from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter"
    ),
}
MEASURE = """
import json, time
cpu = time.process_time()
rss = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmRSS"))
print(json.dumps([cpu * 1000, rss / 1024]))
"""


def main() -> None:
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in CODE}
    for _ in range(9):
        for name, code in CODE.items():
            command = [sys.executable, "-W", "ignore", "-c", code + "\n" + MEASURE]
            found[name].append(tuple(json.loads(subprocess.check_output(command, text=True))))
    middle = {name: [statistics.median(column) for column in zip(*rows, strict=True)] for name, rows in found.items()}
    for name, (cpu, rss) in middle.items():
        contender(name, cpu_ms=cpu, rss_mib=rss)
    ours, peer = middle["otel_bitacora"], middle["otel handler + sdk + otlp/http"]
    report("13 import: CPU vs OTel handler + SDK + OTLP/HTTP", ours[0] / peer[0], 0.30)
    report("13 import: resident memory", ours[1] / peer[1], 0.50)


if __name__ == "__main__":
    main()
