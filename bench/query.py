"""`logs query` on a journal of `--mib` (64) MiB: seconds by kind of query, next to `grep` and lnav on the same records as text.

Each contender is a process of its own, started anew in each round, as its users start it: start-up is in its time. The
goals are for 1 GiB (2 s by the index, 3 s a literal, 20 s attributes and patterns, 1 s to the first result) and grow with
the journal, as what is found does; start-up, which doesn't, is measured by a query for one record, and left out of the
ratio. `--rounds N` (5); the median of each. CPU seconds, but for the first result, whose user waits by the clock.
"""

from __future__ import annotations

import argparse
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from contest import contender, report

from otel_bitacora.reporter.core.encode import RecordEncoder
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.indexing import of_entry
from otel_bitacora.reporter.core.journal import Writer
from otel_bitacora.reporter.core.otlp import encode_resource

RECORD_BYTES = 400
START = 1_764_000_000 * 10**9
STEP = 10**7
PROGRAM = [sys.executable, "-m", "otel_bitacora", "logs"]
INDEX_SECONDS, LITERAL_SECONDS, ATTRIBUTE_SECONDS, FIRST_SECONDS = 2, 3, 20, 1
SESSIONS = 500
QUERIES = {
    "level": ("level>=error", INDEX_SECONDS),
    "session": ("session=s-7", INDEX_SECONDS),
    "logger": ("logger=shop.rare", INDEX_SECONDS),
    "time": ("since={since} until={until}", INDEX_SECONDS),
    "literal": ('"connection refused"', LITERAL_SECONDS),
    "literal in a field": ("message=*refused*", LITERAL_SECONDS),
    "attribute, a number": ("attr.http.status>=500", ATTRIBUTE_SECONDS),
    "attribute, a pattern": ("attr.url=*7777*", ATTRIBUTE_SECONDS),
    "pattern that has to be parsed for": ("not message=GET*", ATTRIBUTE_SECONDS),
}


def write_journal(directory: Path, size_bytes: int, per_session: int) -> int:
    """Write records of a web server of some 400 bytes each, one in 200 an error, one in 2,000 refused; return how many."""
    settings = {"sync": "never", "max_bytes": 8 << 30}
    writer = Writer(directory, resource=encode_resource({"service.name": "shop"}), **settings)
    encoder, chance, count, written = RecordEncoder(), random.Random(1), 0, 0
    while written < size_bytes:
        count += 1
        entry = record(count, count // per_session, chance)
        severity, key, time_ns = of_entry(entry)
        before, after, scope_length = encoder.encode_entry(entry)
        writer.append(before, after, scope_length=scope_length, severity=severity, key=key, time_ns=time_ns)
        written += len(before) + len(after) + 75
    writer.close()
    return count


def record(number: int, session: int, chance: random.Random) -> LogEntry:
    severity, level = (17, "ERROR") if number % 200 == 0 else (13, "WARN") if number % 50 == 0 else (9, "INFO")
    refused = number % 2000 == 0
    return LogEntry(
        timestamp_unix_nano=START + number * STEP,
        observed_unix_nano=START + number * STEP + 9000,
        severity_number=severity,
        severity_text=level,
        body="connection refused by 10.0.0.7" if refused else f"GET /api/items/{number} served in {number % 97} ms",
        logger="shop.rare" if session == 9 else f"shop.part{chance.randrange(30)}",
        attributes={
            "bitacora.session.id": f"s-{session}",
            "http.status": number % 3 + (500 if number % 100 == 0 else 200),
            "url": f"/api/items/{number}",
            "code.file.path": "/srv/shop/web.py",
            "code.function.name": "serve",
            "code.line.number": 42,
            "thread.id": 140_000,
            "thread.name": "MainThread",
        },
    )


def cpu_seconds(command: Sequence[object]) -> tuple[float, int]:
    """Return the CPU seconds that *command* takes, and how many lines it prints."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode > 1:
        raise SystemExit(f"{command} ended with status {done.returncode}")
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, done.stdout.count(b"\n")


def first_line_seconds(command: Sequence[object]) -> float:
    began = time.perf_counter()
    with subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        taken = time.perf_counter() - began
        process.kill()
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bitacora-bench-") as place:
        measure(Path(place), options.mib, options.rounds)


def measure(place: Path, mib: int, rounds: int) -> None:
    journal, text = place / "journal", place / "records.log"
    per_session = (mib << 20) // RECORD_BYTES // SESSIONS
    count = write_journal(journal, mib << 20, per_session)
    span = {name: _moment(session * per_session) for name, session in (("since", 20), ("until", 21))}
    with text.open("wb") as file:
        subprocess.run([*PROGRAM, "cat", "--journal", journal], stdout=file, check=True)
    contenders = {name: _ours(query.format(**span), journal) for name, (query, _) in QUERIES.items()}
    contenders["start-up"] = [*_ours("", journal), "-n", "1"]
    contenders["grep, on text"] = ["grep", "-i", "connection refused", text]
    contenders["grep, a number"] = ["grep", "-E", "http.status=5[0-9][0-9]", text]
    if shutil.which("lnav"):
        contenders["lnav, on text"] = ["lnav", "-n", "-c", ":filter-in (?i)connection refused", text]
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    first: list[float] = []
    lines = {}
    for _ in range(rounds):
        for name, command in contenders.items():
            seconds, lines[name] = cpu_seconds(command)
            taken[name].append(seconds)
        first.append(first_line_seconds(contenders["attribute, a pattern"]))
    medians = {name: statistics.median(found) for name, found in taken.items()}
    for name, seconds in medians.items():
        contender(f"{name}, {mib} MiB", cpu_s=seconds, found=lines[name], records=count)
    contender(f"first result of an attribute, {mib} MiB", wall_s=statistics.median(first))
    share = mib / 1024
    for name, (_, limit) in QUERIES.items():
        ratio = (medians[name] - medians["start-up"]) / (limit * share)
        report(f"query by {name}, {mib} MiB, vs {limit} s a GiB", ratio, 1)
    report("first result of an attribute, s", statistics.median(first), FIRST_SECONDS)


def _moment(number: int) -> str:
    return f"{datetime.fromtimestamp((START + number * STEP) / 1e9, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _ours(query: str, journal: Path) -> list[object]:
    return [*PROGRAM, "query", query, "--journal", journal]


if __name__ == "__main__":
    main()
