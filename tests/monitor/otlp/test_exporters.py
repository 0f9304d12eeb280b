"""OpenTelemetry's exporters as we use them, with receivers that answer in every way."""

import logging
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import certifi
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.sdk.metrics.export import MetricsData

from bitacora_collectors.contract import Group, Kind, Metric, Reading
from otel_bitacora.errors import MissingExtra, SettingsError
from otel_bitacora.monitor.otlp import exporters
from otel_bitacora.monitor.otlp.exporters import count_points, open_exporter
from otel_bitacora.monitor.otlp.outcome import Outcome
from otel_bitacora.monitor.otlp.target import Target
from otel_bitacora.monitor.otlp.translation import Translation
from otel_bitacora.monitor.sampler import Sampler
from otel_bitacora.resource import HostIdentity
from otel_bitacora.testing import FakeClock, FakeHostCollector

from .receiver import GrpcReceiver, HttpReceiver, http_receiver  # tests are no package

pytest.importorskip("opentelemetry.exporter.otlp", reason="the extra otlp isn't installed")

LOAD = Metric("system.cpu.load_average.1m", Kind.GAUGE, "{thread}", "Load.", Group.SYSTEM, ("host",))


@pytest.fixture
def http() -> Iterator[HttpReceiver]:
    with http_receiver() as server:
        yield server


@pytest.fixture
def grpc_receiver() -> Iterator[GrpcReceiver]:
    receiver = GrpcReceiver()
    yield receiver
    receiver.stop()


@pytest.fixture
def data(identity: HostIdentity, clock: FakeClock) -> MetricsData:
    sampler = Sampler([FakeHostCollector("load", [Reading(LOAD, 0.5)])], host=identity, clock=clock)
    return Translation({"service.name": "otel-bitacora"}, started_unix_nano=1).metrics_data(sampler.tick())


def sent(target: Target, data: MetricsData) -> Outcome:
    exporter = open_exporter(target)
    try:
        return exporter.export(data)
    finally:
        exporter.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("is_gzip", [False, True])
def test_metrics_go_over_http_with_their_headers(http: HttpReceiver, data: MetricsData, is_gzip: bool) -> None:
    target = Target(f"{http.url}/v1/metrics", headers={"x-tenant": "lab"}, is_gzip=is_gzip)

    outcome = sent(target, data)

    ((path, headers, request),) = http.requests
    assert outcome == Outcome(count_points(data))
    assert path == "/v1/metrics"
    assert (headers["x-tenant"], headers["content-type"]) == ("lab", "application/x-protobuf")
    assert headers.get("content-encoding") == ("gzip" if is_gzip else None)
    assert request.resource_metrics[0].scope_metrics[0].metrics[0].name == LOAD.name


@pytest.mark.parametrize("is_gzip", [False, True])
def test_metrics_go_over_grpc_with_their_headers(grpc_receiver: GrpcReceiver, data: MetricsData, is_gzip: bool) -> None:
    target = Target(grpc_receiver.url, is_grpc=True, headers={"x-tenant": "lab"}, is_gzip=is_gzip)

    outcome = sent(target, data)

    ((metadata, request),) = grpc_receiver.requests
    assert outcome == Outcome(count_points(data))
    assert metadata["x-tenant"] == "lab"
    assert request.resource_metrics[0].scope_metrics[0].metrics[0].name == LOAD.name


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(http: HttpReceiver, data: MetricsData, status: int) -> None:
    with http_receiver() as elsewhere:
        http.status = status
        http.answer_headers = {"Location": f"{elsewhere.url}/v1/metrics"}

        outcome = sent(Target(f"{http.url}/v1/metrics"), data)

        assert outcome.error_type == "redirect"
        assert elsewhere.url in outcome.reason
        assert elsewhere.requests == []
    assert len(http.requests) == 1


def test_a_receiver_that_refuses_is_named_by_its_status_and_what_it_says(http: HttpReceiver, data: MetricsData) -> None:
    http.status, http.answer = 401, b"no such token\n"

    outcome = sent(Target(f"{http.url}/v1/metrics"), data)

    assert (outcome.error_type, outcome.reason) == ("401", "401 Unauthorized: 'no such token'")
    assert len(http.requests) == 1


def test_a_receiver_that_takes_only_some_is_believed(http: HttpReceiver, data: MetricsData) -> None:
    answer = ExportMetricsServiceResponse()
    answer.partial_success.rejected_data_points = 2
    answer.partial_success.error_message = "too old"
    http.answer = answer.SerializeToString()

    outcome = sent(Target(f"{http.url}/v1/metrics"), data)

    assert outcome == Outcome(count_points(data), None, "too old", rejected=2)


def test_what_was_refused_before_is_not_counted_again(http: HttpReceiver, data: MetricsData) -> None:
    answer = ExportMetricsServiceResponse()
    answer.partial_success.rejected_data_points = 2
    http.answer = answer.SerializeToString()
    exporter = open_exporter(Target(f"{http.url}/v1/metrics"))

    outcomes = [exporter.export(data), exporter.export(data)]
    exporter.close()

    assert [outcome.rejected for outcome in outcomes] == [2, 2]


def test_over_grpc_what_was_refused_is_counted_as_over_http(grpc_receiver: GrpcReceiver, data: MetricsData) -> None:
    grpc_receiver.answer.partial_success.rejected_data_points = 2
    grpc_receiver.answer.partial_success.error_message = "too old"
    exporter = open_exporter(Target(grpc_receiver.url, is_grpc=True))

    outcomes = [exporter.export(data), exporter.export(data)]
    grpc_receiver.answer = ExportMetricsServiceResponse()
    outcomes.append(exporter.export(data))
    exporter.close()

    points = count_points(data)
    assert outcomes == [Outcome(points, None, "too old", rejected=2)] * 2 + [Outcome(points)]


def test_over_grpc_it_is_counted_after_the_receiver_was_away_too(
    grpc_receiver: GrpcReceiver, data: MetricsData
) -> None:
    import grpc

    exporter = open_exporter(Target(grpc_receiver.url, is_grpc=True, timeout_seconds=0.5))
    grpc_receiver.code = grpc.StatusCode.UNAVAILABLE
    away = exporter.export(data)
    grpc_receiver.code = None
    grpc_receiver.answer.partial_success.rejected_data_points = 2

    back = exporter.export(data)
    exporter.close()

    assert (away.error_type, back.error_type, back.rejected) == ("UNAVAILABLE", None, 2)


def test_no_more_of_an_answer_is_read_than_could_matter(http: HttpReceiver, data: MetricsData) -> None:
    http.status, http.answer = 400, b"x" * 50_000_000

    outcome = sent(Target(f"{http.url}/v1/metrics"), data)

    assert outcome.error_type == "400"
    assert len(outcome.reason) < 300
    assert http.cut_short.wait(30)


@pytest.mark.parametrize("status", [200, 302, 400])
def test_a_connection_is_kept_for_the_next_attempt(http: HttpReceiver, data: MetricsData, status: int) -> None:
    http.status = status
    exporter = open_exporter(Target(f"{http.url}/v1/metrics"))

    for _ in range(3):
        exporter.export(data)
    exporter.close()

    assert len(http.clients) == 1


def test_a_key_in_the_url_is_in_no_message(http: HttpReceiver, data: MetricsData) -> None:
    http.status, http.answer_headers = 307, {"Location": "/elsewhere?key=hunter2"}
    dead = Target(f"http://127.0.0.1:{free_port()}/v1/metrics?key=hunter2", timeout_seconds=0.5)

    outcomes = [sent(Target(f"{http.url}/v1/metrics?key=hunter2"), data), sent(dead, data)]

    assert "hunter2" not in str(outcomes)
    assert "Connection refused" in outcomes[1].reason


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of 127.0.0.1 and its key, in one file."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl isn't installed")
    path = tmp_path / "server.pem"
    options = [
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "1",
        "-subj",
        "/CN=lab",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
    ]
    command = ["openssl", "req", "-x509", *options, "-keyout", path, "-out", tmp_path / "only.pem"]
    subprocess.run(command, check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + (tmp_path / "only.pem").read_bytes())
    return path


def test_a_certificate_is_checked_and_one_of_our_own_is_trusted_where_it_is_named(
    data: MetricsData, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certifi.where())
    with http_receiver(certificate) as https:
        url = f"{https.url.replace('http', 'https')}/v1/metrics"

        unknown = sent(Target(url, timeout_seconds=1), data)
        known = sent(Target(url, certificate_file=certificate), data)

    assert unknown.error_type == "tls"
    assert known == Outcome(count_points(data))
    assert len(https.requests) == 1


def test_an_answer_that_is_no_protobuf_is_a_success_all_the_same(http: HttpReceiver, data: MetricsData) -> None:
    http.answer = b"<html>thanks</html>"

    assert sent(Target(f"{http.url}/v1/metrics"), data) == Outcome(count_points(data))


def test_nobody_there_is_unreachable_over_http(data: MetricsData) -> None:
    target = Target(f"http://127.0.0.1:{free_port()}/v1/metrics", timeout_seconds=0.5)

    assert sent(target, data).error_type == "unreachable"


def test_nobody_there_is_unavailable_over_grpc(data: MetricsData) -> None:
    target = Target(f"http://127.0.0.1:{free_port()}", is_grpc=True, timeout_seconds=0.5)

    assert sent(target, data).error_type in ("UNAVAILABLE", "DEADLINE_EXCEEDED")


def test_a_receiver_that_never_answers_costs_the_time_out(http: HttpReceiver, data: MetricsData) -> None:
    http.may_answer.clear()

    outcome = sent(Target(f"{http.url}/v1/metrics", timeout_seconds=0.3), data)

    assert outcome.error_type == "timeout"


def test_a_refusal_over_grpc_is_named_by_its_code(grpc_receiver: GrpcReceiver, data: MetricsData) -> None:
    import grpc

    grpc_receiver.code = grpc.StatusCode.UNAUTHENTICATED
    exporter = open_exporter(Target(grpc_receiver.url, is_grpc=True))

    outcomes = [exporter.export(data), exporter.export(data)]
    exporter.close()

    assert [outcome.error_type for outcome in outcomes] == ["UNAUTHENTICATED", "UNAUTHENTICATED"]
    assert "as told" in outcomes[0].reason


def test_a_new_attempt_knows_nothing_of_the_last(http: HttpReceiver, data: MetricsData) -> None:
    exporter = open_exporter(Target(f"{http.url}/v1/metrics"))
    http.status = 400
    exporter.export(data)
    http.status = 200

    outcome = exporter.export(data)
    exporter.close()

    assert outcome == Outcome(count_points(data))


def test_what_the_library_logs_of_it_is_not_said_again(
    http: HttpReceiver, data: MetricsData, caplog: pytest.LogCaptureFixture
) -> None:
    http.status = 400

    sent(Target(f"{http.url}/v1/metrics"), data)
    logging.getLogger("opentelemetry.exporter.otlp.proto.http.metric_exporter").error("somebody else's")

    assert [record.getMessage() for record in caplog.records] == ["somebody else's"]


def test_what_others_log_meanwhile_is_not_taken(
    http: HttpReceiver, data: MetricsData, caplog: pytest.LogCaptureFixture
) -> None:
    http.may_answer.clear()
    sending = threading.Thread(target=sent, args=(Target(f"{http.url}/v1/metrics"), data))
    sending.start()
    assert http.asked.wait(30)

    logging.getLogger("opentelemetry.exporter.otlp.proto.http.metric_exporter").error("somebody else's")
    http.may_answer.set()
    sending.join(30)

    assert [record.getMessage() for record in caplog.records] == ["somebody else's"]


def test_a_large_snapshot_is_sent_in_parts(
    http: HttpReceiver, data: MetricsData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporters, "_LARGEST_BATCH", 2)

    sent(Target(f"{http.url}/v1/metrics"), data)

    assert len(http.requests) == -(-count_points(data) // 2)


def test_variables_of_the_library_change_nothing_that_a_setting_says(
    http: HttpReceiver, data: MetricsData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")

    sent(Target(f"{http.url}/v1/metrics"), data)

    assert "content-encoding" not in http.requests[0][1]


@pytest.mark.parametrize("is_grpc", [False, True])
def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch, is_grpc: bool) -> None:
    loaded = ("opentelemetry.exporter.otlp", "otel_bitacora.monitor.otlp.grpc_client")
    for name in [name for name in sys.modules if name.startswith(loaded)]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto", None)

    with pytest.raises(MissingExtra, match=r"pip install 'otel-bitacora\[otlp\]'"):
        open_exporter(Target("http://127.0.0.1:4318", is_grpc=is_grpc))


def test_a_certificate_that_cannot_be_read_is_an_invalid_setting(tmp_path: Path) -> None:
    target = replace(Target("https://127.0.0.1:4317", is_grpc=True), certificate_file=tmp_path / "gone.pem")

    with pytest.raises(SettingsError, match=r"gone\.pem can't be read"):
        open_exporter(target)
