"""Records kept in Elasticsearch are found as in the journal; the server is a strict stand-in."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings

from otel_bitacora.errors import BatchRejected, DestinationError, ReporterError
from otel_bitacora.reporter.core.query import Query
from otel_bitacora.reporter.core.storage import JournalStorage
from otel_bitacora.reporter.production.exporters import Destination, exporter_for
from otel_bitacora.reporter.production.storage.elasticsearch import ElasticsearchStorage

from ...compliance import LogStorageCompliance, entry, stored  # noqa: TID252  # tests are no package
from ...core.any_queries import queries  # noqa: TID252
from ..exporters.elasticsearches import Elasticsearch, elasticsearch, error  # noqa: TID252
from .agreement import answers, assert_agrees, generated_entries, odd_entries, store_all


@pytest.fixture
def server() -> Iterator[Elasticsearch]:
    with elasticsearch() as running:
        yield running


@pytest.mark.parametrize("path", ["/shop", "/dated/shop"])
class TestElasticsearchStorage(LogStorageCompliance):
    @pytest.fixture(autouse=True)
    def serve(self, server: Elasticsearch, path: str) -> None:
        self.url = server.url + path

    def make(self) -> ElasticsearchStorage:
        return ElasticsearchStorage(self.url)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ElasticsearchStorage, JournalStorage]]:
    with elasticsearch() as server:
        folder = tmp_path_factory.mktemp("both")
        ours = ElasticsearchStorage(f"{server.url}/dated/odd", redact=False)
        journal = JournalStorage(folder / "odd", redact=False)
        found = [*odd_entries(150), *generated_entries(folder / "day")]
        for storage in (ours, journal):
            store_all(storage, found)
        yield ours, journal
        journal.seal()


@settings(
    max_examples=500 if os.environ.get("BITACORA_SOAK") else 25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(queries)
def test_it_finds_what_the_journal_finds(both: tuple[ElasticsearchStorage, JournalStorage], query: Query) -> None:
    assert_agrees(*both, query)


def test_what_a_query_sees_is_let_go_of_also_when_it_is_left_early(server: Elasticsearch) -> None:
    storage = ElasticsearchStorage(f"{server.url}/shop")
    store_all(storage, [entry(number) for number in range(1, 6)])

    async def first() -> object:
        found = storage.query(Query())
        body = (await anext(found)).body
        await found.aclose()  # type: ignore[attr-defined]  # a generator, which the protocol doesn't ask for
        return body

    assert asyncio.run(first()) == "message 1"
    assert len(answers(storage, Query(limit=2))) == 2
    assert server.snapshots == {}


def test_more_than_a_page_comes_whole_and_in_order(server: Elasticsearch) -> None:
    url = f"{server.url}/shop"
    exporter_for(url, Destination(url, bootstrap=True)).export([stored(number) for number in range(1, 1202)])

    found = answers(ElasticsearchStorage(url), Query())

    assert [each.attributes["number"] for each in found] == list(range(1, 1202))


def test_indices_that_are_not_ours_are_searched_by_time_alone_and_judged_here(server: Elasticsearch) -> None:
    storage = ElasticsearchStorage(f"{server.url}/shop")
    store_all(storage, [entry(1), entry(2, severity_number=17), entry(3)])
    del server.indices["logs-shop.otel-default"].types["bitacora.odd"]

    assert [each.body for each in answers(storage, "level>=error")] == ["message 2"]
    (asked,) = {json.dumps(request.lines[0]["query"]) for request in server.requests if request.path == "/_search"}
    assert asked == '{"match_all": {}}'


def test_indices_without_a_date_say_what_to_do(server: Elasticsearch) -> None:
    storage = ElasticsearchStorage(f"{server.url}/shop")
    store_all(storage, [entry(1)])
    server.indices["logs-shop.otel-default"].types["@timestamp"] = "text"

    with pytest.raises(ReporterError, match=r"is a text and no date.*--bootstrap"):
        answers(storage, Query())


def test_a_query_that_the_server_does_not_take_is_answered_all_the_same(server: Elasticsearch) -> None:
    storage = ElasticsearchStorage(f"{server.url}/shop")
    store_all(storage, [entry(1), entry(2, severity_number=17)])
    server.otherwise = lambda request: (
        error(400, "query_shard_exception", "no")
        if request.path == "/_search" and b"severity" in request.body
        else None
    )

    assert [each.body for each in answers(storage, "level>=error")] == ["message 2"]


def test_what_the_server_refuses_is_an_error_that_says_why(server: Elasticsearch) -> None:
    storage = ElasticsearchStorage(f"{server.url}/shop")
    said = {1: (400, {"type": "parsing", "reason": "bad"}), 2: (429, {"type": "busy", "reason": "later"})}
    server.item = lambda uid, _: said.get(int(uid[-1]))

    with pytest.raises(BatchRejected, match="400: parsing: bad"):
        store_all(storage, [entry(1, uid="u-1")])
    with pytest.raises(DestinationError, match="429: busy: later"):
        store_all(storage, [entry(1, uid="u-2")])


def test_secrets_are_replaced_before_they_leave(server: Elasticsearch) -> None:
    store_all(ElasticsearchStorage(f"{server.url}/shop"), [entry(1, body="password=hunter2")])

    assert b"hunter2" not in b"".join(request.body for request in server.requests)
    assert server.documents()
