"""Goal 15, records: the cost of a record doesn't grow with how many were logged, nor with how large the journal is.

10,000 to 1,000,000 calls of one process, each size into a journal of its own; and 24 MiB more into journals that hold
1 MiB, 32 MiB and `--mib` (256) already. CPU of the whole process, upkeep, rolls and seals included.
"""

from __future__ import annotations

import argparse
import itertools
import math
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from contest import answer_with, contender, contest, report
from loggers import bitacora_at, calls

from otel_bitacora.reporter.core.journal.writer import Writer

RECORDS = (10_000, 100_000, 1_000_000)
MIB = 1 << 20
REPEATS = 5  # of all sizes but the largest, which takes half a minute
APPENDED, RECORD_BYTES = 48_000, 512  # 24 MiB: three segments, so that rolls and retention's looks are in it


def log_records(count: int) -> Callable[[], float]:
    """Return what logs *count* records into a new journal, and says how much CPU milliseconds that took."""

    def once() -> float:
        with tempfile.TemporaryDirectory(prefix="bitacora-bench-") as place:
            one = bitacora_at(place)
            began = time.process_time_ns()
            for call in calls(count):
                one.log(call)
            return (time.process_time_ns() - began) / 1e6

    return lambda: statistics.median(once() for _ in range(1 if count == max(RECORDS) else REPEATS))


def append(writer: Writer, count: int) -> None:
    before, after = b"s" * 20 + b"x" * 200, b"y" * (RECORD_BYTES - 220 - 49 - 28)
    for _ in range(count):
        writer.append(before, after, scope_length=20, severity=9, key=("5b1c", "app.module"), time_ns=time.time_ns())


def append_to_journals(sizes: Iterable[int]) -> dict[int, float]:
    """Return the median CPU microseconds of an append by the size that the journal had, in bytes."""
    with tempfile.TemporaryDirectory(prefix="bitacora-bench-") as place:
        journals = {}
        for size in sizes:
            journals[size] = Path(place, str(size))
            writer = Writer(journals[size], resource=b"r" * 200, max_bytes=8 << 30)
            append(writer, size // RECORD_BYTES)
            writer.close()
        found: dict[int, list[float]] = {size: [] for size in journals}
        for _ in range(5):
            for size, journal in journals.items():
                writer = Writer(journal, resource=b"r" * 200, max_bytes=8 << 30)
                kept = set(journal.iterdir())
                began = time.process_time_ns()
                append(writer, APPENDED)
                found[size].append((time.process_time_ns() - began) / APPENDED / 1e3)
                writer.close()
                for new in set(journal.iterdir()) - kept:
                    shutil.rmtree(new) if new.is_dir() else new.unlink()
    return {size: statistics.median(values) for size, values in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=256)
    largest = parser.parse_args().mib * MIB
    commands = {str(count): [sys.executable, __file__, count] for count in RECORDS}
    found = contest(commands, rounds=1, warm_up=0)
    for name, milliseconds in found.items():
        contender(f"{name} records", cpu_ms=milliseconds, us_per_record=milliseconds * 1000 / int(name))
    report("15 slope of logging, records 10,000 to 1,000,000", slope({int(n): ms for n, ms in found.items()}), 1.1)
    appends = append_to_journals((MIB, 32 * MIB, largest))
    for size, microseconds in appends.items():
        contender(f"append to a journal of {size // MIB} MiB", us_per_record=microseconds)
    report(f"15 append to a journal of {largest // MIB} MiB vs of 1 MiB", appends[largest] / appends[MIB], 1.1)


def slope(found: dict[int, float]) -> float:
    pairs = itertools.pairwise(sorted(found.items()))
    return max(math.log(cost / less) / math.log(big / small) for (small, less), (big, cost) in pairs)


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1].isdecimal():
        answer_with(log_records(int(sys.argv[1])))
    else:
        main()
