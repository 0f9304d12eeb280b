"""Records kept in MongoDB are found as in the journal; the server is a real one, of MongoDB's protocol."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings

from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.query import Query
from otel_bitacora.reporter.core.storage import JournalStorage
from otel_bitacora.reporter.production.exporters.mongodb_document import INT64
from otel_bitacora.reporter.production.storage.mongodb import MongoDbStorage

from ...compliance import LogStorageCompliance  # noqa: TID252  # tests are no package
from ...core.test_search import queries  # noqa: TID252
from ..exporters.mongo_servers import MongoServer  # noqa: TID252
from .agreement import assert_agrees, generated_entries, odd_entries, store_all


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
def storages() -> Iterator[Callable[..., MongoDbStorage]]:
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
    def serve(self, url: str, storages: Callable[..., MongoDbStorage]) -> None:
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
