"""Goal 1: CPU of the calling thread per `logger.info` with session ids and trace context, the write to the journal included.

Against OpenTelemetry's LoggingHandler with an OTLP/HTTP exporter, a queue that loses nothing, and a real receiver.
Bursts of 200 calls are timed, and the peer's thread is idle when one begins: what it costs the process isn't counted.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable

from contest import answer_with, contender, contest, need, report
from loggers import CONTENDERS, OURS, PEER, Contender, calls
from sink import sink

BURST, BURSTS = 200, 8


def measure(one: Contender) -> Callable[[], float]:
    def microseconds() -> float:
        spent = 0
        for _ in range(BURSTS):
            began = time.thread_time_ns()
            for call in calls(BURST):
                one.log(call)
            spent += time.thread_time_ns() - began
            one.drain()
        return spent / BURST / BURSTS / 1e3

    return microseconds


def main() -> None:
    need("opentelemetry.exporter.otlp.proto.http", "monitor,otlp")
    with sink() as url, tempfile.TemporaryDirectory(prefix="bitacora-bench-") as place:
        os.environ["TMPDIR"] = place  # the journals of the contenders, which end without cleaning up
        found = contest({name: [sys.executable, __file__, name, url] for name in CONTENDERS}, rounds=25)
    for name, microseconds in found.items():
        contender(name, us_per_call=microseconds, ratio=microseconds / found[PEER])
    report("1 CPU of the caller per logging call vs OTel handler", found[OURS] / found[PEER], 0.60, stretch=0.45)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        from opentelemetry.sdk.trace import TracerProvider

        with TracerProvider().get_tracer("bench").start_as_current_span("work"):
            answer_with(measure(CONTENDERS[sys.argv[1]](sys.argv[2])))
        os._exit(0)  # the peer would wait for its exporter
    else:
        main()
