import base64
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.record_json import RecordJson, timestamp_text

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
anything = st.text(st.characters())  # lone surrogates too


def parsed(**fields: object) -> dict[str, object]:
    return json.loads(RecordJson().line(LogEntry(**fields)))  # type: ignore[arg-type]


def test_an_empty_record_has_every_key_and_null_for_what_is_not_there() -> None:
    assert parsed() == {
        "uid": None,
        "timestamp": None,
        "observed_timestamp": None,
        "severity_text": None,
        "severity_number": 0,
        "body": None,
        "attributes": {},
        "resource": {},
        "scope": {"name": "", "version": None, "attributes": {}},
        "event_name": None,
        "trace_id": None,
        "span_id": None,
    }


def test_what_else_a_record_may_hold_is_there_when_it_is() -> None:
    record = parsed(dropped_attributes_count=3, trace_flags=1, schema_url="https://opentelemetry.io/schemas/1.40.0")

    assert record["dropped_attributes_count"] == 3
    assert record["trace_flags"] == 1
    assert record["schema_url"] == "https://opentelemetry.io/schemas/1.40.0"


def test_attributes_keep_their_types() -> None:
    given_ = {"t": True, "i": -(2**63), "f": 1.5, "s": "ñ", "n": None, "l": [1, "a", {"b": None}]}

    assert parsed(attributes=given_)["attributes"] == given_


def test_what_json_lacks_is_text() -> None:
    attributes = {"nan": float("nan"), "inf": float("-inf"), "bytes": b"\x00\xff", "in": [b"a", float("inf")]}

    assert parsed(attributes=attributes, body=b"\xff")["attributes"] == {
        "nan": "nan",
        "inf": "-inf",
        "bytes": base64.b64encode(b"\x00\xff").decode(),
        "in": ["YQ==", "inf"],
    }


def test_an_integer_beyond_64_bits_and_a_lone_surrogate_do_not_cost_the_record() -> None:
    record = parsed(body="a\ud800b", attributes={"huge": 2**80, "\udc80": 1}, resource={"service.name": "x\udfff"})

    assert record["body"] == "a\\ud800b"
    assert record["attributes"] == {"huge": 2**80, "\\udc80": 1}
    assert record["resource"] == {"service.name": "x\\udfff"}


@pytest.mark.parametrize(
    ("unix_nano", "text"),
    [
        (1, "1970-01-01T00:00:00.000000001Z"),
        (1_764_000_000_123_456_789, "2025-11-24T16:00:00.123456789Z"),
        (2**64 - 1, "2554-07-21T23:34:33.709551615Z"),
        (0, None),
    ],
)
def test_times_are_rfc_3339_in_utc_with_nanoseconds(unix_nano: int, text: str | None) -> None:
    assert timestamp_text(unix_nano) == text


@given(st.integers(1, 2**64 - 1))
def test_times_are_those_of_datetime(unix_nano: int) -> None:
    text = timestamp_text(unix_nano)

    assert text is not None
    assert datetime.fromisoformat(text[:26] + "+00:00") == datetime.fromtimestamp(unix_nano // 10**9, UTC).replace(
        microsecond=unix_nano % 10**9 // 1000
    )


@given(body=values, attributes=st.dictionaries(anything, values | anything, max_size=4), logger=anything)
def test_any_record_is_one_line_of_json(body: object, attributes: dict[str, object], logger: str) -> None:
    line = RecordJson().line(LogEntry(body=body, attributes=attributes, logger=logger))  # type: ignore[arg-type]

    assert b"\n" not in line
    assert b"\r" not in line
    assert set(json.loads(line)) >= {"uid", "body", "attributes"}


def test_records_of_different_resources_are_told_apart() -> None:
    render = RecordJson()

    lines = [render.line(LogEntry(resource={"service.name": str(number)})) for number in range(3000)]

    assert [json.loads(line)["resource"]["service.name"] for line in lines] == [str(number) for number in range(3000)]
