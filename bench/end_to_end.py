"""Goals 2 and 3: from the application to an OTLP/HTTP receiver in one process, journal included: CPU a record, records a second.

A burst of 100,000 calls with session ids and trace context, and then the wait until the receiver has taken the last of
them; every thread's CPU counts. Against OpenTelemetry's handler, batch processor and exporter, with a queue that loses
nothing. The receivers, in a process of their own, count what arrives.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from contest import answer_with, contender, contest, need, report
from loggers import Contender, bitacora_at, calls, null, otel
from shipping import worker_to
from sink import sink

OURS, PEER, FLOOR = "bitacora", "otel LoggingHandler + OTLP/HTTP", "NullHandler"
Burst = Callable[[int], None]


def through_the_journal(url: str) -> Burst:
    """Log and ship in one process: the handler in the calling thread, a shipper in another."""
    place = Path(tempfile.mkdtemp(prefix="bitacora-bench-"))
    one = bitacora_at(str(place))

    def burst(count: int) -> None:
        worker = worker_to(place, url, "bench")
        shipping = threading.Thread(target=worker.run)
        shipping.start()
        _log(one, count)
        worker.pace.stop(float("inf"))  # when nothing is left
        shipping.join()

    return burst


def through(one: Contender) -> Burst:
    def burst(count: int) -> None:
        _log(one, count)
        one.drain()

    return burst


def _log(one: Contender, count: int) -> None:
    for call in calls(count):
        one.log(call)


MAKERS: dict[str, Callable[[str], Burst]] = {
    FLOOR: lambda url: through(null(url)),
    PEER: lambda url: through(otel(url)),
    OURS: through_the_journal,
}


def measure(burst: Burst, count: int, clock: Callable[[], int]) -> Callable[[], float]:
    """Return what answers with the microseconds a record that *clock*, in nanoseconds, says a burst took."""

    def microseconds() -> float:
        began = clock()
        burst(count)
        return (clock() - began) / count / 1e3

    return microseconds


class Counter:
    """Counts the records that a receiver takes."""

    def __init__(self) -> None:
        from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

        self.records = 0
        self._parse = ExportLogsServiceRequest.FromString
        self._lock = threading.Lock()

    def receive(self, body: bytes) -> None:
        request = self._parse(body)
        count = sum(len(scope.log_records) for each in request.resource_logs for scope in each.scope_logs)
        with self._lock:
            self.records += count


def compete(clock: str, count: int, rounds: int) -> tuple[dict[str, float], dict[str, int]]:
    """Return the microseconds a record of each contender by *clock*, and how many of its records its receiver lacks."""
    counters = {name: Counter() for name in MAKERS}
    with ExitStack() as stack:
        urls = {name: stack.enter_context(sink(counter.receive)) for name, counter in counters.items()}
        commands = {name: [sys.executable, __file__, clock, name, url, count] for name, url in urls.items()}
        found = contest(commands, rounds=rounds, warm_up=1)
    return found, {name: (rounds + 1) * count - counter.records for name, counter in counters.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    wanted = parser.parse_args()
    need("opentelemetry.exporter.otlp.proto.http", "monitor,otlp")
    with tempfile.TemporaryDirectory(prefix="bitacora-bench-") as place:
        os.environ["TMPDIR"] = place  # the journals of the contenders, which end without cleaning up
        cpu, lost = compete("cpu", wanted.records, wanted.rounds)
        wall, lost_too = compete("wall", wanted.records, wanted.rounds)
    lost = {name: lost[name] + lost_too[name] for name in lost if name != FLOOR}
    for name in MAKERS:
        contender(name, cpu_us=cpu[name], records_per_second=1e6 / wall[name], ratio=cpu[name] / cpu[PEER])
    report("2 CPU end to end per record vs OTel handler", cpu[OURS] / cpu[PEER], 0.45, stretch=0.30)
    speed = wall[PEER] / wall[OURS]
    goal = f"3 time for a burst of {wanted.records:,} to arrive vs OTel handler"
    report(goal, 1 / speed, 1 / 2.5, times=round(speed, 2), stretch_times=3.5)
    report("3 records of the bursts lost", lost[OURS], 0, peer=lost[PEER])


if __name__ == "__main__":
    if len(sys.argv) > 4:
        from opentelemetry.sdk.trace import TracerProvider

        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        by = time.process_time_ns if sys.argv[1] == "cpu" else time.perf_counter_ns
        with TracerProvider().get_tracer("bench").start_as_current_span("work"):
            answer_with(measure(MAKERS[sys.argv[2]](sys.argv[3]), int(sys.argv[4]), by))
        os._exit(0)  # the peer would wait for its exporter
    else:
        main()
