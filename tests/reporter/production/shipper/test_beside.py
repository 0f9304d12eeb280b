"""What one destination does is nothing to another: a thread, an exporter, a lease and a checkpoint for each."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from otel_bitacora.errors import DestinationError
from otel_bitacora.reporter.core.contract import Exporter, Outcome, StoredRecord
from otel_bitacora.reporter.production.shipper.ledger import ledgers_of
from otel_bitacora.reporter.production.shipper.run import Shipper
from otel_bitacora.reporter.production.shipper.tail import Limits
from otel_bitacora.reporter.production.shipper.worker import Route

from .stage import ScriptedExporter, Stage  # tests are no package

HANG_SECONDS = 60  # only against a hang


class Hanging:
    """Doesn't answer until it is let."""

    name = "hanging"

    def __init__(self) -> None:
        self.is_asked = threading.Event()
        self.may_answer = threading.Event()

    def export(self, _: Sequence[StoredRecord]) -> Sequence[Outcome]:
        self.is_asked.set()
        self.may_answer.wait(HANG_SECONDS)
        raise DestinationError("it hung up")


class Healthy(ScriptedExporter):
    """Tells when it has as many records as are expected."""

    def __init__(self, expected: int) -> None:
        super().__init__()
        self.has_all = threading.Event()
        self._expected = expected

    def export(self, batch: Sequence[StoredRecord]) -> Sequence[Outcome]:
        outcomes = super().export(batch)
        if len(self.taken) == self._expected:
            self.has_all.set()
        return outcomes


def route(journal: Path, name: str, exporter: Exporter) -> Route:
    return Route(
        journal=journal, name=name, make_exporter=lambda: exporter, limits=Limits(records=10), patience_seconds=0
    )


def test_a_healthy_destination_gets_everything_while_one_hangs_and_another_is_dead(stage: Stage) -> None:
    hanging, dead, healthy = Hanging(), ScriptedExporter(), Healthy(expected=95)
    dead.otherwise = DestinationError("refused")
    bodies = [f"{number}" for number in range(95)]
    stage.log(*bodies)
    names = {"dead": dead, "hanging": hanging, "healthy": healthy}
    shipper = Shipper([route(stage.journal, name, exporter) for name, exporter in names.items()])

    shipper.start()
    assert hanging.is_asked.wait(HANG_SECONDS)
    assert healthy.has_all.wait(HANG_SECONDS)
    hanging.may_answer.set()
    assert shipper.stop(HANG_SECONDS)

    assert healthy.taken == bodies
    ledgers = ledgers_of(stage.journal)
    assert {ledger.exporter: ledger.pending for ledger in ledgers} == {"dead": 95, "hanging": 95, "healthy": 0}
    assert all(ledger.is_balanced for ledger in ledgers)
