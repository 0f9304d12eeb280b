"""A journal, a destination that answers as a test has written it, and time that passes only when it is waited for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from otel_bitacora.reporter.core.contract import Accepted, Outcome, StoredRecord
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.journal.writer import Writer
from otel_bitacora.reporter.core.otlp import encode_resource, split
from otel_bitacora.reporter.production.shipper.dead_letters import DeadLetters
from otel_bitacora.reporter.production.shipper.failpoints import nowhere
from otel_bitacora.reporter.production.shipper.ledger import ledgers_of
from otel_bitacora.reporter.production.shipper.tail import Limits
from otel_bitacora.reporter.production.shipper.wanted import Wanted
from otel_bitacora.reporter.production.shipper.worker import Route, Worker

Answer = Callable[[Sequence[StoredRecord]], Sequence[Outcome]]
RESOURCE = encode_resource({"service.name": "test"})


def accept(batch: Sequence[StoredRecord]) -> Sequence[Outcome]:
    return [Accepted()] * len(batch)


def body_of(record: StoredRecord) -> str:
    return str(record.entry().body)


class ScriptedExporter:
    """Answers with the answers that are left, one for each call, and then takes everything.

    An answer is a function of the batch, or an exception to raise.
    """

    def __init__(self, *answers: Answer | Exception, ordered: bool = False) -> None:
        self.name = "scripted"
        self.ordered = ordered
        self.answers = list(answers)
        self.otherwise: Answer | Exception = accept
        self.calls: list[list[str]] = []
        """Bodies of what each call was given."""
        self.taken: list[str] = []
        """Bodies of what was accepted, in the order of arrival."""
        self.is_closed = False

    def export(self, batch: Sequence[StoredRecord]) -> Sequence[Outcome]:
        self.calls.append([body_of(record) for record in batch])
        answer = self.answers.pop(0) if self.answers else self.otherwise
        if isinstance(answer, Exception):
            raise answer
        outcomes = answer(batch)
        self.taken += [
            body_of(record) for record, outcome in zip(batch, outcomes, strict=False) if isinstance(outcome, Accepted)
        ]
        return outcomes

    def close(self) -> None:
        self.is_closed = True


class FakePace:
    """Waiting is what makes time pass, at once. It ends the worker when nothing is left, unless *is_stopping* is false."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.wall_ahead = 0.0
        """Seconds that the wall clock was put forward."""
        self.waits: list[float] = []
        self.is_stopping = True
        self.deadline = float("inf")
        self.jitter = 1.0
        self.on_wait: Callable[[float], None] = lambda _: None

    def monotonic(self) -> float:
        return self.now

    def wall_ns(self) -> int:
        return int((self.now + self.wall_ahead + 1_700_000_000) * 1e9)

    def random(self) -> float:
        return self.jitter

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds
        self.on_wait(seconds)

    def nudge(self) -> None:
        pass

    def stop(self, within_seconds: float) -> None:
        self.is_stopping = True
        self.deadline = self.now + within_seconds

    @property
    def is_over(self) -> bool:
        return self.now >= self.deadline


class Stage:
    def __init__(self, directory: Path) -> None:
        self.journal = directory
        self.pace = FakePace()
        self._writer: Writer | None = None

    @property
    def writer(self) -> Writer:
        if self._writer is None:
            self._writer = self.new_writer()
        return self._writer

    def new_writer(self, **options: Any) -> Writer:
        return Writer(self.journal, **({"resource": RESOURCE, "reserve_bytes": 0, "sync": "never"} | options))

    def log(self, *bodies: str, severity: int = 9, writer: Writer | None = None, logger: str = "app") -> None:
        for body in bodies:
            entry = LogEntry(body=body, severity_number=severity, timestamp_unix_nano=1, logger=logger)
            before, after, scope_length = split(entry)
            (writer or self.writer).append(before, after, scope_length, severity)

    def worker(
        self,
        exporter: ScriptedExporter,
        *,
        name: str = "scripted",
        limits: Limits | None = None,
        wanted: Wanted | None = None,
        failpoint: Callable[[str], None] = nowhere,
        **options: Any,
    ) -> Worker:
        route = Route(
            journal=self.journal,
            name=name,
            make_exporter=lambda: exporter,
            destination="scripted://",
            limits=limits or Limits(),
            wanted=wanted or Wanted(),
            waits_for_lease=False,
            **options,
        )
        return Worker(route, pace=self.pace, failpoint=failpoint)

    def ship(self, exporter: ScriptedExporter, **options: Any) -> Worker:
        """Ship until nothing is left, and return who did."""
        worker = self.worker(exporter, **options)
        worker.run()
        return worker


def counts_of(stage: Stage) -> dict[str, int]:
    """Return the one ledger's numbers that aren't zero, after a look that they add up."""
    (ledger,) = ledgers_of(stage.journal)
    assert ledger.is_balanced
    found = ledger.counts.as_dict() | {"pending": ledger.pending}
    assert sum(found.values()) == ledger.journalled
    return {name: count for name, count in found.items() if count}


def letters_of(stage: Stage, worker: Worker) -> list[tuple[str, str]]:
    return [(body_of(each.record), each.reason) for each in DeadLetters(worker.folder, wall_ns=stage.pace.wall_ns)]
