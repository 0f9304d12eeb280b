import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.logs.v1.logs_pb2 import ScopeLogs

from otel_bitacora.reporter.core import otlp
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.protobuf import varint
from otel_bitacora.reporter.core.shrink import shrink

from .official import scope_logs

UID = "0123456789abcdef0123456789abcdef-00000000000000ff"
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
NUMBERS = st.integers(-(2**63), 2**63 - 1)
SCALARS = st.none() | st.booleans() | NUMBERS | st.floats(allow_nan=False) | TEXT | st.binary(max_size=300)
PLAIN = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=12
)
ATTRIBUTES = st.dictionaries(TEXT.filter(lambda key: key != "log.record.uid"), PLAIN, max_size=6)
UINT32 = st.integers(0, 2**32 - 1)
UINT64 = st.integers(0, 2**64 - 1)


@st.composite
def entries(draw: st.DrawFn) -> LogEntry:
    in_trace = draw(st.booleans())
    return LogEntry(
        timestamp_unix_nano=draw(UINT64),
        observed_unix_nano=draw(UINT64),
        severity_number=draw(st.integers(0, 24)),
        severity_text=draw(TEXT),
        body=draw(PLAIN),
        attributes=draw(ATTRIBUTES),
        dropped_attributes_count=draw(UINT32),
        trace_flags=draw(UINT32),
        trace_id=draw(st.binary(min_size=16, max_size=16)).hex() if in_trace else "",
        span_id=draw(st.binary(min_size=8, max_size=8)).hex() if in_trace else "",
        event_name=draw(TEXT),
        uid=draw(st.just(UID) | st.just("")),
        logger=draw(TEXT),
        scope_version=draw(TEXT),
        scope_attributes=draw(ATTRIBUTES),
        schema_url=draw(TEXT),
    )


@given(entries())
def test_an_entry_becomes_the_very_bytes_that_protobuf_would_write(entry: LogEntry) -> None:
    encoded = entry.to_otlp()

    assert ScopeLogs.FromString(encoded) == scope_logs(entry)
    assert encoded == scope_logs(entry).SerializeToString(deterministic=True)


@given(entries())
def test_an_entry_comes_back_from_its_bytes(entry: LogEntry) -> None:
    assert LogEntry.from_otlp(entry.to_otlp()) == entry


@given(entries())
def test_a_split_entry_is_whole_again_around_its_uid(entry: LogEntry) -> None:
    before, after, scope_length = otlp.split(entry)

    joined = before + UID.encode() + after

    assert LogEntry.from_otlp(joined).uid == UID
    assert joined[:scope_length] == otlp.scope_field(entry)
    assert LogEntry.from_otlp(before[:scope_length] + joined[scope_length:]).attributes == entry.attributes


@given(st.integers(0, 2**64 - 1))
def test_a_varint_is_what_protobuf_reads(number: int) -> None:
    encoded = varint(number)

    assert sum((byte & 0x7F) << 7 * i for i, byte in enumerate(encoded)) == number
    assert [byte >> 7 for byte in encoded] == [1] * (len(encoded) - 1) + [0]


@given(st.binary(max_size=200))
def test_bytes_that_are_no_record_are_a_value_error(raw: bytes) -> None:
    try:
        entry = LogEntry.from_otlp(raw)
    except ValueError:
        return

    assert isinstance(entry, LogEntry)


def test_scope_logs_without_a_record_are_a_value_error() -> None:
    with pytest.raises(ValueError, match="no record"):
        LogEntry.from_otlp(b"")


@given(entries(), st.integers(2048, 8192))
def test_a_shrunk_entry_fits(entry: LogEntry, limit: int) -> None:
    heavy = LogEntry(body="é" * 9000, attributes=dict.fromkeys(map(str, range(9)), "x" * 3000), logger=entry.logger)

    before, after, _ = otlp.split(shrink(heavy, limit))

    assert len(before) + otlp.UID_CHARS + len(after) <= limit


def test_a_shrunk_entry_keeps_its_ids_and_says_what_is_missing() -> None:
    entry = LogEntry(body="é" * 9000, attributes={"bitacora.session.id": "s" * 100, "x": "x" * 5000, "y": 1})

    small = shrink(entry, 2048)

    assert small.attributes["bitacora.session.id"] == "s" * 100
    assert small.attributes["bitacora.body.original_length"] == 9000
    assert small.attributes["y"] == 1
    assert small.dropped_attributes_count == 1
    assert str(small.body).startswith("ééé")


def test_a_dict_for_json_holds_what_json_can() -> None:
    entry = LogEntry(severity_number=17, body={"ratio": float("nan"), "raw": b"\x00\xff", "list": [1, float("inf")]})

    assert entry.to_dict() == {
        "level": "Error",
        "severity_number": 17,
        "body": {"ratio": "nan", "raw": "AP8=", "list": [1, "inf"]},
    }
