"""What every implementation of the Reporter's Protocols does, fakes included: inherit, and say how to make one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from otel_bitacora.reporter.core.contract import (
    Accepted,
    Duplicate,
    Exporter,
    LogCollector,
    LogStorage,
    Processor,
    Rejected,
    Retry,
    StoredRecord,
    Unattributed,
)
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.otlp import encode_resource
from otel_bitacora.reporter.core.query import All, Compare, Operator, Query

INSTANCE = "0123456789abcdef0123456789abcdef"


def entry(number: int, **fields: object) -> LogEntry:
    """Return a distinct record: *number* is its time in seconds and part of its message."""
    values: dict[str, object] = {
        "timestamp_unix_nano": number * 1_000_000_000,
        "observed_unix_nano": number * 1_000_000_000 + 1,
        "severity_number": 9,
        "severity_text": "INFO",
        "body": f"message {number}",
        "attributes": {"bitacora.session.id": "s", "number": number, "nested": {"list": [1, "ñ", None]}},
        "logger": "app.web",
    }
    return LogEntry(**{**values, **fields})  # type: ignore[arg-type]


def stored(number: int, **fields: object) -> StoredRecord:
    """Return a distinct record as the journal holds it."""
    uid = f"{INSTANCE}-{number:016x}"
    made = entry(number, uid=uid, **fields)
    scope_length = made.to_otlp().index(b"\x12")  # "app.web" holds none
    return StoredRecord(uid, number, made.to_otlp(), scope_length, encode_resource({"service.name": "test"}))


async def found(storage: LogStorage, query: Query) -> list[LogEntry]:
    return [each async for each in storage.query(query)]


class LogStorageCompliance:
    def make(self) -> LogStorage:
        raise NotImplementedError

    def stored_and_found(self, entries: Sequence[LogEntry], query: Query) -> tuple[list[str], list[LogEntry]]:
        async def main() -> tuple[list[str], list[LogEntry]]:
            storage = self.make()
            uids = [await storage.store_log(each) for each in entries]
            return uids, await found(storage, query)

        return asyncio.run(main())

    def test_it_keeps_the_protocol(self) -> None:
        assert isinstance(self.make(), LogStorage)

    def test_a_record_comes_back_as_it_was_with_a_uid(self) -> None:
        (uid,), (back,) = self.stored_and_found([entry(1)], Query())

        assert len(uid) == 49
        assert back == entry(1, uid=uid)

    def test_a_record_keeps_the_uid_it_has(self) -> None:
        uid = f"{INSTANCE}-{7:016x}"

        uids, (back,) = self.stored_and_found([entry(1, uid=uid)], Query())

        assert uids == [uid]
        assert back.uid == uid

    def test_the_same_uid_twice_is_kept_once(self) -> None:
        twice = entry(1, uid=f"{INSTANCE}-{7:016x}")

        uids, back = self.stored_and_found([twice, twice], Query())

        assert uids[0] == uids[1]
        assert back == [twice]

    def test_equal_records_without_uid_are_kept_apart(self) -> None:
        uids, back = self.stored_and_found([entry(1), entry(1)], Query())

        assert len(set(uids)) == len(back) == 2

    def test_records_come_in_the_order_of_time(self) -> None:
        _, back = self.stored_and_found([entry(2), entry(3), entry(1)], Query())

        assert [each.body for each in back] == ["message 1", "message 2", "message 3"]

    def test_the_newest_come_first_when_asked_for_and_no_more_than_the_limit(self) -> None:
        _, back = self.stored_and_found([entry(2), entry(3), entry(1)], Query(newest_first=True, limit=2))

        assert [each.body for each in back] == ["message 3", "message 2"]

    def test_since_is_included_and_until_is_not(self) -> None:
        query = Query(since_unix_nano=2_000_000_000, until_unix_nano=4_000_000_000)

        _, back = self.stored_and_found([entry(number) for number in range(1, 6)], query)

        assert [each.body for each in back] == ["message 2", "message 3"]

    def test_only_what_fulfils_the_conditions_comes_back(self) -> None:
        entries = [entry(1, severity_number=17), entry(2), entry(3, severity_number=17, logger="other")]
        where = All((Compare("level", Operator.GREATER_OR_EQUAL, "warn"), Compare("logger", Operator.EQUAL, "app.*")))

        _, back = self.stored_and_found(entries, Query(where=where))

        assert [each.body for each in back] == ["message 1"]

    def test_an_empty_storage_finds_nothing(self) -> None:
        assert self.stored_and_found([], Query()) == ([], [])

    def test_a_record_with_nothing_in_it_is_kept(self) -> None:
        (uid,), (back,) = self.stored_and_found([LogEntry()], Query())

        assert back.uid == uid
        assert back.body is None


class ExporterCompliance:
    """For an exporter whose destination is up and takes everything."""

    def make(self) -> Exporter:
        raise NotImplementedError

    def test_it_keeps_the_protocol_and_has_a_name(self) -> None:
        exporter = self.make()

        assert isinstance(exporter, Exporter)
        assert exporter.name

    @pytest.mark.parametrize("size", [0, 1, 3])
    def test_there_is_one_outcome_per_record(self, size: int) -> None:
        outcomes = self.make().export([stored(number) for number in range(1, size + 1)])

        assert len(outcomes) == size
        assert all(isinstance(outcome, Accepted | Duplicate | Retry | Rejected | Unattributed) for outcome in outcomes)

    def test_what_was_sent_before_is_accepted_or_known(self) -> None:
        exporter = self.make()
        exporter.export([stored(1)])

        (again,) = exporter.export([stored(1)])

        assert isinstance(again, Accepted | Duplicate)


class ProcessorCompliance:
    """For a processor that keeps an ordinary record."""

    def make(self) -> Processor:
        raise NotImplementedError

    def test_it_keeps_the_protocol(self) -> None:
        assert isinstance(self.make(), Processor)

    def test_an_ordinary_record_passes_with_its_message_and_the_original_stays(self) -> None:
        given = entry(1)

        passed = self.make().process(given)

        assert passed is not None
        assert passed.body == "message 1"
        assert given == entry(1)


class LogCollectorCompliance:
    """For a collector that ends by itself, and has at least one record to bring."""

    def make(self) -> LogCollector:
        raise NotImplementedError

    def test_it_keeps_the_protocol(self) -> None:
        assert isinstance(self.make(), LogCollector)

    def test_it_writes_entries_and_returns(self) -> None:
        entries: list[LogEntry] = []

        self.make().collect(entries.append)

        assert entries
        assert all(isinstance(each, LogEntry) for each in entries)
