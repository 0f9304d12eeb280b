"""Whatever is asked, the server lets through at least all that is wanted, and for most questions little else."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import example, given, settings

from otel_bitacora.reporter.core.contract import StoredRecord
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.otlp import decode_resource, encode_resource, scope_field
from otel_bitacora.reporter.core.query import Compare, Operator, Query
from otel_bitacora.reporter.core.query_text import parse_query
from otel_bitacora.reporter.production.exporters.elasticsearch_document import Documents, entry_of
from otel_bitacora.reporter.production.storage.elasticsearch_query import fields_of, translated

from ...core.any_queries import conditions  # noqa: TID252  # tests are no package
from ..exporters.elasticsearch_index import Index  # noqa: TID252
from .agreement import odd_entries


def kept(entry: LogEntry) -> dict[str, object]:
    raw, resource = entry.to_otlp(), encode_resource(entry.resource)
    record = StoredRecord(entry.uid, 0, raw, len(scope_field(entry)), resource)
    return dict(json.loads(Documents().document(record)[1]))


def read(entry: LogEntry) -> LogEntry:
    """Return *entry* as it comes out of a journal."""
    return LogEntry.from_otlp(entry.to_otlp(), resource=decode_resource(encode_resource(entry.resource)))


ENTRIES = {entry.uid: read(entry) for entry in odd_entries(300)}
DOCUMENTS = {uid: kept(entry) for uid, entry in ENTRIES.items()}


def filled(backwards: bool) -> Index:
    """Return an index with every record; which comes first decides what a field is mapped as."""
    index = Index()
    for uid in sorted(DOCUMENTS, reverse=backwards):
        index.add(uid, DOCUMENTS[uid])
    return index


INDICES = [filled(backwards=False), filled(backwards=True)]


def let_through(index: Index, query: Query) -> set[str]:
    types = {field: frozenset([index.types[field]]) for field in fields_of(query.where) if field in index.types}
    return set(index.found(translated(query, types)))


def wanted(query: Query) -> set[str]:
    return {uid for uid, entry in ENTRIES.items() if query.matches(entry)}


@settings(max_examples=10_000 if os.environ.get("BITACORA_SOAK") else 500, deadline=None)
@given(conditions)
@example(Compare("attr.url", Operator.EQUAL, "x*"))
@example(Compare("attr.url", Operator.EQUAL, "true"))
@example(Compare("attr.http.status", Operator.EQUAL, "{'message': 'refused'}"))
@example(Compare("attr.http.status", Operator.EQUAL, "9007199254740993"))
@example(Compare("attr.http.status", Operator.GREATER, "9007199254740992"))
@example(Compare("attr.http.status", Operator.LESS, "6"))
@example(Compare("attr.http.status", Operator.LESS, "9" * 400))
@example(Compare("attr.session_id", Operator.EQUAL, "9" * 400))
@example(Compare("attr.session_id", Operator.EQUAL, "nan"))
@example(Compare("attr.session_id", Operator.EQUAL, "-inf"))
@example(Compare("attr.status", Operator.EQUAL, "1*"))
@example(Compare("attr.session_id", Operator.EQUAL, "7"))
def test_nothing_that_is_wanted_is_held_back(condition) -> None:
    query = Query(where=condition)

    for index in INDICES:
        assert wanted(query) <= let_through(index, query)


def test_a_document_read_back_is_the_record_that_it_was_made_of() -> None:
    for uid, entry in ENTRIES.items():
        assert repr(entry_of(uid, DOCUMENTS[uid])) == repr(entry)


@pytest.mark.parametrize(
    "text",
    [
        "level>=error",
        "not level>=warn",
        "logger=app.*",
        "trace=abababababababababababababababab",
        "event=bitacora.session.*",
        "uid=00000000000000000000000000000007-0000000000000003",
        "since=2025-11-24T16:01:00Z until=2025-11-24T16:02:00Z",
        "level>=error and (logger=app or logger=app.db)",
    ],
)
def test_of_what_the_server_knows_exactly_nothing_else_is_let_through(text: str) -> None:
    query = parse_query(text)

    assert let_through(INDICES[0], query) == wanted(query) != set()
