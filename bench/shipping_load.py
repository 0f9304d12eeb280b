"""Shipping under load: its share of a core and its memory at 10,000 records a second, and how fast it catches up.

An application logs 10,000 records a second for `--seconds` (20) while they are shipped to an OTLP/HTTP receiver. Then what
an outage of 10 minutes leaves at 1,000 a second, 600,000 records, is shipped while the application goes on at that rate:
how many times faster than it was filled the backlog is gone. Each is a process of its own; what arrives is counted.

It is `otel-bitacora ship` that is watched, or the whole sidecar, `serve --to`, with `--program serve`.
"""

from __future__ import annotations

import argparse
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contest import contender, need, report
from end_to_end import Counter
from loggers import bitacora_at, calls
from shipping import fill
from sink import sink

PER_SECOND, OUTAGE_SECONDS, OUTAGE_PER_SECOND = 10_000, 600, 1000
CORE_SHARE, MEMORY_MIB, TIMES_FASTER = 0.5, 120, 5
_TICKS = os.sysconf("SC_CLK_TCK")


def log_paced(journal: str, per_second: int, seconds: float) -> None:
    """Log at the rate, and print how many records that were."""
    one = bitacora_at(journal)
    began, number = time.monotonic(), 0
    while (passed := time.monotonic() - began) < seconds:
        due = int(passed * per_second)
        for call in calls(due - number):
            one.log(call)
        number = due
        time.sleep(0.002)
    logging.getLogger().handlers[0].close()
    print(number, flush=True)


class Shipping:
    """`ship` or `serve`, looked at from outside."""

    def __init__(self, program: str, state: Path, url: str) -> None:
        options = {
            "ship": ("--journal", state / "journal"),
            "serve": ("--state-dir", state, "--listen", "127.0.0.1:0"),
        }[program]
        command = [sys.executable, "-m", "otel_bitacora", program, *map(str, options), "--to", f"otlp+{url}"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def peak_mib(self) -> float:
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


@contextmanager
def shipping(program: str, state: Path, url: str) -> Iterator[Shipping]:
    one = Shipping(program, state, url)
    try:
        yield one
    finally:
        one.process.terminate()
        one.process.wait()


@contextmanager
def logging_at(state: Path, per_second: int, seconds: float) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, __file__, "log", str(state / "journal"), str(per_second), str(seconds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    yield process
    process.communicate()


def wait_for(counter: Counter, records: int) -> None:
    give_up = time.monotonic() + 120
    while counter.records < records:
        if time.monotonic() > give_up:
            raise SystemExit(f"{counter.records} of {records} records have arrived after two minutes")
        time.sleep(0.01)


def measure_load(program: str, state: Path, seconds: float) -> None:
    counter = Counter()
    with sink(counter.receive) as url, shipping(program, state, url) as ship:
        with logging_at(state, PER_SECOND, seconds) as application:
            wait_for(counter, 1)
            began, before = time.monotonic(), ship.cpu_seconds()
            assert application.stdout is not None
            logged = int(application.stdout.readline())
            share = (ship.cpu_seconds() - before) / (time.monotonic() - began)
        wait_for(counter, logged)
        peak = ship.peak_mib()
    lost = logged - counter.records
    contender(f"{program}, 10,000 records a second", core_share=share, peak_mib=peak, records=logged, lost=lost)
    report(f"{program}: share of a core at 10,000 records a second", share, CORE_SHARE)
    report(f"{program}: peak resident memory at 10,000 records a second, MiB", peak, MEMORY_MIB)


def measure_drain(program: str, state: Path) -> None:
    counter, backlog = Counter(), OUTAGE_SECONDS * OUTAGE_PER_SECOND
    fill(state / "journal", backlog)
    with (
        sink(counter.receive) as url,
        logging_at(state, OUTAGE_PER_SECOND, 20),
        shipping(program, state, url) as ship,
    ):
        wait_for(counter, 1)
        began = time.monotonic()
        wait_for(counter, backlog)
        seconds, peak = time.monotonic() - began, ship.peak_mib()
    contender(f"{program}, after an outage", seconds=seconds, records_per_second=backlog / seconds, peak_mib=peak)
    times = OUTAGE_SECONDS / seconds
    goal = f"{program}: time to be done with an outage of 10 minutes vs its own"
    report(goal, 1 / times, 1 / TIMES_FASTER, times=round(times, 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--program", choices=("ship", "serve"), default="ship")
    wanted = parser.parse_args()
    need("opentelemetry.proto.collector.logs.v1.logs_service_pb2", "monitor,otlp")
    with tempfile.TemporaryDirectory(prefix="bitacora-bench-") as place:
        for name in ("load", "outage"):
            Path(place, name).mkdir(mode=0o700)
        measure_load(wanted.program, Path(place, "load"), wanted.seconds)
        measure_drain(wanted.program, Path(place, "outage"))


if __name__ == "__main__":
    if len(sys.argv) > 4 and sys.argv[1] == "log":
        log_paced(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
    else:
        main()
