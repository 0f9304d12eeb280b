"""Records over HTTP, to receivers that answer in every way."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import urllib3
from google.rpc.status_pb2 import Status
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsPartialSuccess, ExportLogsServiceResponse

from otel_bitacora.errors import DestinationError, ReporterSettingsError
from otel_bitacora.reporter.core.contract import Accepted, BatchRejected, Unattributed
from otel_bitacora.reporter.production.exporters.destination import Destination
from otel_bitacora.reporter.production.exporters.otlp_answer import JSON, PROTOBUF, outcomes_of, refusal_of
from otel_bitacora.reporter.production.exporters.otlp_http import OtlpHttpExporter, retry_after

from ...compliance import ExporterCompliance, stored  # noqa: TID252  # tests are no package
from .receivers import Answer, HttpReceiver, http_receiver

BATCH = [stored(1), stored(2), stored(3)]


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with http_receiver() as server:
        yield server


@pytest.fixture
def exporter(receiver: HttpReceiver) -> Iterator[OtlpHttpExporter]:
    made = OtlpHttpExporter(Destination(f"otlp+http://127.0.0.1:{receiver.server_port}"))
    yield made
    made.close()


class TestOtlpHttpExporter(ExporterCompliance):
    @pytest.fixture(autouse=True)
    def _receiver(self, receiver: HttpReceiver, exporter: OtlpHttpExporter) -> None:
        self._exporter = exporter

    def make(self) -> OtlpHttpExporter:
        return self._exporter


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_records_arrive_with_their_resource_scope_and_headers(receiver: HttpReceiver, compression: str) -> None:
    destination = Destination(
        f"otlp+http://127.0.0.1:{receiver.server_port}/in",
        headers={"x-tenant": "lab"},
        compression=compression,  # type: ignore[arg-type]
    )

    outcomes = OtlpHttpExporter(destination).export(BATCH)

    assert outcomes == [Accepted()] * 3
    ((path, headers, request),) = receiver.requests
    assert path == "/in/v1/logs"
    assert (headers["x-tenant"], headers["content-type"]) == ("lab", "application/x-protobuf")
    assert headers.get("content-encoding") == (None if compression == "none" else compression)
    ((scope,),) = [each.scope_logs for each in request.resource_logs]
    assert scope.scope.name == "app.web"
    assert [each.body.string_value for each in scope.log_records] == ["message 1", "message 2", "message 3"]


def test_one_connection_serves_many_batches(receiver: HttpReceiver, exporter: OtlpHttpExporter) -> None:
    for _ in range(5):
        exporter.export(BATCH)
        receiver.answer = Answer(503, b"busy") if len(receiver.requests) == 2 else Answer()
        if receiver.answer.status == 503:
            with pytest.raises(DestinationError):
                exporter.export(BATCH)
            receiver.answer = Answer()

    assert len(receiver.clients) == 1


@pytest.mark.parametrize(
    ("status", "kind", "misconfigured"),
    [
        *((status, BatchRejected, False) for status in (400, 413, 422)),
        *((status, DestinationError, True) for status in (301, 307, 401, 403, 404, 405, 407, 415)),
        *((status, DestinationError, False) for status in (408, 418, 429, 500, 502, 503, 504)),
    ],
)
def test_a_batch_at_fault_a_setting_at_fault_and_a_busy_receiver_are_told_apart(
    receiver: HttpReceiver, exporter: OtlpHttpExporter, status: int, kind: type, misconfigured: bool
) -> None:
    receiver.answer = Answer(status, b"because of \x1b[1m this", {"Content-Type": "text/plain", "Location": "/there"})

    with pytest.raises(DestinationError) as caught:
        exporter.export(BATCH)

    assert type(caught.value) is kind
    assert caught.value.misconfigured is misconfigured
    assert f"127.0.0.1:{receiver.server_port}: {status}" in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert len(receiver.requests) == 1, "an exporter neither retries nor follows"


def test_what_the_receiver_asks_to_wait_is_passed_on(receiver: HttpReceiver, exporter: OtlpHttpExporter) -> None:
    receiver.answer = Answer(429, headers={"Retry-After": "17"})

    with pytest.raises(DestinationError) as caught:
        exporter.export(BATCH)

    assert caught.value.retry_after_seconds == 17


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("Tue, 24 Nov 2026 12:00:30 GMT", 30),
        ("Tue, 24 Nov 2026 11:00:00 GMT", 0),
        ("soon", None),
        ("²", None),
    ],
)
def test_retry_after_is_a_number_or_a_date(text: str, seconds: float | None) -> None:
    headers = urllib3.HTTPHeaderDict({"Retry-After": text})

    assert retry_after(headers, now=datetime(2026, 11, 24, 12, tzinfo=UTC)) == seconds


def test_records_that_a_receiver_refused_without_saying_which_are_unattributed(
    receiver: HttpReceiver, exporter: OtlpHttpExporter
) -> None:
    partial = ExportLogsPartialSuccess(rejected_log_records=2, error_message="too old")
    receiver.answer = Answer(body=ExportLogsServiceResponse(partial_success=partial).SerializeToString())

    assert exporter.export(BATCH) == [Accepted(), Unattributed("too old"), Unattributed("too old")]


def test_json_answers_are_understood_too() -> None:
    body = b'{"partialSuccess": {"rejectedLogRecords": "1", "errorMessage": "no"}}'

    assert outcomes_of(body, 2, JSON) == [Accepted(), Unattributed("no")]
    assert refusal_of(b'{"code": 3, "message": "no"}', JSON) == "no"
    assert refusal_of(Status(code=3, message="no").SerializeToString(), PROTOBUF) == "no"


@given(st.binary(), st.sampled_from([JSON, PROTOBUF, "text/html", ""]), st.integers(0, 5))
def test_whatever_a_receiver_answers_there_is_one_outcome_per_record(body: bytes, kind: str, count: int) -> None:
    assert len(outcomes_of(body, count, kind)) == count
    assert refusal_of(body, kind).isprintable()


def test_nobody_there_is_no_fault_of_the_settings() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]

    with pytest.raises(DestinationError, match=rf"127.0.0.1:{port}: Failed to establish .* refused") as caught:
        OtlpHttpExporter(Destination(f"otlp+http://127.0.0.1:{port}")).export(BATCH)

    assert not caught.value.misconfigured


def test_a_receiver_that_says_nothing_is_given_up_after_the_time_out(receiver: HttpReceiver) -> None:
    receiver.may_answer.clear()
    destination = Destination(f"otlp+http://127.0.0.1:{receiver.server_port}", timeout_seconds=0.2)

    with pytest.raises(DestinationError, match="timed out"):
        OtlpHttpExporter(destination).export(BATCH)


def test_an_answer_without_end_is_not_read_to_its_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        hung_up = threading.Event()

        def answer() -> None:
            with server.accept()[0] as client, contextlib.suppress(OSError):
                client.recv(1 << 16)
                client.sendall(b"HTTP/1.1 400 no\r\nConnection: close\r\n\r\n")
                while True:
                    client.sendall(b"x" * 65_536)
            hung_up.set()

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        with pytest.raises(BatchRejected):
            OtlpHttpExporter(Destination(f"otlp+http://127.0.0.1:{server.getsockname()[1]}")).export(BATCH)
        assert hung_up.wait(60)
        thread.join()


def test_a_name_that_stands_for_a_link_local_address_gets_nothing(
    receiver: HttpReceiver, exporter: OtlpHttpExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("otel_bitacora.reporter.production.exporters.peer.is_link_local", lambda _: True)

    with pytest.raises(DestinationError, match="link-local") as caught:
        exporter.export(BATCH)

    assert caught.value.misconfigured
    assert receiver.requests == []


def test_tls_is_checked_and_a_failure_of_it_is_one_of_the_settings(secure: Callable[..., Any]) -> None:
    web = secure()
    bundle = web.folder / "both.pem"
    bundle.write_bytes((web.folder / "server.pem").read_bytes() + (web.folder / "server.key").read_bytes())
    with http_receiver(bundle) as server:
        url = f"otlp+https://127.0.0.1:{server.server_port}"
        with pytest.raises(DestinationError, match=r"TLS: .*certificate") as caught:
            OtlpHttpExporter(Destination(url)).export(BATCH)
        trusted = OtlpHttpExporter(Destination(url, certificate_file=web.ca_file))
        outcomes = trusted.export(BATCH)
        trusted.close()

    assert caught.value.misconfigured
    assert outcomes == [Accepted()] * 3


def test_an_expired_certificate_is_never_trusted_and_says_that_it_has_expired(secure: Callable[..., Any]) -> None:
    web = secure()
    web.issue("127.0.0.1", not_after=datetime.now(UTC) - timedelta(days=1))
    bundle = web.folder / "both.pem"
    bundle.write_bytes((web.folder / "server.pem").read_bytes() + (web.folder / "server.key").read_bytes())

    with http_receiver(bundle) as server:
        url = f"otlp+https://127.0.0.1:{server.server_port}"
        exporter = OtlpHttpExporter(Destination(url, certificate_file=web.ca_file))
        with pytest.raises(DestinationError, match="expired") as caught:
            exporter.export(BATCH)

    assert caught.value.misconfigured


def test_a_name_that_cannot_be_looked_up_is_tried_again_and_named() -> None:
    with pytest.raises(DestinationError, match=r"nowhere\.invalid.*([Nn]ame|resolve)") as caught:
        OtlpHttpExporter(Destination("otlp+http://nowhere.invalid:4318")).export(BATCH)

    assert not caught.value.misconfigured


def test_a_url_of_grpc_is_refused() -> None:
    with pytest.raises(ReporterSettingsError):
        OtlpHttpExporter(Destination("http://127.0.0.1:4318"))
