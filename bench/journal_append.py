"""CPU time of one append of a record of about 400 bytes, next to the bare write(2) of as many.

Prints one JSON line per contender, and last whether the goal is met: an append costs at most 2.4 bare writes, which is
3.5 µs where a write costs 1.5.
"""

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from otel_bitacora.reporter.core.journal.host import HostOs
from otel_bitacora.reporter.core.journal.writer import Writer

COUNT = 50_000
ROUNDS = 7
TARGET = 2.4
BEFORE, AFTER = b"s" * 20 + b"x" * 150, b"y" * 180
FRAME_BYTES = len(BEFORE) + 49 + len(AFTER) + 26
KEY = ("5b1c", "app.module")
NOW_NS = time.time_ns()


class NullOs(HostOs):
    """Writes nothing, so that what is left is the Python of append."""

    @staticmethod
    def write(fd: int, data: bytes) -> int:
        return len(data)


def bare_write(directory: Path) -> Callable[[], None]:
    fd = os.open(directory / "bare", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    data, write = b"x" * FRAME_BYTES, os.write

    def run() -> None:
        for _ in range(COUNT):
            write(fd, data)
        os.ftruncate(fd, 0)

    return run


def append(writer: Writer) -> Callable[[], None]:
    call = writer.append

    def run() -> None:
        for _ in range(COUNT):
            call(BEFORE, AFTER, scope_length=20, severity=9, key=KEY, time_ns=NOW_NS)

    return run


def microseconds(run: Callable[[], None]) -> float:
    start = time.thread_time()
    run()
    return (time.thread_time() - start) / COUNT * 1e6


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        contenders = {
            "write(2)": bare_write(place),
            "append": append(Writer(place / "journal", resource=b"r" * 200)),
            "append, sync=never": append(Writer(place / "never", resource=b"r" * 200, sync="never")),
            "append without write(2)": append(
                Writer(place / "null", resource=b"r" * 200, host=NullOs(), reserve_bytes=0)
            ),
        }
        results: dict[str, list[float]] = {label: [] for label in contenders}
        for _ in range(ROUNDS):
            for label, run in contenders.items():
                results[label].append(microseconds(run))
    medians = {label: statistics.median(found) for label, found in results.items()}
    for label, found in medians.items():
        print(json.dumps({"contender": label, "cpu_microseconds": round(found, 3)}))
    ratio = medians["append"] / medians["write(2)"]
    print(json.dumps({"goal": "journal append", "ratio": round(ratio, 2), "target": TARGET, "ok": ratio <= TARGET}))


if __name__ == "__main__":
    main()
