"""Stand-ins for the Reporter's parts: an exporter and a collector that do as they are told, and a storage in memory."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from otel_bitacora.reporter.core.contract import (
    Accepted,
    BatchRejected,
    Duplicate,
    Outcome,
    StoredRecord,
)
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.memory import MemoryStorage

__all__ = ["Answer", "FakeCollector", "FakeExporter", "MemoryStorage", "Step"]

Answer: TypeAlias = Callable[[Sequence[StoredRecord]], Sequence[Outcome]]
Step: TypeAlias = Outcome | Sequence[Outcome] | Exception | Answer
"""What one batch meets: the outcome of each of its records, one outcome for each, an exception, or what a function says."""


def _healthy(_: StoredRecord) -> bool:
    return False


class FakeExporter:
    """An exporter whose destination answers by *script*, a step a batch, and takes everything once that is over.

    What it has taken before is a `Duplicate`. A batch that holds a record for which *is_poison* is true is refused as
    a whole, as a destination does that doesn't say which record it minds. *latency_seconds* pass before each answer,
    by *wait*: give `FakeClock.advance`, and none do. Outcomes fewer than the batch leave the rest to be taken as usual.
    """

    def __init__(
        self,
        script: Iterable[Step] = (),
        *,
        name: str = "fake",
        is_poison: Callable[[StoredRecord], bool] = _healthy,
        latency_seconds: float = 0.0,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = name
        self.is_poison = is_poison
        self.latency_seconds = latency_seconds
        self.batches: list[tuple[StoredRecord, ...]] = []
        """Every batch that it was given, whatever came of it."""
        self.received: dict[str, StoredRecord] = {}
        """What the destination has, by uid, in the order in which it came."""
        self._wait = wait
        self._script = list(script)

    def export(self, batch: Sequence[StoredRecord]) -> Sequence[Outcome]:
        self.batches.append(tuple(batch))
        if self.latency_seconds:
            self._wait(self.latency_seconds)
        outcomes = self._scripted(batch) if self._script else []
        outcomes += [self._usual(record) for record in batch[len(outcomes) :]]
        for record, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, Accepted):
                self.received[record.uid] = record
        return outcomes

    def then(self, *steps: Step) -> None:
        """Add *steps* to what is left of the script."""
        self._script += steps

    @property
    def entries(self) -> list[LogEntry]:
        """What the destination has, parsed."""
        return [record.entry() for record in self.received.values()]

    def _scripted(self, batch: Sequence[StoredRecord]) -> list[Outcome]:
        step = self._script.pop(0)
        if isinstance(step, Exception):
            raise step
        if callable(step):
            return list(step(batch))
        return list(step)[: len(batch)] if isinstance(step, Sequence) else [step] * len(batch)

    def _usual(self, record: StoredRecord) -> Outcome:
        if self.is_poison(record):
            raise BatchRejected(f"{self.name}: a record of this batch is refused")
        return Duplicate() if record.uid in self.received else Accepted()


class FakeCollector:
    """A collector that brings *entries*, and then what `bring` is given, until it is closed; raises *error* at the end.

    Unless *is_endless*, it returns once it has brought *entries*.
    """

    def __init__(
        self, entries: Iterable[LogEntry] = (), *, error: Exception | None = None, is_endless: bool = False
    ) -> None:
        self.error = error
        self._entries: queue.SimpleQueue[LogEntry | None] = queue.SimpleQueue()
        for entry in entries:
            self._entries.put(entry)
        if not is_endless:
            self._entries.put(None)

    def collect(self, write: Callable[[LogEntry], None]) -> None:
        while (entry := self._entries.get()) is not None:
            write(entry)
        self._entries.put(None)  # whoever asks again is told the same
        if self.error is not None:
            raise self.error

    def bring(self, entry: LogEntry) -> None:
        """Have `collect` write *entry*, now or when it is called."""
        self._entries.put(entry)

    def close(self) -> None:
        """Let `collect` return when it has brought what it has."""
        self._entries.put(None)
