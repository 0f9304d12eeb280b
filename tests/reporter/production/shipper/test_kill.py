"""A shipper killed at any step loses nothing, and sends no more twice than the batch that was under way."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from otel_bitacora.reporter.production.shipper.dead_letters import DeadLetters
from otel_bitacora.reporter.production.shipper.failpoints import NAMES
from otel_bitacora.reporter.production.shipper.ledger import ledgers_of
from otel_bitacora.reporter.production.shipper.registry import folder_of

from .stage import Stage  # tests are no package

PROGRAM = """
import os, sys
from pathlib import Path
from otel_bitacora.reporter.core.contract import Accepted, BatchRejected
from otel_bitacora.reporter.production.shipper.failpoints import failpoint_from
from otel_bitacora.reporter.production.shipper.tail import Limits
from otel_bitacora.reporter.production.shipper.worker import Route, Worker

journal, out = Path(sys.argv[1]), Path(sys.argv[2])

class ToFile:
    name = "file"
    def export(self, batch):
        bodies = [record.entry().body for record in batch]
        if any("poison" in body for body in bodies):
            raise BatchRejected("400")
        with out.open("ab") as file:  # in one write: what is killed has sent all or nothing
            file.write("".join(body + "\\n" for body in bodies).encode())
        return [Accepted()] * len(batch)

worker = Worker(
    Route(journal=journal, name="file", make_exporter=ToFile, limits=Limits(records=20)), failpoint=failpoint_from()
)
worker.pace.stop(float("inf"))
worker.run()
"""
BATCH, PER_WRITER, WRITERS = 20, 100, 2


def ship(journal: Path, out: Path, failpoint: str = "") -> int:
    environ = {**os.environ, "BITACORA_FAILPOINT": failpoint}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, str(journal), str(out)], env=environ, timeout=60, check=False
    ).returncode


@pytest.mark.parametrize("place", NAMES)
@pytest.mark.parametrize("passes", [1, 2, 5])
def test_killed_and_started_again_it_has_delivered_everything_and_counted_it_once(
    stage: Stage, tmp_path, place, passes
) -> None:
    bodies = [
        f"{writer}-{'poison-' * (number % 30 == 7)}{number}"
        for writer in range(WRITERS)
        for number in range(PER_WRITER)
    ]
    for writer in range(WRITERS):
        stage.log(*bodies[writer * PER_WRITER : (writer + 1) * PER_WRITER], writer=stage.new_writer())
    out = tmp_path / "out"

    killed = ship(stage.journal, out, f"{place}:{passes}")
    ended = ship(stage.journal, out)

    can_be_met = passes <= 2 or "checkpoint" not in place  # it is written at the start, and once a second
    assert ended == 0
    assert killed == (-signal.SIGKILL if can_be_met else 0)
    delivered = out.read_text().split()
    letters = [
        str(each.record.entry().body) for each in DeadLetters(folder_of(stage.journal, "file"), wall_ns=lambda: 0)
    ]
    good = [body for body in bodies if "poison" not in body]
    assert sorted(set(delivered)) == sorted(good)
    assert sorted(letters) == sorted(set(bodies) - set(good))
    assert len(delivered) - len(good) <= BATCH
    for writer in range(WRITERS):
        first_seen = list(dict.fromkeys(body for body in delivered if body.startswith(f"{writer}-")))
        assert first_seen == [body for body in good if body.startswith(f"{writer}-")]
    (ledger,) = ledgers_of(stage.journal)
    assert ledger.is_balanced
    assert (ledger.counts.delivered, ledger.counts.dead_lettered, ledger.pending) == (len(good), len(letters), 0)


def test_a_record_logged_after_the_crash_arrives_too(stage: Stage, tmp_path) -> None:
    out = tmp_path / "out"
    stage.log("before")
    ship(stage.journal, out, "after-export")
    stage.log("after")

    ship(stage.journal, out)

    assert out.read_text().split() == ["before", "before", "after"]
