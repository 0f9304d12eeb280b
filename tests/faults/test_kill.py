"""`kill -9` in a burst of logging: no record whose call had returned may be missing, or differ."""

from __future__ import annotations

import logging
import os
import random
import signal
import struct
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from otel_bitacora import BitacoraHandler, LogEntry

from ..journalled import balances, entries  # noqa: TID252  # tests are no package
from .programs import PRELUDE

ROUNDS = 600 if os.environ.get("BITACORA_SOAK") else 60
ROUNDS_A_TEST = 10
PROCESSES = 4
LATEST_KILL = 20_000 if os.environ.get("BITACORA_SOAK") else 500
ACKNOWLEDGEMENT = struct.Struct("<HQ")

# One interpreter starts all rounds, because starting four for each would take longer than what they are for.
LAUNCHER = """
import signal, struct

def produce(number, acknowledgements):
    handler, log = setup(f"app.{number}")
    i = 0
    while True:
        i += 1
        text = "x" * (i * 7919 % 700)
        if i % 40 == 0:
            try:
                raise ValueError(i)
            except ValueError:
                log.exception("record %d of %d %s", i, number, text, extra={"number": i})
        else:
            log.info("record %d of %d %s", i, number, text, extra={"number": i})
        os.write(acknowledgements, struct.pack("<HQ", number, i))

for line in sys.stdin:
    sys.argv[1], pipe = line.split()
    pids = []
    for number in range(4):
        pid = os.fork()
        if pid == 0:
            produce(number, os.open(pipe, os.O_WRONLY))
        pids.append(pid)
    print(*pids, flush=True)
    for pid in pids:
        os.waitpid(pid, 0)
    print("done", flush=True)
"""


@contextmanager
def launcher() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", PRELUDE + LAUNCHER, ""], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def acknowledged_before_kill(process: subprocess.Popen[str], journal: Path, kill_after: int) -> dict[int, int]:
    """Return, by producer, the last record that its logging call returned for before all were killed at the given one."""
    assert process.stdin is not None
    assert process.stdout is not None
    pipe = journal.with_suffix(".pipe")
    os.mkfifo(pipe)
    process.stdin.write(f"{journal} {pipe}\n")
    process.stdin.flush()
    pids = [int(pid) for pid in process.stdout.readline().split()]
    received = b""
    with pipe.open("rb", buffering=0) as acknowledgements:
        while len(received) < kill_after * ACKNOWLEDGEMENT.size:
            received += acknowledgements.read(65536)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        assert process.stdout.readline() == "done\n"
        while piece := acknowledgements.read(65536):
            received += piece
    whole = len(received) // ACKNOWLEDGEMENT.size * ACKNOWLEDGEMENT.size
    return {number: i for number, i in ACKNOWLEDGEMENT.iter_unpack(received[:whole])}  # noqa: C416  # pairs to a checker


def by_producer(found: list[LogEntry]) -> dict[int, list[LogEntry]]:
    producers: dict[int, list[LogEntry]] = defaultdict(list)
    for entry in found:
        producers[int(entry.logger.removeprefix("app."))].append(entry)
    return producers


def assert_as_logged(entry: LogEntry, number: int) -> None:
    i = entry.attributes["number"]
    assert isinstance(i, int)
    assert entry.body == f"record {i} of {number} {'x' * (i * 7919 % 700)}"
    assert entry.severity_number == (17 if i % 40 == 0 else 9)
    assert entry.attributes.get("exception.message") == (str(i) if i % 40 == 0 else None)


@pytest.mark.parametrize("part", range(ROUNDS // ROUNDS_A_TEST))
def test_no_record_whose_call_returned_is_lost_to_sigkill(tmp_path: Path, part: int) -> None:
    chance = random.Random(part)

    with launcher() as process:
        for number in range(ROUNDS_A_TEST):
            journal = tmp_path / f"journal-{number}"
            kill_after = chance.randrange(1, LATEST_KILL)

            acknowledged = acknowledged_before_kill(process, journal, kill_after)
            found = entries(journal)

            assert sum(acknowledged.values()) >= kill_after
            assert len({entry.uid for entry in found}) == len(found)
            producers = by_producer(found)
            for producer, kept in producers.items():
                assert [entry.attributes["number"] for entry in kept] == list(range(1, len(kept) + 1))
                assert acknowledged.get(producer, 0) <= len(kept) <= acknowledged.get(producer, 0) + 1
                for entry in kept:
                    assert_as_logged(entry, producer)
            assert set(acknowledged) <= set(producers)
            assert all(not balance.tombstoned for balance in balances(journal))


def test_a_program_that_starts_after_the_kill_logs_to_the_same_journal(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    with launcher() as process:
        acknowledged = acknowledged_before_kill(process, journal, 200)

    handler = BitacoraHandler(journal=journal)
    handler.handle(logging.makeLogRecord({"name": "app.9", "msg": "fresh"}))

    producers = by_producer(entries(journal))
    assert [entry.body for entry in producers.pop(9)] == ["fresh"]
    assert all(len(producers[number]) >= last for number, last in acknowledged.items())
    handler.close()
