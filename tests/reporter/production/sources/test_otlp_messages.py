"""Requests as protobuf and JSON: what they say is what OpenTelemetry's own classes say."""

import contextlib
import json

import pytest
from google.protobuf import json_format  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse

from otel_bitacora.reporter.production.sources.otlp_messages import (
    JSON,
    PROTOBUF,
    UnreadableRequest,
    answer,
    entries_of,
    parse_request,
    refusal,
)

from ...compliance import stored  # noqa: TID252  # tests are no package
from ..exporters.received import RESOURCE, request_of  # noqa: TID252

FROM_THE_SPECIFICATION = """
{"resourceLogs": [{"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "my.service"}}]},
  "scopeLogs": [{"scope": {"name": "my.library", "version": "1.0.0"},
    "logRecords": [{"timeUnixNano": "1544712660300000000", "observedTimeUnixNano": "1544712660300000000",
      "severityNumber": 10, "severityText": "Information", "traceId": "5B8EFFF798038103D269B633813FC60C",
      "spanId": "EEE19B7EC3C1B174", "body": {"stringValue": "Example log record"},
      "attributes": [{"key": "int.attribute", "value": {"intValue": "10"}},
        {"key": "map.attribute", "value": {"kvlistValue": {"values":
          [{"key": "some.map.key", "value": {"stringValue": "some value"}}]}}}]}]}]}]}
"""


def deep(levels: int) -> dict[str, object]:
    value: dict[str, object] = {"stringValue": "x"}
    for _ in range(levels):
        value = {"arrayValue": {"values": [value]}}
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": value}]}]}]}


def test_the_specifications_example_is_understood() -> None:
    (entry,) = entries_of(parse_request(FROM_THE_SPECIFICATION.encode(), JSON), observed_unix_nano=5)

    assert entry.body == "Example log record"
    assert (entry.trace_id, entry.span_id) == ("5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174")
    assert (entry.logger, entry.scope_version, entry.severity_number) == ("my.library", "1.0.0", 10)
    assert entry.attributes == {"int.attribute": 10, "map.attribute": {"some.map.key": "some value"}}
    assert entry.resource == {"service.name": "my.service"}
    assert entry.observed_unix_nano == 1544712660300000000


@given(st.lists(st.integers(1, 9), max_size=5), st.integers(1, 1 << 60))
def test_json_and_protobuf_say_the_same(numbers: list[int], observed: int) -> None:
    request = request_of([stored(number, trace_id=f"{number:032x}", span_id=f"{number:016x}") for number in numbers])
    as_json = json.loads(json_format.MessageToJson(request))
    for record in (r for a in as_json.get("resourceLogs", ()) for b in a["scopeLogs"] for r in b["logRecords"]):
        number = next(int(a["value"]["intValue"]) for a in record["attributes"] if a["key"] == "number")
        record |= {"traceId": f"{number:032x}", "spanId": f"{number:016x}"}

    one = list(entries_of(parse_request(request.SerializeToString(), PROTOBUF), observed_unix_nano=observed))
    other = list(entries_of(parse_request(json.dumps(as_json).encode(), JSON), observed_unix_nano=observed))

    assert one == other
    assert [each.attributes["number"] for each in one] == numbers
    assert all(each.resource == RESOURCE for each in one)


def test_a_record_that_does_not_say_when_it_was_observed_was_observed_now() -> None:
    request = request_of([stored(1, observed_unix_nano=0)])

    (entry,) = entries_of(request, observed_unix_nano=77)

    assert entry.observed_unix_nano == 77


@given(st.binary(), st.sampled_from([JSON, PROTOBUF]))
def test_whatever_comes_is_a_request_or_is_refused(body: bytes, content_type: str) -> None:
    with contextlib.suppress(UnreadableRequest):
        list(entries_of(parse_request(body, content_type), observed_unix_nano=1))


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"null",
        b'{"resourceLogs": 1}',
        b'{"resourceLogs": [1]}',
        b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"traceId": "zz"}]}]}]}',
        b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"traceId": "ab"}]}]}]}',
        b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"traceId": 5}]}]}]}',
        b'{"resourceLogs": [{"scopeLogs": [{"logRecords": ["x"]}]}]}',
        b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "\\ud800"}}]}]}]}',
    ],
)
def test_json_that_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(UnreadableRequest):
        parse_request(body, JSON)


@pytest.mark.parametrize("content_type", [JSON, PROTOBUF])
def test_depth_is_bounded(content_type: str) -> None:
    def body(levels: int) -> bytes:
        if content_type == JSON:
            return json.dumps(deep(levels)).encode()
        request = ExportLogsServiceRequest()
        json_format.ParseDict(deep(levels), request, max_recursion_depth=10_000)
        return bytes(request.SerializeToString())

    (entry,) = entries_of(parse_request(body(20), content_type), observed_unix_nano=1)
    assert isinstance(entry.body, list)

    with pytest.raises(UnreadableRequest):
        parse_request(body(60), content_type)


def test_answers_are_what_the_specification_says() -> None:
    assert answer(PROTOBUF) == b""
    assert answer(JSON) == b"{}"
    partial = ExportLogsServiceResponse.FromString(answer(PROTOBUF, rejected=2, message="full")).partial_success
    assert (partial.rejected_log_records, partial.error_message) == (2, "full")
    assert json.loads(answer(JSON, rejected=2, message="full")) == {
        "partialSuccess": {"rejectedLogRecords": "2", "errorMessage": "full"}
    }
    status = Status.FromString(refusal(PROTOBUF, 14, "full"))
    assert (status.code, status.message) == (14, "full")
    assert json.loads(refusal(JSON, 3, "no")) == {"code": 3, "message": "no"}
