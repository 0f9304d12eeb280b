"""Goal 7, what the shipper has to do with: records that never arrive when the receiver answers 503, or is gone, for a while.

2,000 calls a second; 503 for 5 seconds of 12, and nobody listening for 17 of 22. Against OpenTelemetry's handler, as it is
by default and with a queue that would hold everything. All run at once, each with a receiver of its own; when the calls end,
each has `--grace` seconds (20) more, and then flushes.
"""

from __future__ import annotations

import argparse
import json
import logging
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from contest import contender, need, report
from loggers import otel
from shipping import worker_to
from sink import sink

from otel_bitacora import BitacoraHandler

if TYPE_CHECKING:
    from collections.abc import Iterator

PER_SECOND = 2000
OURS = "bitacora"
PEERS = ("otel, by default", "otel, big queue")


class Outage(NamedTuple):
    name: str
    seconds: float
    begins: float
    ends: float
    is_gone: bool


OUTAGES = (Outage("503 for 5 s of 12", 12, 3, 8, is_gone=False), Outage("gone for 17 s of 22", 22, 3, 20, is_gone=True))


def log_for(kind: str, url: str, seconds: float, grace: float) -> None:
    """Log numbers at the rate, wait, flush, and print how many there were and the longest call in milliseconds."""
    flush = _handler_of(kind, url)
    log = logging.getLogger("bench")
    log.setLevel(logging.INFO)
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    began, number, longest = time.monotonic(), 0, 0.0
    while (passed := time.monotonic() - began) < seconds:
        while number < passed * PER_SECOND:
            before = time.perf_counter()
            log.info("%d", number)
            longest = max(longest, time.perf_counter() - before)
            number += 1
        time.sleep(0.002)
    time.sleep(grace)
    flush()
    print(json.dumps([number, longest * 1000]), flush=True)


def _handler_of(kind: str, url: str) -> Callable[[], object]:
    """Set up the root logger; return what flushes."""
    if kind == OURS:
        place = Path(tempfile.mkdtemp(prefix="bitacora-bench-"))
        logging.getLogger().addHandler(BitacoraHandler(journal=place, service_name="bench"))
        worker = worker_to(place, url, "bench")
        shipping = threading.Thread(target=worker.run)
        shipping.start()

        def drain() -> None:
            worker.pace.stop(30)
            shipping.join()

        return drain
    if kind == "otel, big queue":
        return otel(url).drain
    import warnings

    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler  # noqa: TID251  # the peer
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor  # noqa: TID251  # the peer

    provider = LoggerProvider()
    provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(endpoint=url)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is deprecated, and still what people use
        logging.getLogger().addHandler(LoggingHandler(logger_provider=provider))
    return provider.force_flush


class Arrived:
    """The numbers that a receiver has taken, and how many it has taken again."""

    def __init__(self) -> None:
        from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

        self.numbers: set[int] = set()
        self.records = 0
        self._parse = ExportLogsServiceRequest.FromString
        self._lock = threading.Lock()

    def receive(self, body: bytes) -> None:
        found = [
            int(record.body.string_value)
            for of_resource in self._parse(body).resource_logs
            for of_scope in of_resource.scope_logs
            for record in of_scope.log_records
            if record.body.string_value.isdecimal()
        ]
        with self._lock:
            self.numbers.update(found)
            self.records += len(found)


@contextmanager
def troubled(outage: Outage, arrived: Arrived) -> Iterator[str]:
    """Yield the URL of a receiver that has the outage, from now on."""
    began = time.monotonic()

    def status() -> int:
        return 503 if not outage.is_gone and outage.begins < time.monotonic() - began < outage.ends else 200

    if not outage.is_gone:
        with sink(arrived.receive, status=status) as url:
            yield url
        return
    ended = threading.Event()
    urls: list[str] = []
    is_up = threading.Event()

    def come_and_go() -> None:
        with sink(arrived.receive) as url:
            urls.append(url)
            is_up.set()
            ended.wait(outage.begins)
        ended.wait(outage.ends - outage.begins)
        with sink(arrived.receive, port=int(url.split(":")[2].split("/")[0])):
            ended.wait()

    coming = threading.Thread(target=come_and_go)
    coming.start()
    is_up.wait()
    yield urls[0]
    ended.set()
    coming.join()


def suffer(kind: str, outage: Outage, grace: float, found: dict[str, dict[str, float]]) -> None:
    arrived = Arrived()
    with troubled(outage, arrived) as url:
        command = [sys.executable, __file__, "log", kind, url, str(outage.seconds), str(grace)]
        logged, longest = json.loads(subprocess.check_output(command, text=True))
    lost = logged - len(arrived.numbers)
    found[kind] = {
        "logged": logged,
        "lost": lost,
        "lost_percent": 100 * lost / logged,
        "sent_twice": arrived.records - len(arrived.numbers),
        "longest_call_ms": longest,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--grace", type=float, default=20)
    grace = parser.parse_args().grace
    need("opentelemetry.exporter.otlp.proto.http", "monitor,otlp")
    for outage in OUTAGES:
        found: dict[str, dict[str, float]] = {}
        sufferers = [threading.Thread(target=suffer, args=(kind, outage, grace, found)) for kind in (OURS, *PEERS)]
        for each in sufferers:
            each.start()
        for each in sufferers:
            each.join()
        for kind in (OURS, *PEERS):
            contender(f"{outage.name}, {kind}", **found[kind])
        peers = {f"{kind} %": round(found[kind]["lost_percent"], 1) for kind in PEERS}
        report(f"7 records lost, receiver {outage.name}", found[OURS]["lost"], 0, **peers)


if __name__ == "__main__":
    if len(sys.argv) > 5 and sys.argv[1] == "log":
        log_for(sys.argv[2], sys.argv[3], float(sys.argv[4]), float(sys.argv[5]))
    else:
        main()
