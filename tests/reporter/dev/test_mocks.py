"""The stand-ins keep the contracts of the real ones, and do as their script says."""

from __future__ import annotations

import threading

import pytest

from otel_bitacora.reporter.core.contract import (
    Accepted,
    BatchRejected,
    DestinationError,
    Duplicate,
    Rejected,
    Retry,
    StoredRecord,
    Unattributed,
)
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.dev.mocks import FakeCollector, FakeExporter, MemoryStorage
from otel_bitacora.testing import FakeClock

from ..compliance import ExporterCompliance, LogCollectorCompliance, LogStorageCompliance, entry, stored  # noqa: TID252  # tests are no package


class TestFakeExporter(ExporterCompliance):
    def make(self) -> FakeExporter:
        return FakeExporter()


class TestFakeExporterThatIsSlow(ExporterCompliance):
    def make(self) -> FakeExporter:
        return FakeExporter(latency_seconds=3600, wait=FakeClock().advance)


class TestFakeCollector(LogCollectorCompliance):
    def make(self) -> FakeCollector:
        return FakeCollector([entry(1), entry(2)])


class TestMemoryStorageAsItIsMockedWith(LogStorageCompliance):
    def make(self) -> MemoryStorage:
        return MemoryStorage()


def records(*numbers: int) -> list[StoredRecord]:
    return [stored(number) for number in numbers]


def test_one_outcome_of_the_script_is_that_of_every_record_and_then_all_is_taken() -> None:
    exporter = FakeExporter([Retry(after_seconds=2.0), Unattributed("1 of 2")])

    answers = [exporter.export(records(1, 2)) for _ in range(4)]

    assert answers[0] == [Retry(after_seconds=2.0)] * 2
    assert answers[1] == [Unattributed("1 of 2")] * 2
    assert answers[2] == [Accepted()] * 2
    assert answers[3] == [Duplicate()] * 2
    assert len(exporter.batches) == 4
    assert [one.body for one in exporter.entries] == ["message 1", "message 2"]


def test_outcomes_of_the_script_are_dealt_out_and_the_rest_is_taken_as_usual() -> None:
    exporter = FakeExporter([[Rejected("too large"), Accepted()]])

    assert exporter.export(records(1, 2, 3)) == [Rejected("too large"), Accepted(), Accepted()]
    assert [record.sequence for record in exporter.received.values()] == [2, 3]


@pytest.mark.parametrize("error", [DestinationError("down"), BatchRejected("413"), RuntimeError("a defect")])
def test_an_exception_of_the_script_is_raised_and_nothing_has_arrived(error: Exception) -> None:
    exporter = FakeExporter([error])

    with pytest.raises(type(error)) as raised:
        exporter.export(records(1))

    assert raised.value is error
    assert not exporter.received
    assert exporter.export(records(1)) == [Accepted()]


def test_a_function_of_the_script_answers_for_itself_and_steps_can_be_added() -> None:
    exporter = FakeExporter()
    exporter.then(lambda batch: [Rejected(record.uid[-1]) for record in batch])

    assert exporter.export(records(4, 5)) == [Rejected("4"), Rejected("5")]


def test_a_poisoned_batch_is_refused_as_a_whole_until_the_culprit_is_alone() -> None:
    exporter = FakeExporter(is_poison=lambda record: record.sequence == 2)

    for batch in (records(1, 2, 3), records(2)):
        with pytest.raises(BatchRejected):
            exporter.export(batch)
    assert not exporter.received
    assert exporter.export(records(1, 3)) == [Accepted(), Accepted()]


def test_its_latency_passes_on_the_clock_that_it_is_given() -> None:
    clock = FakeClock()
    before = clock.monotonic()

    FakeExporter(latency_seconds=1.5, wait=clock.advance).export(records(1))

    assert clock.monotonic() == before + 1.5


def test_a_collector_fails_after_what_it_has_brought() -> None:
    brought: list[LogEntry] = []

    with pytest.raises(OSError, match="unplugged"):
        FakeCollector([entry(1)], error=OSError("unplugged")).collect(brought.append)

    assert brought == [entry(1)]


def test_an_endless_collector_brings_what_it_is_given_until_it_is_closed() -> None:
    collector = FakeCollector([entry(1)], is_endless=True)
    brought: list[LogEntry] = []
    has_two = threading.Event()

    def write(each: LogEntry) -> None:
        brought.append(each)
        if len(brought) == 2:
            has_two.set()

    collecting = threading.Thread(target=collector.collect, args=(write,), daemon=True)
    collecting.start()
    collector.bring(entry(2))
    assert has_two.wait(60)
    collector.close()
    collecting.join(60)

    assert not collecting.is_alive()
    assert brought == [entry(1), entry(2)]
