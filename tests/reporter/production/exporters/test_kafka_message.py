"""Keys, headers and bytes of messages."""

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from otel_bitacora.reporter.core.contract import StoredRecord
from otel_bitacora.reporter.core.names import SESSION_ID
from otel_bitacora.reporter.core.otlp import encode_resource
from otel_bitacora.reporter.production.exporters.kafka_message import MessageWriter, session_of

from ...compliance import INSTANCE, stored  # noqa: TID252  # tests are no package

TEXTS = st.text(st.characters(exclude_categories=("Cs",)))
NEEDLE = b"\x0a\x13bitacora.session.id\x12\x03\x0a\x01x".decode()


@given(
    st.dictionaries(
        st.sampled_from([SESSION_ID, "other", "bitacora.session"]), TEXTS | st.integers(-9, 9) | st.just(NEEDLE)
    ),
    TEXTS | st.just(NEEDLE),
    st.integers(0, 2**64 - 1),
)
def test_the_session_is_what_the_parsed_record_says(attributes, body, moment) -> None:
    record = stored(1, attributes=attributes, body=body, timestamp_unix_nano=moment, dropped_attributes_count=300)

    assert session_of(record) == record.entry().session_id


@given(st.binary(max_size=80))
def test_whatever_bytes_a_record_is_of_it_has_a_key(noise) -> None:
    payload = noise + stored(1).payload[noise[0] if noise else 0 :]
    record = StoredRecord("uid", 1, payload, min(5, len(payload)), b"")

    key, _, _ = MessageWriter("protobuf").message(record)

    assert key


def test_a_record_without_session_has_its_instance_for_a_key() -> None:
    record = stored(1, attributes={})

    key, _, _ = MessageWriter("protobuf").message(record)

    assert key.decode() == INSTANCE


def test_a_record_with_another_uid_has_its_sender_for_a_key() -> None:
    writer = MessageWriter("protobuf")
    payload = stored(1, attributes={}).payload

    def key(**resource: str) -> bytes:
        return writer.message(StoredRecord("theirs", 1, payload, 11, encode_resource(resource)))[0]

    assert key(**{"service.instance.id": "one"}) == b"one"
    assert key(**{"service.name": "shop"}) == key(**{"service.name": "shop"}) != key(**{"service.name": "other"})


def test_the_value_is_a_request_of_one_record() -> None:
    record = stored(1, schema_url="https://example.org/schema")

    _, value, _ = MessageWriter("protobuf").message(record)

    (logs,) = ExportLogsServiceRequest.FromString(value).resource_logs
    assert logs.resource.attributes[0].value.string_value == "test"
    assert logs.scope_logs[0].SerializeToString() == record.payload
