"""Records kept in MongoDB are found as in the journal; the server is a real one of MongoDB's protocol, which errs where it is told to."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from pymongo import MongoClient
from pymongo.collation import Collation

from otel_bitacora.errors import BatchRejected, DestinationError, QueryError, ReporterSettingsError
from otel_bitacora.reporter.core.contract import StoredRecord
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.query import Query
from otel_bitacora.reporter.core.storage import JournalStorage
from otel_bitacora.reporter.production.exporters.destination import Destination
from otel_bitacora.reporter.production.exporters.mongodb import MongoDbExporter
from otel_bitacora.reporter.production.exporters.mongodb_document import INT64
from otel_bitacora.reporter.production.exporters.mongodb_url import target_of
from otel_bitacora.reporter.production.storage.mongodb import MongoDbStorage, _Search

from ...compliance import LogStorageCompliance, entry, stored  # noqa: TID252  # tests are no package
from ...core.any_queries import queries  # noqa: TID252
from ..exporters.brokers import free_port  # noqa: TID252
from ..exporters.mongo_servers import MongoServer  # noqa: TID252
from .agreement import answers, assert_agrees, generated_entries, odd_entries, store_all

Storages = Callable[..., MongoDbStorage]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServer]:
    running = MongoServer(tmp_path_factory.mktemp("mongo") / "data", "--enable-test-commands")
    yield running
    running.kill()


@pytest.fixture
def url(server: MongoServer, request: pytest.FixtureRequest) -> str:
    """Return a collection of the test's own, whose records don't expire."""
    return f"{server.url}/storage/{request.node.name[:60]}?keep_days=0"


@pytest.fixture
def storages() -> Iterator[Storages]:
    """Make storages, which are closed after the test."""
    made: list[MongoDbStorage] = []

    def make(url: str, **options: object) -> MongoDbStorage:
        made.append(MongoDbStorage(url, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for storage in made:
        asyncio.run(storage.close())


class TestMongoDbStorage(LogStorageCompliance):
    @pytest.fixture(autouse=True)
    def serve(self, url: str, storages: Storages) -> None:
        self.make = partial(storages, url)  # type: ignore[method-assign]


@pytest.fixture(scope="module")
def both(
    server: MongoServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[MongoDbStorage, JournalStorage]]:
    folder = tmp_path_factory.mktemp("both")
    ours = MongoDbStorage(f"{server.url}/storage/odd?keep_days=0", redact=False)
    journal = JournalStorage(folder / "odd", redact=False)
    found = [held(entry) for entry in (*odd_entries(150), *generated_entries(folder / "day"))]
    for storage in (ours, journal):
        store_all(storage, found)
    yield ours, journal
    journal.seal()
    asyncio.run(ours.close())


def held(entry: LogEntry) -> LogEntry:
    """Return *entry* as MongoDB can hold it."""
    return replace(entry, timestamp_unix_nano=min(entry.timestamp_unix_nano, INT64 - 1))


@settings(
    max_examples=500 if os.environ.get("BITACORA_SOAK") else 25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(queries)
def test_it_finds_what_the_journal_finds(both: tuple[MongoDbStorage, JournalStorage], query: Query) -> None:
    assert_agrees(*both, query)


def moments(found: list[LogEntry]) -> list[int]:
    return [each.timestamp_unix_nano for each in found]


def sent(url: str, records: list[StoredRecord]) -> None:
    exporter = MongoDbExporter(Destination(url, timeout_seconds=30))
    exporter.export(records)
    exporter.close()


@pytest.fixture
def client(server: MongoServer) -> Iterator[MongoClient]:
    with MongoClient(server.url, serverSelectionTimeoutMS=60_000) as made:
        yield made
        made.admin.command({"configureFailPoint": "failCommand", "mode": "off"})


@pytest.fixture
def collection(client: MongoClient, request: pytest.FixtureRequest) -> Any:
    return client.storage[request.node.name[:60]]


def fail(client: MongoClient, command: str, times: int = 1, **how: object) -> None:
    client.admin.command(
        {"configureFailPoint": "failCommand", "mode": {"times": times}, "data": {"failCommands": [command], **how}}
    )


@pytest.mark.parametrize("newest_first", [False, True])
def test_more_than_a_page_comes_whole_and_in_order(url: str, storages: Storages, newest_first: bool) -> None:
    sent(url, [stored(number) for number in range(1, 1202)])

    found = answers(storages(url), Query(newest_first=newest_first))

    wanted = list(range(1, 1202))
    assert [each.attributes["number"] for each in found] == (wanted[::-1] if newest_first else wanted)


@pytest.mark.parametrize("newest_first", [False, True])
def test_records_of_one_millisecond_come_in_the_order_of_nanoseconds_and_then_of_logging(
    url: str, storages: Storages, newest_first: bool
) -> None:
    times = [1_000_000 * millisecond + nanosecond for nanosecond in (7, 0, 7, 3) for millisecond in (2, 1, 3)]
    sent(url, [stored(number, timestamp_unix_nano=at) for number, at in enumerate(times)])

    found = answers(storages(url), Query(newest_first=newest_first, limit=9))

    wanted = sorted(enumerate(times), key=lambda each: (each[1], each[0]), reverse=newest_first)
    assert [(each.attributes["number"], each.timestamp_unix_nano) for each in found] == wanted[:9]


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("how", [{"errorCode": 43}, {"closeConnection": True}, {"errorCode": 239}])
def test_a_search_that_breaks_off_goes_on_where_it_was(
    url: str, storages: Storages, client: MongoClient, how: dict[str, object], newest_first: bool
) -> None:
    sent(url, [stored(number, timestamp_unix_nano=number * 300_000) for number in range(1, 1202)])
    fail(client, "getMore", **how)

    found = answers(storages(url), Query(newest_first=newest_first))

    wanted = [number * 300_000 for number in range(1, 1202)]
    assert moments(found) == (wanted[::-1] if newest_first else wanted)


def test_a_query_that_the_server_does_not_take_is_answered_all_the_same(
    url: str, storages: Storages, client: MongoClient
) -> None:
    sent(url, [stored(1), stored(2, severity_number=17), stored(3)])
    fail(client, "find", times=2, errorCode=2)  # snapshots, and then what is asked

    assert [each.body for each in answers(storages(url), "level>=error")] == ["message 2"]


def test_a_server_that_answers_nothing_is_an_error(url: str, storages: Storages, client: MongoClient) -> None:
    sent(url, [stored(1)])
    fail(client, "find", times=3, errorCode=2)

    with pytest.raises(DestinationError, match=r"code|fail"):
        answers(storages(url), "level>=info")


def test_what_comes_while_it_is_read_is_not_seen_where_the_server_keeps_snapshots(url: str, storages: Storages) -> None:
    sent(url, [stored(number) for number in range(1, 1002)])
    storage = storages(url)

    async def read() -> list[object]:
        found: list[object] = []
        async for each in storage.query(Query()):
            if not found:
                await storage.store_log(entry(5000, body="late"))
            found.append(each.body)
        return found

    assert asyncio.run(read())[-1] == "message 1001"
    assert answers(storage, "late")


def open_cursors(client: MongoClient) -> int:
    return int(client.admin.command("serverStatus")["metrics"]["cursor"]["open"]["total"])


def test_a_search_that_is_left_early_leaves_no_cursor(url: str, storages: Storages, client: MongoClient) -> None:
    sent(url, [stored(number) for number in range(1, 1002)])
    storage, before = storages(url), open_cursors(client)

    async def first() -> object:
        found = storage.query(Query())
        body = (await anext(found)).body
        await found.aclose()  # type: ignore[attr-defined]  # a generator, which the protocol doesn't ask for
        return body

    assert asyncio.run(first()) == "message 1"
    assert len(answers(storage, Query(limit=2))) == 2
    assert open_cursors(client) == before


def test_a_search_that_is_cancelled_ends(url: str, storages: Storages) -> None:
    sent(url, [stored(number) for number in range(1, 1002)])
    storage = storages(url)

    async def cancelled() -> bool:
        async def read() -> None:
            async for _ in storage.query("not message"):
                pass

        task = asyncio.create_task(read())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return task.cancelled()

    assert asyncio.run(cancelled())
    assert len(answers(storage, Query())) == 1001


def test_documents_that_are_no_records_are_left_out_and_counted(
    url: str, storages: Storages, collection: Any, caplog: pytest.LogCaptureFixture
) -> None:
    sent(url, [stored(1)])
    collection.insert_many([{"x": 1}, {"time": "now", "attributes": {"a": 1}}])

    assert [each.body for each in answers(storages(url), Query())] == ["message 1"]
    assert "2 documents are no records" in caplog.text


def test_a_collection_that_folds_case_is_asked_not_to(url: str, client: MongoClient, collection: Any) -> None:
    """What is asked is looked at: this server takes the collation of a request alone."""
    client.storage.create_collection(collection.name, collation={"locale": "en", "strength": 2})

    options = _Search(target_of(Destination(url)), Query(), url)._options(client)

    assert options["collation"] == Collation("simple")


def test_what_the_server_refuses_is_an_error_that_says_why(url: str, storages: Storages, client: MongoClient) -> None:
    storage = storages(url)
    fail(client, "insert", errorCode=2)
    with pytest.raises(BatchRejected, match="code 2"):
        store_all(storage, [entry(1)])

    fail(client, "insert", errorCode=13)
    with pytest.raises(DestinationError) as raised:
        store_all(storage, [entry(1)])
    fail(client, "find", errorCode=13)
    with pytest.raises(DestinationError) as refused:
        answers(storage, Query())

    assert raised.value.misconfigured
    assert refused.value.misconfigured


def test_a_server_that_is_not_there_is_an_error_without_the_password(storages: Storages) -> None:
    url = f"mongodb://ana:hunter2@127.0.0.1:{free_port()}/"
    storage = storages(url, settings=Destination(url, timeout_seconds=0.2))

    with pytest.raises(DestinationError, match="refused") as stored_there:
        store_all(storage, [entry(1)])
    with pytest.raises(DestinationError, match="refused") as asked:
        answers(storage, Query())

    assert "hunter2" not in str(stored_there.value) + str(asked.value) + repr(storage)


def test_a_mistake_in_a_query_or_a_url_is_told_at_once(storages: Storages) -> None:
    with pytest.raises(QueryError):
        storages("mongodb://127.0.0.1/").query("levle>=warn")
    with pytest.raises(ReporterSettingsError):
        MongoDbStorage("http://127.0.0.1/")


def test_secrets_are_replaced_before_they_leave(url: str, storages: Storages, collection: Any) -> None:
    store_all(storages(url), [entry(1, body="password=hunter2")])

    (document,) = collection.find()
    assert "hunter2" not in str(document)
