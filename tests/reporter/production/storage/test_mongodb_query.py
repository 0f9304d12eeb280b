"""Whatever is asked, the server lets through at least all that is wanted, and for most questions nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from pymongo import MongoClient

from otel_bitacora.reporter.core.contract import StoredRecord
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.otlp import encode_resource, scope_field
from otel_bitacora.reporter.core.query import AnyOf, Compare, Condition, Not, Operator, Query, Text
from otel_bitacora.reporter.core.query_text import parse_query
from otel_bitacora.reporter.production.exporters.mongodb_document import entry_of
from otel_bitacora.reporter.production.exporters.mongodb_indexes import make_indexes
from otel_bitacora.reporter.production.exporters.mongodb_payload import PayloadWriter
from otel_bitacora.reporter.production.storage.mongodb_query import translated

from ...core.any_queries import conditions  # noqa: TID252  # tests are no package
from ..exporters.mongo_servers import MongoServer  # noqa: TID252
from .agreement import odd_entries

_EQUAL, _LESS, _GREATER = Operator.EQUAL, Operator.LESS, Operator.GREATER

DEEP = [
    LogEntry(uid=f"{9:032x}-{at:016x}", severity_number=9, attributes={"url": value}, timestamp_unix_nano=1)
    for at, value in enumerate(([["deep"]], [[7]], [None], [b"x"], b"x"))
]


def kept(entry: LogEntry) -> dict[str, Any]:
    raw, resource = entry.to_otlp(), encode_resource(entry.resource)
    return PayloadWriter().document(StoredRecord(entry.uid, 0, raw, len(scope_field(entry)), resource))


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    server = MongoServer(tmp_path_factory.mktemp("mongo") / "data")
    with MongoClient(server.url, serverSelectionTimeoutMS=60_000) as client:
        collection = client.tests.logs
        collection.insert_many([kept(entry) for entry in (*odd_entries(300), *DEEP)])
        yield collection
    server.kill()


@pytest.fixture(scope="module")
def entries(logs: Any) -> dict[str, LogEntry]:
    return {document["_id"]: entry_of(document) for document in logs.find()}


def let_through(logs: Any, query: Query) -> set[str]:
    wanted = translated(query)
    return set() if wanted is None else {document["_id"] for document in logs.find(wanted, {"_id": 1})}


def wanted(entries: dict[str, LogEntry], query: Query) -> set[str]:
    return {uid for uid, entry in entries.items() if query.matches(entry)}


@settings(
    max_examples=3000 if os.environ.get("BITACORA_SOAK") else 150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(conditions)
@example(Compare("session", _EQUAL, "[s-1*"))
@example(Not(Compare("session", _EQUAL, "['s-1', 'x']")))
@example(Not(Compare("session", _EQUAL, "T*")))
@example(Not(Compare("session", _EQUAL, "nan")))
@example(Compare("session", _EQUAL, "7.50"))
@example(Compare("session", _EQUAL, 7))
@example(Compare("message", _EQUAL, "one"))
@example(Not(Compare("message", _EQUAL, "one")))
@example(Compare("message", _EQUAL, "ses\0*"))
@example(Compare("message", _EQUAL, "n" * 300))
@example(Compare("message", _EQUAL, "n" * 299 + "*"))
@example(Compare("message", _EQUAL, "\ud800"))
@example(Not(Compare("message", _EQUAL, "*\ud800*")))
@example(Compare("message", _LESS, "\ud800"))
@example(Compare("attr.url", _EQUAL, "tRuE"))
@example(Compare("attr.url", _EQUAL, True))
@example(Compare("attr.url", _EQUAL, "deep"))
@example(Compare("attr.url", _EQUAL, "7"))
@example(Compare("attr.url", _EQUAL, "None"))
@example(Compare("attr.url", _EQUAL, "b'x'"))
@example(Compare("attr.url", _EQUAL, "dee*"))
@example(Compare("attr.url", _EQUAL, "b'*"))
@example(Compare("attr.url", _LESS, True))
@example(Compare("attr.url", _EQUAL, "*"))
@example(Compare("attr.\ud800", _EQUAL, "*"))
@example(Compare("attr.http.status", _EQUAL, 7))
@example(Compare("attr.http.status", _EQUAL, "9007199254740993"))
@example(Compare("attr.http.status", _GREATER, "9007199254740992"))
@example(Compare("attr.http.status", _LESS, "9" * 400))
@example(Compare("attr.http.status", _EQUAL, "nan"))
@example(Compare("attr.http.status", _LESS, "inf"))
@example(Compare("severity", _GREATER, 24))
@example(Not(Compare("severity", _GREATER, 26)))
@example(AnyOf(()))
def test_nothing_that_is_wanted_is_held_back(logs: Any, entries: dict[str, LogEntry], condition: Condition) -> None:
    query = Query(where=condition)

    assert wanted(entries, query) <= let_through(logs, query)


@pytest.mark.parametrize(
    "text",
    [
        "level>=error",
        "not level>=warn",
        "level!=info",
        "severity!=9 severity<24",
        "logger=app.*",
        "not logger=app.*",
        "logger!=app",
        "trace=abababababababababababababababab",
        "event=bitacora.session.*",
        "uid=00000000000000000000000000000007-0000000000000003",
        "since=2025-11-24T16:01:00Z until=2025-11-24T16:02:00Z",
        "level>=error and (logger=app or logger=app.db)",
        "session=s-10",
        "resource.service.name=stock",
        "attr.http.status=connection*x or attr.http.status=200",
    ],
)
def test_of_what_the_server_knows_exactly_nothing_else_is_let_through(
    logs: Any, entries: dict[str, LogEntry], text: str
) -> None:
    query = parse_query(text)

    found, right = let_through(logs, query), wanted(entries, query)

    odd = {uid for uid in found - right if has_odd_values(entries[uid])}
    assert found - odd == right != set()


def has_odd_values(entry: LogEntry) -> bool:
    """Return whether a comparison has to be judged here: with lists, mappings, bytes and, as patterns, numbers."""
    values = (*entry.attributes.values(), *entry.resource.values())
    return any(isinstance(value, list | dict | bytes | int | float) for value in values)


def test_a_question_with_no_answer_is_none_and_one_for_all_asks_for_all() -> None:
    assert translated(Query(where=AnyOf(()))) is None
    assert translated(Query()) == {}
    assert translated(Query(where=Not(Text("k")))) == {}


@pytest.mark.parametrize("text", ["level>=error", "trace=abab", "since=2025-11-24T16:03:00Z"])
def test_what_has_an_index_is_found_by_it(logs: Any, text: str) -> None:
    list(make_indexes(logs, 0))

    plan = logs.find(translated(parse_query(text))).sort("time", 1).explain()

    assert "IXSCAN" in str(plan["queryPlanner"]["winningPlan"])
