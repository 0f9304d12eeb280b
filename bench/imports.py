"""Goal 13: CPU and memory of `import otel_bitacora` and a configured handler, against OpenTelemetry's with SDK and OTLP/HTTP."""

from __future__ import annotations

import compileall
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from contest import contender, need, report

import otel_bitacora

HANDLER = """
import logging, sys
from otel_bitacora import BitacoraHandler
handler = BitacoraHandler(journal=sys.argv[1], service_name="bench")
logging.getLogger().addHandler(handler)
"""
CODE = {
    "python": "pass",
    "logging": "import logging",
    "otel_bitacora": "import logging, otel_bitacora",
    "a configured BitacoraHandler": HANDLER,
    "a configured BitacoraHandler, first record logged": HANDLER + "logging.warning('the first')",
    "otel_bitacora.monitor models": "import logging; from otel_bitacora import SystemMetrics",
    "otel handler + sdk + otlp/http": """
import logging
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
provider = LoggerProvider()
provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
logging.getLogger().addHandler(LoggingHandler(logger_provider=provider))
""",
}
MEASURE = """
import json, time
cpu = time.process_time()
rss = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmRSS"))
print(json.dumps([cpu * 1000, rss / 1024]), flush=True)
import os
os._exit(0)
"""


def main() -> None:
    need("opentelemetry.exporter.otlp.proto.http", "monitor,otlp")
    # As pip does when it installs: a checkout may have no bytecode, or be told to write none.
    compileall.compile_dir(Path(otel_bitacora.__file__).parent, quiet=1)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in CODE}
    for _ in range(9):
        for name, code in CODE.items():
            with tempfile.TemporaryDirectory(prefix="bitacora-bench-") as journal:
                command = [sys.executable, "-W", "ignore", "-c", code + "\n" + MEASURE, journal]
                found[name].append(tuple(json.loads(subprocess.check_output(command, text=True))))
    middle = {name: [statistics.median(column) for column in zip(*rows, strict=True)] for name, rows in found.items()}
    for name, (cpu, rss) in middle.items():
        contender(name, cpu_ms=cpu, rss_mib=rss)
    peer = middle["otel handler + sdk + otlp/http"]
    for subject, name in (("import", "otel_bitacora"), ("handler", "a configured BitacoraHandler")):
        report(f"13 {subject}: CPU vs OTel handler + SDK + OTLP/HTTP", middle[name][0] / peer[0], 0.30)
        report(f"13 {subject}: resident memory", middle[name][1] / peer[1], 0.50)


if __name__ == "__main__":
    main()
