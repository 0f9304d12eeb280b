"""What is sent is what is stored, grouped: compared with what OpenTelemetry's own classes make of it."""

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from otel_bitacora.reporter.core.contract import StoredRecord
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.otlp import encode_resource, scope_field
from otel_bitacora.reporter.production.exporters.otlp_request import export_request

ENTRIES = st.builds(
    LogEntry,
    timestamp_unix_nano=st.integers(1, 1 << 63),
    body=st.one_of(st.text(), st.just("x" * 20_000), st.none()),
    logger=st.sampled_from(["", "app", "app.web"]),
    scope_version=st.sampled_from(["", "1.0"]),
    schema_url=st.sampled_from(["", "https://opentelemetry.io/schemas/1.30.0", "s" * 200]),
)
RESOURCES = st.sampled_from([b"", encode_resource({"service.name": "a"}), encode_resource({"service.name": "b" * 200})])


def stored(entry: LogEntry, resource: bytes, number: int) -> StoredRecord:
    return StoredRecord(f"{number}", number, entry.to_otlp(), len(scope_field(entry)), resource)


@given(st.lists(st.tuples(ENTRIES, RESOURCES), max_size=20))
def test_every_record_arrives_under_its_resource_scope_and_schema_in_the_order_of_its_group(
    given_: list[tuple[LogEntry, bytes]],
) -> None:
    batch = [stored(entry, resource, number) for number, (entry, resource) in enumerate(given_)]

    request = ExportLogsServiceRequest.FromString(export_request(batch))

    expected = defaultdict(list)
    for record in batch:
        logs = ScopeLogs.FromString(record.payload)
        resource = Resource.FromString(record.resource)
        key = (resource.SerializeToString(), logs.scope.SerializeToString(), logs.schema_url)
        expected[key].append(logs.log_records[0].SerializeToString())
    groups = [
        ((each.resource.SerializeToString(), logs.scope.SerializeToString(), logs.schema_url), logs)
        for each in request.resource_logs
        for logs in each.scope_logs
    ]
    found = {key: [record.SerializeToString() for record in logs.log_records] for key, logs in groups}
    assert found == expected
    assert len(groups) == len(found), "a group came twice"
    assert len(request.resource_logs) == len({record.resource for record in batch})


def test_no_record_makes_an_empty_request() -> None:
    assert export_request([]) == b""
