"""Records over gRPC, to a receiver that answers in every way."""

import socket
from collections.abc import Iterator
from pathlib import Path

import grpc  # type: ignore[import-untyped]
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage  # type: ignore[import-untyped]
from google.protobuf.duration_pb2 import Duration  # type: ignore[import-untyped]
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsPartialSuccess, ExportLogsServiceResponse

from otel_bitacora.errors import DestinationError, ReporterSettingsError
from otel_bitacora.reporter.core.contract import Accepted, BatchRejected, StoredRecord, Unattributed
from otel_bitacora.reporter.production.exporters.destination import Destination
from otel_bitacora.reporter.production.exporters.otlp_grpc import OtlpGrpcExporter

from ....proxies import Proxy  # noqa: TID252  # as above
from ...compliance import ExporterCompliance, stored  # noqa: TID252  # tests are no package
from .receivers import GrpcReceiver

BATCH = [stored(1), stored(2), stored(3)]


@pytest.fixture
def receiver() -> Iterator[GrpcReceiver]:
    made = GrpcReceiver()
    yield made
    made.stop()


@pytest.fixture
def exporter(receiver: GrpcReceiver) -> Iterator[OtlpGrpcExporter]:
    made = OtlpGrpcExporter(Destination(f"otlp+grpc://127.0.0.1:{receiver.port}", headers={"X-Tenant": "lab"}))
    yield made
    made.close()


class TestOtlpGrpcExporter(ExporterCompliance):
    @pytest.fixture(autouse=True)
    def _exporter(self, exporter: OtlpGrpcExporter) -> None:
        self._made = exporter

    def make(self) -> OtlpGrpcExporter:
        return self._made


def test_records_arrive_with_their_headers(receiver: GrpcReceiver, exporter: OtlpGrpcExporter) -> None:
    assert exporter.export(BATCH) == [Accepted()] * 3

    ((metadata, request),) = receiver.requests
    assert metadata["x-tenant"] == "lab"
    records = request.resource_logs[0].scope_logs[0].log_records
    assert [each.body.string_value for each in records] == ["message 1", "message 2", "message 3"]


@pytest.mark.parametrize(
    ("code", "kind", "misconfigured"),
    [
        ("INVALID_ARGUMENT", BatchRejected, False),
        ("UNAUTHENTICATED", DestinationError, True),
        ("PERMISSION_DENIED", DestinationError, True),
        ("UNIMPLEMENTED", DestinationError, True),
        ("NOT_FOUND", DestinationError, True),
        ("UNAVAILABLE", DestinationError, False),
        ("RESOURCE_EXHAUSTED", DestinationError, False),
        ("INTERNAL", DestinationError, False),
    ],
)
def test_a_batch_at_fault_a_setting_at_fault_and_a_busy_receiver_are_told_apart(
    receiver: GrpcReceiver, exporter: OtlpGrpcExporter, code: str, kind: type, misconfigured: bool
) -> None:
    receiver.status = getattr(grpc.StatusCode, code)

    with pytest.raises(DestinationError, match=f"{code}: 'as told'") as caught:
        exporter.export(BATCH)

    assert type(caught.value) is kind
    assert caught.value.misconfigured is misconfigured
    assert len(receiver.requests) == 1


def test_what_is_too_large_for_the_receiver_is_the_batchs_fault(
    receiver: GrpcReceiver, exporter: OtlpGrpcExporter
) -> None:
    large = stored(1, body="x" * (5 << 20))

    with pytest.raises(BatchRejected, match="larger than max"):
        exporter.export([large])

    assert receiver.requests == []


def test_a_record_that_the_receiver_cannot_parse_is_at_fault_itself(exporter: OtlpGrpcExporter) -> None:
    damaged = StoredRecord("u", 1, b"\x12\x02\x09\x01", 0, b"")

    with pytest.raises(BatchRejected, match="deserializing"):
        exporter.export([damaged])


def test_a_connection_that_nothing_comes_out_of_any_more_is_given_up(receiver: GrpcReceiver) -> None:
    proxy = Proxy(lambda: receiver.port)
    destination = Destination(f"otlp+grpc://127.0.0.1:{proxy.port}", timeout_seconds=3)
    exporter = OtlpGrpcExporter(destination)
    exporter.export(BATCH)

    proxy.be("black hole")
    with pytest.raises(DestinationError, match="DEADLINE_EXCEEDED"):
        exporter.export(BATCH)
    proxy.be("passing")

    assert exporter.export(BATCH) == [Accepted()] * 3
    exporter.close()
    proxy.close()


def test_what_the_receiver_asks_to_wait_is_passed_on(receiver: GrpcReceiver, exporter: OtlpGrpcExporter) -> None:
    detail = AnyMessage()
    detail.Pack(RetryInfo(retry_delay=Duration(seconds=2, nanos=500_000_000)))
    receiver.status = grpc.StatusCode.RESOURCE_EXHAUSTED
    receiver.trailers = (("grpc-status-details-bin", Status(code=8, details=[detail]).SerializeToString()),)

    with pytest.raises(DestinationError) as caught:
        exporter.export(BATCH)

    assert caught.value.retry_after_seconds == 2.5


def test_records_that_a_receiver_refused_without_saying_which_are_unattributed(
    receiver: GrpcReceiver, exporter: OtlpGrpcExporter
) -> None:
    receiver.answer = ExportLogsServiceResponse(
        partial_success=ExportLogsPartialSuccess(rejected_log_records=1, error_message="too old")
    )

    assert exporter.export(BATCH) == [Accepted(), Accepted(), Unattributed("too old")]


def test_nobody_there_is_no_fault_of_the_settings() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    exporter = OtlpGrpcExporter(Destination(f"otlp+grpc://127.0.0.1:{port}"))

    with pytest.raises(DestinationError, match="UNAVAILABLE") as caught:
        exporter.export(BATCH)

    exporter.close()
    assert not caught.value.misconfigured


def test_a_receiver_without_tls_is_a_fault_of_the_settings(receiver: GrpcReceiver) -> None:
    exporter = OtlpGrpcExporter(Destination(f"otlp+grpcs://127.0.0.1:{receiver.port}"))

    with pytest.raises(DestinationError) as caught:
        exporter.export(BATCH)

    exporter.close()
    assert caught.value.misconfigured, str(caught.value)


def test_a_name_that_cannot_be_looked_up_is_tried_again_and_named() -> None:
    exporter = OtlpGrpcExporter(Destination("otlp+grpc://nowhere.invalid:4317"))

    with pytest.raises(DestinationError, match=r"nowhere\.invalid") as caught:
        exporter.export(BATCH)

    exporter.close()
    assert not caught.value.misconfigured


def test_a_compression_that_grpc_lacks_is_refused() -> None:
    with pytest.raises(ReporterSettingsError, match="zstd"):
        OtlpGrpcExporter(Destination("otlp+grpc://127.0.0.1:4317", compression="zstd"))


def test_a_certificate_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "ca.pem"

    with pytest.raises(ReporterSettingsError, match=r"ca\.pem can't be read"):
        OtlpGrpcExporter(Destination("otlp+grpcs://127.0.0.1:4317", certificate_file=missing))
