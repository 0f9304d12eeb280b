"""Goal 4: the 99th percentile of one logging call at 1,000 calls a second, in wall time, against OpenTelemetry's handler."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable

from contest import answer_with, contender, contest, need, report
from loggers import CONTENDERS, OURS, PEER, Contender, calls
from sink import sink

CALLS = 1500
PAUSE_SECONDS = 0.001
WATCHED = ("NullHandler", PEER, OURS)


def measure(one: Contender) -> Callable[[], float]:
    def microseconds_p99() -> float:
        taken = []
        due = time.perf_counter()
        for call in calls(CALLS):
            due += PAUSE_SECONDS
            time.sleep(max(due - time.perf_counter(), 0))
            began = time.perf_counter_ns()
            one.log(call)
            taken.append(time.perf_counter_ns() - began)
        one.drain()
        taken.sort()
        return taken[int(CALLS * 0.99)] / 1e3

    return microseconds_p99


def main() -> None:
    need("opentelemetry.exporter.otlp.proto.http", "monitor,otlp")
    with sink() as url, tempfile.TemporaryDirectory(prefix="bitacora-bench-") as place:
        os.environ["TMPDIR"] = place  # the journals of the contenders, which end without cleaning up
        found = contest({name: [sys.executable, __file__, name, url] for name in WATCHED}, rounds=25, warm_up=1)
    for name, microseconds in found.items():
        contender(name, us_p99=microseconds)
    report("4 p99 of a logging call at 1,000 a second vs OTel handler", found[OURS] / found[PEER], 0.6)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        from opentelemetry.sdk.trace import TracerProvider

        with TracerProvider().get_tracer("bench").start_as_current_span("work"):
            answer_with(measure(CONTENDERS[sys.argv[1]](sys.argv[2])))
        os._exit(0)  # the peer would wait for its exporter
    else:
        main()
