"""A healthy destination beside a dead and a slow one: its records a second, against those of the same one alone.

One process ships one journal to all three, each in a thread of its own. The dead one refuses connections, the slow one takes
half a second to answer; what its batches cost of the process is in the figure.
"""

from __future__ import annotations

import argparse
import logging
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from contest import answer_with, contender, contest, need, report
from shipping import fill, ship, worker_to
from sink import sink

SLOW_SECONDS = 0.5
ALONE, BESIDE = "alone", "beside a dead and a slow one"


def ship_beside(journal: Path, count: int, healthy: str, others: Sequence[str]) -> Callable[[], float]:
    """Return what ships *journal* anew each time, and says how many microseconds a record took to the *healthy* one."""
    number = 0

    def once() -> float:
        nonlocal number
        number += 1
        workers = [worker_to(journal, url, f"other-{place}-{number}") for place, url in enumerate(others)]
        name = f"{'beside' if others else 'alone'}-{number}"
        threads = [threading.Thread(target=worker.run) for worker in workers]
        for thread in threads:
            thread.start()
        began = time.perf_counter()
        delivered = ship(journal, healthy, name)
        taken = time.perf_counter() - began
        for worker, thread in zip(workers, threads, strict=True):
            worker.pace.stop(0)
            thread.join()
        if delivered != count:
            raise SystemExit(f"{delivered} of {count} records were delivered")
        return taken / count * 1e6

    return once


def slow() -> int:
    time.sleep(SLOW_SECONDS)
    return 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=600_000)
    parser.add_argument("--rounds", type=int, default=7)
    wanted = parser.parse_args()
    need("opentelemetry.exporter.otlp.proto.http", "monitor,otlp")
    with socket.create_server(("127.0.0.1", 0)) as free:
        dead = f"http://127.0.0.1:{free.getsockname()[1]}/v1/logs"
    with tempfile.TemporaryDirectory(prefix="bitacora-bench-") as place, sink() as healthy, sink(status=slow) as late:
        journal = Path(place, "journal")
        fill(journal, wanted.records)
        alone = [sys.executable, __file__, journal, wanted.records, healthy]
        commands = {ALONE: alone, BESIDE: [*alone, dead, late]}
        found = contest(commands, rounds=wanted.rounds, warm_up=1)
    for name, microseconds in found.items():
        contender(name, records_per_second=1e6 / microseconds)
    rate = found[ALONE] / found[BESIDE]
    report(
        "time of a healthy destination beside a dead and a slow one vs alone",
        1 / rate,
        round(1 / 0.95, 3),
        rate=round(rate, 3),
    )


if __name__ == "__main__":
    if len(sys.argv) > 3 and sys.argv[2].isdecimal():
        logging.disable()  # the dead one is said to be
        answer_with(ship_beside(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:]))
    else:
        main()
