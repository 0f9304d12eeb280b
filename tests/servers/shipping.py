"""A generated journal, and shippers of it that stop where a test wants to kill something."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.journal.reader import Reader
from otel_bitacora.reporter.core.journal.writer import Writer
from otel_bitacora.reporter.core.otlp import encode_resource, split
from otel_bitacora.reporter.core.stored import FrameDecoder
from otel_bitacora.reporter.core.timeline import RECORD_ONLY, by_time
from otel_bitacora.reporter.production.shipper.ledger import Ledger, ledgers_of

PROGRAM = """
import sys
from pathlib import Path
from otel_bitacora.reporter.production.exporters import Destination, exporter_for
from otel_bitacora.reporter.production.shipper.failpoints import failpoint_from
from otel_bitacora.reporter.production.shipper.tail import Limits
from otel_bitacora.reporter.production.shipper.worker import Route, Worker

journal, url, stops = Path(sys.argv[1]), sys.argv[2], {int(each) for each in sys.argv[3:]}

class Stopping:
    def __init__(self):
        self.inner = exporter_for(url, Destination(url, bootstrap=True, timeout_seconds=5.0))
        self.name, self.ordered, self.passed = self.inner.name, self.inner.ordered, 0
    def export(self, batch):
        outcomes = self.inner.export(batch)
        self.passed += 1
        if self.passed in stops:
            print(self.passed, flush=True)
            sys.stdin.readline()
        return outcomes
    def close(self):
        self.inner.close()

route = Route(
    journal=journal, name="store", make_exporter=Stopping, limits=Limits(records=250), max_backoff_seconds=1.0
)
worker = Worker(route, failpoint=failpoint_from())
worker.pace.stop(float("inf"))
worker.run()
"""


def generate(journal: Path, *options: str) -> None:
    command = [sys.executable, "-m", "otel_bitacora", "generate", "--journal", str(journal), *options]
    subprocess.run(command, check=True, timeout=300, capture_output=True)


def log(journal: Path, body: str) -> None:
    writer = Writer(journal, resource=encode_resource({"service.name": "afterwards"}), reserve_bytes=0)
    before, after, scope_length = split(LogEntry(body=body, severity_number=9, timestamp_unix_nano=1))
    writer.append(before, after, scope_length, 9)
    writer.close()


def records_in(journal: Path) -> dict[str, LogEntry]:
    """Return what the journal holds, by uid."""
    decoder = FrameDecoder()
    entries = (decoder.entry(frame) for frame in by_time(Reader(journal, kinds=RECORD_ONLY)))
    return {entry.uid: entry for entry in entries}


def ledger_of(journal: Path) -> Ledger:
    (ledger,) = ledgers_of(journal)
    return ledger


def states_of(journal: Path) -> list[str]:
    """Return how its exporters fare; none before the first has begun."""
    return [ledger.state for ledger in ledgers_of(journal)]


def ship(journal: Path, url: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Ship everything with the command, and return when it has ended."""
    command = [sys.executable, "-m", "otel_bitacora", "ship", "--journal", str(journal), "--to", url]
    return subprocess.run(
        [*command, "--name", "store", "--once", "--max-backoff", "1", *options],
        check=False,
        timeout=300,
        capture_output=True,
        text=True,
    )


@contextmanager
def shipping(journal: Path, url: str) -> Iterator[subprocess.Popen[str]]:
    """Ship with the command until the end of the block."""
    command = [sys.executable, "-m", "otel_bitacora", "ship", "--journal", str(journal), "--to", url]
    process = subprocess.Popen(
        [*command, "--name", "store", "--bootstrap", "--max-backoff", "1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=60)


def ship_through_crashes(journal: Path, url: str, *, kill: Callable[[], None], start: Callable[[], object]) -> None:
    """Ship *journal*, with the server killed between two requests and within one, and the shipper after one.

    Each time something is left to be sent.
    """
    with _shipper(journal, url, 3, 6, failpoint="after-export:12") as shipper, _ended(shipper):
        _await_stop(shipper)
        kill()
        _go_on(shipper)
        start()
        _await_stop(shipper)
        _go_on(shipper)
        kill()
        start()
        assert shipper.wait(timeout=300) == -signal.SIGKILL
    assert ledger_of(journal).pending > 0
    with _shipper(journal, url) as last, _ended(last):
        assert last.wait(timeout=300) == 0


def _shipper(journal: Path, url: str, *stops: int, failpoint: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(journal), url, *map(str, stops)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "BITACORA_FAILPOINT": failpoint},
    )


@contextmanager
def _ended(process: subprocess.Popen[str]) -> Iterator[None]:
    """Have *process* not outlive a test that fails."""
    try:
        yield
    finally:
        process.kill()


def _await_stop(shipper: subprocess.Popen[str]) -> None:
    assert shipper.stdout is not None
    assert select.select([shipper.stdout], [], [], 120)[0], "it doesn't come so far"
    assert shipper.stdout.readline().strip(), "it ended before it came so far"


def _go_on(shipper: subprocess.Popen[str]) -> None:
    assert shipper.stdin is not None
    shipper.stdin.write("\n")
    shipper.stdin.flush()


def first_seen(uids: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(uids))
