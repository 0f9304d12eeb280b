"""Documents hold whatever a record does, and give it back."""

import bson
import pytest
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.datetime_ms import DatetimeMS
from hypothesis import given
from hypothesis import strategies as st

from otel_bitacora.reporter.core.contract import StoredRecord
from otel_bitacora.reporter.core.decode import varint
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.names import SESSION_ID
from otel_bitacora.reporter.core.otlp import encode_resource, scope_field
from otel_bitacora.reporter.core.protobuf import attribute, sized
from otel_bitacora.reporter.production.exporters.mongodb_document import DocumentWriter, entry_of
from otel_bitacora.reporter.production.exporters.mongodb_payload import PayloadWriter

from ...compliance import INSTANCE, entry, stored  # noqa: TID252  # tests are no package

UID = f"{INSTANCE}-{7:016x}"
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
KEYS = TEXTS | st.sampled_from(["", "a.b", "$set", "pairs", "k", "v", "n\0l"])
SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | TEXTS | st.binary()
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)
NANOSECONDS = st.integers(0, 2**63 - 1)
AS_MILLISECONDS = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_MS)


def as_stored(entry: LogEntry) -> StoredRecord:
    payload = entry.to_otlp()
    return StoredRecord(entry.uid, 7, payload, len(scope_field(entry)), encode_resource(entry.resource))


def sent(document: dict) -> dict:
    """Return *document* as a server gives it back."""
    return bson.decode(bson.encode(document), AS_MILLISECONDS)


ENTRIES = st.builds(
    LogEntry,
    uid=st.just(UID),
    timestamp_unix_nano=NANOSECONDS,
    observed_unix_nano=NANOSECONDS,
    severity_number=st.integers(0, 24),
    severity_text=TEXTS,
    body=VALUES,
    attributes=st.dictionaries(KEYS, VALUES, max_size=4),
    dropped_attributes_count=st.integers(0, 2**32 - 1),
    trace_flags=st.integers(0, 2**32 - 1),
    trace_id=st.just("") | st.just("0af7651916cd43dd8448eb211c80319c"),
    event_name=TEXTS,
    logger=TEXTS,
    scope_version=TEXTS,
    scope_attributes=st.dictionaries(KEYS, SCALARS, max_size=2),
    schema_url=TEXTS,
    resource=st.dictionaries(KEYS | st.just("service.name"), VALUES, max_size=2),
)


@given(ENTRIES)
def test_a_record_comes_back_as_it_was(record: LogEntry) -> None:
    writer = DocumentWriter()

    assert entry_of(sent(writer.document(record))) == record
    assert writer.repaired == 0


def test_times_are_dates_too_of_when_it_was_logged_or_else_seen() -> None:
    writer = DocumentWriter()

    logged = writer.document(entry(5, uid=UID))
    seen = writer.document(entry(0, uid=UID, observed_unix_nano=3_500_000_000))

    assert logged["time"] == DatetimeMS(5000)
    assert seen["time"] == DatetimeMS(3500)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (2**63, str(2**63)),
        (-(2**70), str(-(2**70))),
        ("caf\udce9", "caf\\udce9"),
        ([{"a": 2**64}], [{"a": str(2**64)}]),
    ],
)
def test_values_that_mongodb_cannot_hold_are_kept_as_text_and_counted(value, kept) -> None:
    writer = DocumentWriter()

    document = writer.document(entry(1, uid=UID, attributes={"x": value}))

    assert entry_of(sent(document)).attributes == {"x": kept}
    assert writer.repaired == document["repaired"] == 1


def test_a_time_beyond_2262_is_the_last_there_is() -> None:
    document = DocumentWriter().document(entry(1, uid=UID, timestamp_unix_nano=2**64 - 1))

    assert sent(document)["timestamp_unix_nano"] == 2**63 - 1
    assert document["time"] == DatetimeMS((2**64 - 1) // 1_000_000)


@given(st.lists(ENTRIES, min_size=1, max_size=4), st.sampled_from([0, 1, 2**63 - 1, 2**63, 2**64 - 1]))
def test_stored_bytes_become_the_documents_that_their_entries_would(entries: list[LogEntry], moment: int) -> None:
    writer, slow = PayloadWriter(), DocumentWriter()
    usual = [each.replace(scope_attributes={}, schema_url="", body="text") for each in entries]
    entries = [entries[0], usual[0].replace(timestamp_unix_nano=moment), *usual]

    for record in [*map(as_stored, entries)] * 3:  # what has come before goes another way
        expected = slow.document(record.entry().replace(uid=record.uid))

        assert sent(writer.document(record)) == sent(expected)


def test_ordinary_records_are_bson_without_being_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    writer, record = PayloadWriter(), stored(7)
    expected = sent(DocumentWriter().document(record.entry()))
    monkeypatch.setattr(DocumentWriter, "document", lambda *_: pytest.fail("the careful way"))

    assert [sent(writer.document(record)) for _ in range(2)] == [expected, expected]


def test_a_name_that_comes_twice_has_its_last_value() -> None:
    record = entry(7, uid=UID, attributes={}, trace_id="", span_id="", trace_flags=0)
    raw = record.to_otlp()[len(scope_field(record)) :]
    _, at = varint(raw, 1)
    again = attribute(SESSION_ID, "first") + attribute("n", 1) + attribute(SESSION_ID, "last")
    payload = scope_field(record) + b"\x12" + sized(raw[at:-9] + again + raw[-9:])
    document = sent(PayloadWriter().document(StoredRecord(UID, 7, payload, len(scope_field(record)), b"")))

    assert document["session_id"] == "last"
    assert document["attributes"] == [{"k": SESSION_ID, "v": "last"}, {"k": "n", "v": 1}]
