"""What passes between the parts, and the simplest processor; reporter/dev has fakes of the other parts."""

import pytest

from otel_bitacora.errors import ReporterError
from otel_bitacora.reporter.core.contract import DestinationError, StoredRecord
from otel_bitacora.reporter.core.entry import LogEntry

from ..compliance import ProcessorCompliance, entry, stored  # noqa: TID252  # tests are no package


class Unchanged:
    def process(self, entry: LogEntry) -> LogEntry | None:
        return entry


class TestUnchanged(ProcessorCompliance):
    def make(self) -> Unchanged:
        return Unchanged()


def test_a_stored_record_is_its_scope_and_the_rest_and_an_entry_with_its_resource() -> None:
    record = stored(5)

    assert record.scope + record.record == record.payload
    assert record.scope == b"\x0a\x09\x0a\x07app.web"
    assert record.entry() == entry(5, uid=record.uid, resource={"service.name": "test"})


def test_a_stored_record_that_is_damaged_is_a_value_error() -> None:
    record = stored(5)
    damaged = StoredRecord(record.uid, 5, record.payload, record.scope_length, b"\xff\xff")

    with pytest.raises(ValueError, match="Resource"):
        damaged.entry()


def test_a_destination_s_error_says_when_to_come_back_and_whose_fault_it_is() -> None:
    error = DestinationError("429", retry_after_seconds=3.5)

    assert isinstance(error, ReporterError)
    assert (error.retry_after_seconds, error.misconfigured) == (3.5, False)
