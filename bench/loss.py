"""Goal 7, what the writer has to do with: records whose call had returned, and that are gone after `kill -9` or a full disk.

kill -9: a program that logs 5,000 records a second is killed after a second, `--rounds` (5) times. OpenTelemetry's handler
exports to a receiver that is up all the time. Full disk: 8 MiB fill up, 1,000 more records are logged, and then room is
made; the peer is `logging.FileHandler`, since OpenTelemetry's doesn't write to disks. Wants to mount a tmpfs.
"""

from __future__ import annotations

import argparse
import json
import logging
import mmap
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contest import contender, need, report
from sink import sink

from otel_bitacora import BitacoraHandler, LogEntry
from otel_bitacora.reporter.core.journal import Kind, Reader

PER_SECOND = 5000
SECONDS = 1.0
AFTER_FULL = 1000


def handler_of(kind: str, place: str) -> logging.Handler:
    if kind == "bitacora":
        return BitacoraHandler(journal=place, service_name="bench")
    if kind == "FileHandler":
        return logging.FileHandler(place)
    from loggers import otel

    otel(place)
    return logging.getLogger().handlers[0]


def log_until_killed(kind: str, place: str, counter: str) -> None:
    """Log at the rate, and after each call write to the file *counter* how many have returned."""
    logging.getLogger().addHandler(handler_of(kind, place))
    log = logging.getLogger("bench")
    log.setLevel(logging.INFO)
    log.addHandler(logging.NullHandler())
    with Path(counter).open("r+b") as file, mmap.mmap(file.fileno(), 8) as acknowledged:
        began, number = time.monotonic(), 0
        while True:
            while number < (time.monotonic() - began) * PER_SECOND:
                log.info("%d", number)
                number += 1
                acknowledged[:] = number.to_bytes(8, "little")
            time.sleep(0.001)


def kill_one(kind: str, place: str, directory: str) -> int:
    """Return how many calls had returned when the program was killed."""
    counter = Path(directory, "acknowledged")
    counter.write_bytes(bytes(8))
    process = subprocess.Popen([sys.executable, __file__, "kill", kind, place, counter], stderr=subprocess.DEVNULL)
    while not any(counter.read_bytes()):
        time.sleep(0.01)
        if process.poll() is not None:
            raise SystemExit(f"the program that logs to {kind} has ended by itself")
    time.sleep(SECONDS)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    return int.from_bytes(counter.read_bytes(), "little")


def kill_bitacora() -> tuple[int, int]:
    with tempfile.TemporaryDirectory() as directory:
        journal = Path(directory, "journal")
        acknowledged = kill_one("bitacora", str(journal), directory)
        return acknowledged, len(set(range(acknowledged)) - journalled(journal))


def kill_otel() -> tuple[int, int]:
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

    bodies: list[bytes] = []
    with tempfile.TemporaryDirectory() as directory, sink(bodies.append) as url:
        acknowledged = kill_one("otel", url, directory)
        time.sleep(0.5)  # for what was sent to arrive
    received = {
        int(record.body.string_value)
        for body in bodies
        for of_resource in ExportLogsServiceRequest.FromString(body).resource_logs
        for of_scope in of_resource.scope_logs
        for record in of_scope.log_records
        if record.body.string_value.isdecimal()
    }
    return acknowledged, len(set(range(acknowledged)) - received)


def journalled(journal: Path) -> set[int]:
    records = (frame for frame in Reader(journal) if frame.kind == Kind.RECORD)
    return {int(str(LogEntry.from_otlp(bytes(frame.payload)).body).split()[0]) for frame in records}


@contextmanager
def small_disk() -> Iterator[Path | None]:
    """Yield a file system of 8 MiB, 1 MiB of it taken by `ballast`; None where mounting isn't allowed."""
    with tempfile.TemporaryDirectory() as directory:
        mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", directory]
        if subprocess.run(mount, check=False, capture_output=True).returncode:
            yield None
            return
        try:
            Path(directory, "ballast").write_bytes(bytes(1 << 20))
            yield Path(directory)
        finally:
            subprocess.run(["umount", "-l", directory], check=True)


def fill_disk(kind: str, place: str) -> None:
    """Log until the disk is full, and 1,000 records more; make room, log one a second later, and print how many there were."""
    logging.raiseExceptions = False
    log = logging.getLogger("bench")
    log.setLevel(logging.INFO)
    log.addHandler(handler_of(kind, place + "/log"))
    ballast, number, full_at = Path(place, "ballast"), 0, None
    while full_at is None or number < full_at + AFTER_FULL:
        log.info("%d %s", number, "x" * 400)
        number += 1
        if full_at is None and number % 64 == 0 and os.statvfs(place).f_bavail == 0:
            full_at = number
    ballast.unlink()
    time.sleep(1.5)
    log.info("%d %s", number, "room again")
    log.handlers[0].flush()
    print(json.dumps(number + 1))
    os._exit(0)


def full_disk(kind: str) -> tuple[int, int] | None:
    """Return how many records were logged, and how many of them are lost; None where that can't be tried."""
    with small_disk() as disk:
        if disk is None:
            return None
        command = [sys.executable, __file__, "fill", kind, disk]
        logged = int(subprocess.check_output([str(part) for part in command], text=True))
        kept = journalled(disk / "log") if kind == "bitacora" else lines(disk / "log")
        return logged, len(set(range(logged)) - kept)


def lines(path: Path) -> set[int]:
    """Return the records whose line is whole."""
    split = [line.split() for line in path.read_text().splitlines()]
    return {int(words[0]) for words in split if len(words) >= 2 and (len(words[1]) == 400 or words[1] == "room")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    need("opentelemetry.exporter.otlp.proto.http", "monitor,otlp")
    lost = {}
    for name, kill in (("bitacora", kill_bitacora), ("otel handler + otlp/http", kill_otel)):
        found = [kill() for _ in range(rounds)]
        logged, lost[name] = (sum(column) for column in zip(*found, strict=True))
        contender(f"kill -9, {name}", logged=logged, lost=lost[name], lost_percent=100 * lost[name] / logged)
    report("7 records lost by kill -9", lost["bitacora"], 0)
    for kind in ("bitacora", "FileHandler"):
        filled = full_disk(kind)
        if filled is None:
            print("a full disk wasn't tried: mounting a tmpfs isn't allowed here", file=sys.stderr)
            return
        contender(f"full disk, {kind}", logged=filled[0], lost=filled[1], lost_percent=100 * filled[1] / filled[0])
        lost[kind] = filled[1]
    report("7 records lost by a full disk", lost["bitacora"], 0)


if __name__ == "__main__":
    if len(sys.argv) > 2 and sys.argv[1] == "kill":
        log_until_killed(*sys.argv[2:])
    elif len(sys.argv) > 2 and sys.argv[1] == "fill":
        fill_disk(*sys.argv[2:])
    else:
        main()
