"""Goal 14: ship a backlog of `--records` (1,000,000) from the journal to OTLP/HTTP, in records per second of CPU.

The peer is OpenTelemetry's exporter, fed the same calls as its handler hands them on, 512 at a time; it is given
`--peer-records`, since each costs it the same. Both send to a receiver in another process, uncompressed. What the shipper had
resident at most is said on stderr.
"""

from __future__ import annotations

import argparse
import logging
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contest import HERE, answer_with, contender, contest, report
from loggers import CALLS, MESSAGE

TARGET = 1 / 8  # of the peer's CPU for each record
BATCH = 512
OURS, PEER = "bitacora", "OTLPLogExporter"
RECEIVE = "import sys; from sink import sink\nwith sink() as url:\n print(url, flush=True)\n sys.stdin.read()"


@contextmanager
def receiver() -> Iterator[str]:
    command = [sys.executable, "-c", RECEIVE]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE) as process:
        assert process.stdin
        assert process.stdout
        yield process.stdout.readline().strip()
        process.stdin.close()


def fill(journal: str, count: int) -> None:
    from otel_bitacora import BitacoraHandler

    handler = BitacoraHandler(journal=journal, sync="never", max_bytes="8GiB")
    log = logging.getLogger("bitacora.session")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    for number in range(count):
        call = CALLS[number % len(CALLS)]
        log.info(MESSAGE, call.user, call.deed, extra=call.extra)
    handler.close()


def ship(journal: str, url: str, count: int) -> None:
    """Answer with records per CPU-second."""
    from otel_bitacora.reporter.production.exporters import Destination
    from otel_bitacora.reporter.production.shipper.route import route_to
    from otel_bitacora.reporter.production.shipper.worker import Worker

    def measure() -> float:
        shutil.rmtree(Path(journal) / "exporters", ignore_errors=True)
        worker = Worker(route_to(Path(journal), Destination(url.replace("http:", "otlp+http:"), name="bench")))
        worker.pace.stop(float("inf"))
        began = time.process_time()
        worker.run()
        spent = time.process_time() - began
        assert worker.progress is not None
        assert worker.progress.totals().delivered == count
        return count / spent

    answer_with(measure)
    print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB resident at most", file=sys.stderr)


def export(url: str, count: int) -> None:
    """Answer with records per CPU-second of OpenTelemetry's exporter."""
    from encode import mapped_by_otel
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter

    made = []
    for call in CALLS:
        arguments = (call.user, call.deed)
        record = logging.LogRecord("bitacora.session", logging.INFO, __file__, 1, MESSAGE, arguments, None, "work")
        record.__dict__.update(call.extra)
        made.append(record)
    batch = mapped_by_otel(made * (BATCH // len(made)))
    exporter = OTLPLogExporter(endpoint=url)

    def measure() -> float:
        began = time.process_time()
        for _ in range(0, count, BATCH):
            exporter.export(batch)
        return count / (time.process_time() - began)

    answer_with(measure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--peer-records", type=int, default=BATCH * 40)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with receiver() as url, tempfile.TemporaryDirectory() as place:
        fill(place, options.records)
        found = contest(
            {
                OURS: [sys.executable, __file__, "ship", place, url, options.records],
                PEER: [sys.executable, __file__, "export", url, options.peer_records],
            },
            rounds=options.rounds,
            warm_up=1,
        )
    for name, rate in found.items():
        contender(name, records_per_cpu_second=rate)
    report("14 ship a backlog: CPU per record vs OTel's exporter", found[PEER] / found[OURS], TARGET)


if __name__ == "__main__":
    if sys.argv[1:2] == ["ship"]:
        ship(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    elif sys.argv[1:2] == ["export"]:
        export(sys.argv[2], int(sys.argv[3]))
    else:
        main()
