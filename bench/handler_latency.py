"""Goal 4: the 99th percentile of one logging call at 1,000 calls a second, in wall time, against OpenTelemetry's handler.

Also the median of calls before each of which 8 MiB are read, so that the processor's caches are empty: what makes slow calls
slow, without the noise of the machine (docs/adr/0013-cold-calls.md).
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable

from contest import answer_with, contender, contest, need, report
from loggers import CONTENDERS, FLOOR, OURS, PEER, Contender, calls
from sink import sink

CALLS = 1500
PAUSE_SECONDS = 0.001
COLD_CALLS = 500
MORE_THAN_CACHES = b"-" * (8 << 20)
WATCHED = ("NullHandler", FLOOR, PEER, OURS)


def microseconds(one: Contender, count: int, before_each: Callable[[], object]) -> list[float]:
    """Return what each of *count* calls took, in ascending order."""
    taken = []
    for call in calls(count):
        before_each()
        began = time.perf_counter_ns()
        one.log(call)
        taken.append((time.perf_counter_ns() - began) / 1e3)
    one.drain()
    return sorted(taken)


def p99(one: Contender) -> float:
    due = time.perf_counter()

    def pace() -> None:
        nonlocal due
        due += PAUSE_SECONDS
        time.sleep(max(due - time.perf_counter(), 0))

    return microseconds(one, CALLS, pace)[int(CALLS * 0.99)]


def cold(one: Contender) -> float:
    return statistics.median(microseconds(one, COLD_CALLS, lambda: MORE_THAN_CACHES.count(b"+")))


MEASURES = {"p99": p99, "cold": cold}


def main() -> None:
    need("opentelemetry.exporter.otlp.proto.http", "monitor,otlp")
    with sink() as url, tempfile.TemporaryDirectory(prefix="bitacora-bench-") as place:
        os.environ["TMPDIR"] = place  # the journals of the contenders, which end without cleaning up
        found = {
            measure: contest({name: [sys.executable, __file__, name, url, measure] for name in WATCHED}, rounds, 1)
            for measure, rounds in (("cold", 5), ("p99", 25))
        }
    for name in WATCHED:
        contender(name, us_p99=found["p99"][name], us_cold=found["cold"][name])
    paced, empty = found["p99"], found["cold"]
    more = {"floor": round(paced[FLOOR] / paced[PEER], 3), "cold": round(empty[OURS] / empty[PEER], 3)}
    report("4 p99 of a logging call at 1,000 a second vs OTel handler", paced[OURS] / paced[PEER], 0.6, **more)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        from opentelemetry.sdk.trace import TracerProvider

        with TracerProvider().get_tracer("bench").start_as_current_span("work"):
            one = CONTENDERS[sys.argv[1]](sys.argv[2])
            answer_with(lambda: MEASURES[sys.argv[3]](one))
        os._exit(0)  # the peer would wait for its exporter
    else:
        main()
