"""The quick way of parsing gives what the official classes give, for every record and for bytes that are none."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry.proto.logs.v1.logs_pb2 import ScopeLogs

from otel_bitacora.reporter.core import decode as module
from otel_bitacora.reporter.core.decode import RecordDecoder
from otel_bitacora.reporter.core.entry import NO_ATTRIBUTES, LogEntry
from otel_bitacora.reporter.core.otlp import scope_field
from otel_bitacora.reporter.core.protobuf import sized, varint

from ..any_entries import ENTRIES, UID  # noqa: TID252  # tests are no package

SHARED = RecordDecoder()  # its caches are part of what is tried


def outcome(parse: Callable[[], LogEntry]) -> LogEntry | str:
    try:
        return parse()
    except ValueError:
        return "no record"


@given(ENTRIES)
def test_any_entry_comes_out_as_the_official_classes_read_it(entry: LogEntry) -> None:
    payload = entry.to_otlp()

    found = SHARED.entry(payload, len(scope_field(entry)), {})

    assert found == LogEntry.from_otlp(payload)
    assert list(found.attributes) == list(LogEntry.from_otlp(payload).attributes)


@given(ENTRIES, st.data())
def test_bytes_that_were_changed_come_out_as_the_official_classes_read_them(
    entry: LogEntry, data: st.DataObject
) -> None:
    payload = bytearray(entry.to_otlp())
    for _ in range(data.draw(st.integers(1, 3))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    scope_length = len(scope_field(entry))
    raw = bytes(payload[: data.draw(st.integers(scope_length, len(payload)))])

    official = outcome(lambda: LogEntry.from_otlp(raw))

    assert repr(outcome(lambda: SHARED.entry(raw, scope_length, NO_ATTRIBUTES))) == repr(official)


@given(st.binary(max_size=40), st.integers(0, 50))
@example(b"", 0)
@example(b"\x12\x00", 0)
@example(b"\x12\x05\x2a\x03\x0a\x01\xff", 0)
def test_bytes_that_are_no_record_are_refused_as_such(raw: bytes, scope_length: int) -> None:
    outcome(lambda: RecordDecoder().entry(raw, scope_length, {}))


@pytest.mark.parametrize("field", ["time_unix_nano", "severity_text", "body", "attributes"])
def test_a_field_that_comes_twice_counts_as_protobuf_says(field: str) -> None:
    first, second = ScopeLogs(), ScopeLogs()
    for message, text in (first, "one"), (second, "two"):
        record = message.log_records.add(time_unix_nano=len(text), severity_text=text)
        record.body.string_value = text
        record.attributes.add(key="k").value.string_value = text
    parts = [message.log_records[0].SerializeToString() for message in (first, second)]
    raw = b"\x12" + bytes([len(parts[0] + parts[1])]) + parts[0] + parts[1]

    assert RecordDecoder().entry(raw, 0, {}) == LogEntry.from_otlp(raw)


@pytest.mark.parametrize("tag", [b"\x10", b"\x38"])
def test_a_number_that_its_field_cannot_hold_is_cut_as_protobuf_does(tag: bytes) -> None:
    raw = b"\x12" + sized(tag + varint((1 << 33) + 5))

    assert RecordDecoder().entry(raw, 0, {}) == LogEntry.from_otlp(raw)


def test_ordinary_records_take_the_quick_way(monkeypatch: pytest.MonkeyPatch) -> None:
    from otel_bitacora.reporter.core.encode import RecordEncoder

    before, after, scope_length = RecordEncoder().encode_entry(
        LogEntry(timestamp_unix_nano=1, severity_number=9, body="x" * 300, attributes={"a": 1}, logger="app")
    )
    decoder = RecordDecoder()
    first = decoder.entry(before + UID.encode() + after, scope_length, {})
    monkeypatch.setattr(module, "decode", lambda *_: pytest.fail("the careful way"))
    monkeypatch.setattr(module, "decode_attribute", lambda *_: pytest.fail("parsed again"))

    assert decoder.entry(before + UID.encode() + after, scope_length, {}) == first


def test_what_can_be_changed_is_not_shared_between_records() -> None:
    payload = LogEntry(attributes={"list": [1]}).to_otlp()
    decoder = RecordDecoder()

    one, other = decoder.entry(payload, 2, {}), decoder.entry(payload, 2, {})

    assert one.attributes["list"] is not other.attributes["list"]


def test_caches_are_bounded() -> None:
    decoder = RecordDecoder()

    for number in range(10_000):
        entry = LogEntry(attributes={"n": number}, logger=f"logger {number}")
        decoder.entry(entry.to_otlp(), len(scope_field(entry)), {})

    assert len(decoder._attributes) <= 4096
    assert len(decoder._scopes) <= 4096
