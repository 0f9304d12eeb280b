"""A receiver of OTLP is tried out as far as it goes: it gives nothing back, and that is said."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

from otel_bitacora.reporter.production.exporters import Destination, exporter_for
from otel_bitacora.reporter.production.exporters.probe import Probing, Step

from .brokers import free_port
from .receivers import Answer, GrpcReceiver, HttpReceiver, http_receiver

NOW = 1_764_000_000_000_000_000
STEPS = ["connect", "authenticate", "write", "read", "remove"]


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with http_receiver() as running:
        yield running


@pytest.fixture
def grpc_receiver() -> Iterator[GrpcReceiver]:
    running = GrpcReceiver()
    yield running
    running.stop()


def tried(url: str, **settings: Any) -> list[Step]:
    exporter: Any = exporter_for(url, Destination(url, **{"timeout_seconds": 30, **settings}))
    assert isinstance(exporter, Probing)
    try:
        return list(exporter.probe(NOW))
    finally:
        exporter.close()


def over(receiver: HttpReceiver) -> list[Step]:
    return tried(f"otlp+http://127.0.0.1:{receiver.server_port}")


def test_a_good_one_gets_a_request_without_records_then_one_canary_and_what_stays_is_told(
    receiver: HttpReceiver, grpc_receiver: GrpcReceiver
) -> None:
    for steps, requests in (
        (over(receiver), [request for *_, request in receiver.requests]),
        (tried(f"otlp+grpc://127.0.0.1:{grpc_receiver.port}"), [request for _, request in grpc_receiver.requests]),
    ):
        assert [step.name for step in steps] == STEPS
        assert [step.fix for step in steps] == [""] * 5
        empty, full = requests
        assert not empty.resource_logs
        (record,) = full.resource_logs[0].scope_logs[0].log_records
        assert record.body.string_value == "otel-bitacora doctor was here"
        uid = next(each.value.string_value for each in record.attributes if each.key == "log.record.uid")
        assert steps[3].detail == f"a receiver of OTLP gives nothing back: look for {uid} where it puts records"
        assert "the canary stays there" in steps[4].detail


@pytest.mark.parametrize(
    ("status", "names", "fix"),
    [
        (401, ["connect", "authenticate"], "OTEL_EXPORTER_OTLP_LOGS_HEADERS"),
        (403, ["connect", "authenticate"], "headers_file"),
        (404, ["connect", "write"], "/v1/logs is added"),
        (301, ["connect", "write"], "name that URL"),
        (503, ["connect", "write"], "less busy"),
        (500, ["connect", "write"], "own log"),
        (400, ["connect", "authenticate", "write"], "own log"),
    ],
)
def test_what_it_refuses_is_told_apart_over_http(
    receiver: HttpReceiver, status: int, names: list[str], fix: str
) -> None:
    receiver.answer = Answer(status, b"no")

    steps = over(receiver)

    assert [step.name for step in steps] == names
    assert fix in steps[-1].fix
    assert not steps[-1].is_unreachable


@pytest.mark.parametrize(
    ("code", "names", "fix"),
    [
        (grpc.StatusCode.UNAUTHENTICATED, ["connect", "authenticate"], "OTEL_EXPORTER_OTLP_LOGS_HEADERS"),
        (grpc.StatusCode.UNIMPLEMENTED, ["connect", "write"], "pipeline of logs"),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, ["connect", "write"], "less busy"),
        (grpc.StatusCode.INVALID_ARGUMENT, ["connect", "authenticate", "write"], "own log"),
    ],
)
def test_what_it_refuses_is_told_apart_over_grpc(
    grpc_receiver: GrpcReceiver, code: grpc.StatusCode, names: list[str], fix: str
) -> None:
    grpc_receiver.status = code

    steps = tried(f"otlp+grpc://127.0.0.1:{grpc_receiver.port}")

    assert [step.name for step in steps] == names
    assert fix in steps[-1].fix


def test_records_that_it_rejects_are_told_with_its_reason(grpc_receiver: GrpcReceiver) -> None:
    answer = ExportLogsServiceResponse()
    answer.partial_success.rejected_log_records = 1
    answer.partial_success.error_message = "too old"
    grpc_receiver.answer = answer

    *_, last = tried(f"otlp+grpc://127.0.0.1:{grpc_receiver.port}")

    assert (last.name, last.detail) == ("write", "refused: too old")


@pytest.mark.parametrize("scheme", ["otlp+http", "otlp+grpc"])
def test_one_that_is_not_there_is_unreachable(scheme: str) -> None:
    (absent,) = tried(f"{scheme}://127.0.0.1:{free_port()}", timeout_seconds=5)

    assert absent.is_unreachable
    assert absent.fix.startswith("start it, correct host and port")


def test_a_certificate_that_nobody_trusts_is_none(secure: Callable[..., Any]) -> None:
    web = secure()
    bundle = web.folder / "both.pem"
    bundle.write_bytes((web.folder / "server.pem").read_bytes() + (web.folder / "server.key").read_bytes())
    with http_receiver(bundle) as receiver:
        (distrusted,) = tried(f"otlp+https://127.0.0.1:{receiver.server_port}")

    assert "OTEL_EXPORTER_OTLP_LOGS_CERTIFICATE" in distrusted.fix
    assert not distrusted.is_unreachable
