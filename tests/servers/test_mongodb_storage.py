"""What is asked of real servers of MongoDB's protocol has the journal's answers, also where they can do little."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import HealthCheck, given, settings

from otel_bitacora.errors import BatchRejected
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.query import Query
from otel_bitacora.reporter.core.storage import JournalStorage
from otel_bitacora.reporter.dev.generate import IncidentKind, JournalOutput, Plan, generate
from otel_bitacora.reporter.production.exporters.mongodb_document import INT64
from otel_bitacora.reporter.production.storage.mongodb import MongoDbStorage

from ..reporter.compliance import LogStorageCompliance  # noqa: TID252  # tests are no package
from ..reporter.core.any_queries import queries  # noqa: TID252
from ..reporter.dev.counted import assert_queries_find, counted, said  # noqa: TID252
from ..reporter.production.storage.agreement import (  # noqa: TID252
    answers,
    assert_agrees,
    generated_entries,
    odd_entries,
)
from . import shipping

pytestmark = pytest.mark.servers
StartServer = Callable[..., str]
REFUSED = {"secantusdb": 0, "ferretdb": 40}
"""How many records at most the server doesn't keep: those with a NaN, an infinity, or a list in a list."""
RATES = {"secantusdb": 0.02, "ferretdb": 0.002}
"""How busy the days are: FerretDB has no $elemMatch, so that much is read for each question."""


@pytest.fixture(scope="module", params=REFUSED)
def server(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def url(start_shared_server: StartServer, server: str) -> str:
    return start_shared_server(server)


class TestStorage(LogStorageCompliance):
    @pytest.fixture(autouse=True)
    def serve(self, url: str, request: pytest.FixtureRequest) -> Iterator[None]:
        self.url = f"{url}compliance/c{crc32(request.node.name.encode())}?keep_days=0"
        self.made: list[MongoDbStorage] = []
        yield
        for storage in self.made:
            asyncio.run(storage.close())

    def make(self) -> MongoDbStorage:
        self.made.append(MongoDbStorage(self.url))
        return self.made[-1]


def held(entry: LogEntry) -> LogEntry:
    """Return *entry* as these servers can hold it: until 2262, and with one zero."""
    attributes = {
        key: 0.0 if value == 0.0 and isinstance(value, float) else value for key, value in entry.attributes.items()
    }
    return replace(entry, timestamp_unix_nano=min(entry.timestamp_unix_nano, INT64 - 1), attributes=attributes)


def store_what_fits(storage: MongoDbStorage, entries: list[LogEntry]) -> list[LogEntry]:
    kept = []
    for entry in entries:
        try:
            storage.store(entry)
        except BatchRejected:
            continue
        kept.append(entry)
    return kept


@pytest.fixture(scope="module")
def both(
    url: str, server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[MongoDbStorage, JournalStorage]]:
    folder = tmp_path_factory.mktemp("both")
    ours = MongoDbStorage(f"{url}both/odd?keep_days=0", redact=False)
    journal = JournalStorage(folder / "odd", redact=False)
    found = [held(entry) for entry in (*odd_entries(150), *generated_entries(folder / "day"))]
    kept = store_what_fits(ours, found)
    assert len(kept) >= len(found) - REFUSED[server]
    for entry in kept:
        journal.store(entry)
    yield ours, journal
    journal.seal()
    asyncio.run(ours.close())


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(queries)
def test_the_storage_finds_what_the_journal_finds(both: tuple[MongoDbStorage, JournalStorage], query: Query) -> None:
    assert_agrees(*both, query)


def test_the_generators_manifest_is_what_the_server_answers(
    start_server: StartServer, server: str, tmp_path: Path
) -> None:
    plan = Plan(
        seed=5, developers=2, rate=RATES[server], incidents=tuple(IncidentKind), pathological=server == "secantusdb"
    )
    manifest = generate(plan, JournalOutput(tmp_path / "journal"))
    where = f"{start_server(server)}bitacora?keep_days=0"
    shipped = shipping.ship(tmp_path / "journal", where, "--bootstrap")
    assert shipped.returncode == 0, shipped.stderr

    storage = MongoDbStorage(where)

    assert manifest.records > 500
    assert counted(answers(storage, Query())) == said(manifest)
    assert_queries_find(json.loads(manifest.to_json()), lambda text: len(answers(storage, text)))
