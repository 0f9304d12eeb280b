"""Documents made of stored bytes are those that are made of parsed records."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bitacora.reporter.core import ordinary
from otel_bitacora.reporter.core.contract import StoredRecord
from otel_bitacora.reporter.core.decode import varint
from otel_bitacora.reporter.core.encode import RecordEncoder
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.otlp import UID_PREFIX, encode_resource, scope_field
from otel_bitacora.reporter.core.protobuf import attribute, sized
from otel_bitacora.reporter.core.protobuf import varint as varint_of
from otel_bitacora.reporter.production.exporters.elasticsearch_document import Documents
from otel_bitacora.reporter.production.exporters.elasticsearch_payload import PayloadDocuments

from ...any_entries import ENTRIES, ORDINARY, UID  # noqa: TID252  # tests are no package

STREAM = {"type": "logs", "dataset": "app.otel", "namespace": "default"}
QUICK, CAREFUL = PayloadDocuments(STREAM), Documents(STREAM)  # their caches are part of what is tried


def as_stored(entry: LogEntry, payload: bytes | None = None) -> StoredRecord:
    payload = entry.to_otlp() if payload is None else payload
    return StoredRecord(UID, 7, payload, len(scope_field(entry)), encode_resource(entry.resource))


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return *pairs* of a JSON object, of which no name comes twice: servers refuse that."""
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def outcome(make: Callable[[], bytes]) -> object:
    try:
        return json.loads(make(), object_pairs_hook=once)
    except ValueError as error:
        return type(error)


def check(record: StoredRecord) -> None:
    careful = outcome(lambda: CAREFUL.document(record)[1])

    for _ in range(2):  # anew, and looked up
        assert outcome(lambda: QUICK.document(record)[1]) == careful


@given(ORDINARY | ENTRIES)
def test_a_document_is_the_same_whichever_way_it_is_made(entry: LogEntry) -> None:
    check(as_stored(entry))


@given(ORDINARY, st.data())
def test_bytes_that_were_changed_are_read_as_the_careful_way_reads_them(entry: LogEntry, data: st.DataObject) -> None:
    payload = bytearray(entry.to_otlp())
    for _ in range(data.draw(st.integers(1, 3))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    raw = bytes(payload[: data.draw(st.just(len(payload)) | st.integers(0, len(payload) - 1))])

    check(as_stored(entry, raw))


@given(ORDINARY, st.lists(st.sampled_from([1, 1e-9, "text", b"bytes", True]), min_size=2, max_size=3))
def test_a_name_that_comes_twice_has_its_last_value(entry: LogEntry, values: list[Any]) -> None:
    untraced = entry.replace(trace_id="", span_id="", trace_flags=0, dropped_attributes_count=0)
    record = untraced.to_otlp()[len(scope_field(entry)) :]
    _, at = varint(record, 1)
    again = b"".join([attribute("n", value) for value in values])
    check(as_stored(entry, scope_field(entry) + b"\x12" + sized(record[at:-9] + again + record[-9:])))


@pytest.mark.parametrize(
    "changes",
    [
        {"attributes": {"log.record.uid": 5}},
        {"attributes": {"a..b": 1}},
        {"attributes": {"pi": float("inf")}},
        {"timestamp_unix_nano": 0},
        {"timestamp_unix_nano": 1 << 63},
        {"observed_unix_nano": 0},
        {"observed_unix_nano": 1 << 63},
        {"severity_number": 200},
        {"severity_text": ""},
        {"attributes": {"small": 1e-9}, "resource": {"sizes": [1, 2]}},
        {"resource": {"sizes": [1, 2]}},
        {"resource": {"raw": b"bytes"}},
        {"scope_attributes": {"raw": b"bytes"}},
        {"event_name": "started"},
        {"schema_url": "https://opentelemetry.io/schemas/1.40.0"},
        {"body": {"a": 1}},
        {"body": None},
    ],
    ids=str,
)
def test_a_record_with_one_thing_out_of_the_ordinary_is_the_same_whichever_way(changes: dict[str, Any]) -> None:
    ordinary = {"timestamp_unix_nano": 7, "observed_unix_nano": 8, "severity_number": 9, "severity_text": "INFO"}
    check(as_stored(LogEntry(**{**ordinary, "body": "text", "uid": UID, **changes})))


@pytest.mark.parametrize("observed", [b"\1", b"\0", b"\xff"])
@pytest.mark.parametrize("moment", [b"\1", b"\0", b"\xff"])
@pytest.mark.parametrize(
    "field", [b"", b"\x38" + varint_of(1 << 33), b"\x4a\0", b"\x45\0\0\0\0", b"\x10\5", b"\x0a\0", b"\x62\1x"]
)
def test_fields_of_other_writers_are_read_as_the_careful_way_reads_them(
    moment: bytes, field: bytes, observed: bytes
) -> None:
    head = b"\x09" + moment * 8 + b"\x10\x09\x2a\x03\x0a\x01x" + UID_PREFIX + UID.encode()
    check(as_stored(LogEntry(), b"\x0a\x00\x12" + sized(head + field + b"\x59" + observed * 8)))


def test_records_of_the_handler_take_the_quick_way(monkeypatch: pytest.MonkeyPatch) -> None:
    record = logging.makeLogRecord({"name": "app", "msg": "%d done", "args": (7,), "levelno": 20, "levelname": "INFO"})
    record.__dict__.update(session_id="s-1", took=0.25, quick=1e-7, tries=3)
    before, after, scope_length = RecordEncoder().encode_record(record)
    resource = encode_resource({"service.name": "shop"})
    taken = StoredRecord(UID, 7, before + UID.encode() + after, scope_length, resource)
    expected = orjson.loads(CAREFUL.document(taken)[1])
    documents = PayloadDocuments(STREAM)
    monkeypatch.setattr(Documents, "document", lambda *_: pytest.fail("the careful way"))

    assert [orjson.loads(documents.document(taken)[1]) for _ in range(2)] == [expected, expected]
    assert expected["bitacora"] == {"odd": ["attributes.quick"]}


def test_what_is_kept_is_bounded() -> None:
    kept = ordinary.Kept(len, limit=3, limit_bytes=4)

    made = [kept[b"x" * size] for size in (1, 2, 3, 4, 5, 4)]

    assert made == [1, 2, 3, 4, 5, 4]
    assert list(kept) == [b"xxxx"]
