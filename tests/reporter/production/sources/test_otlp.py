"""`POST /v1/logs`: what was answered with 200 is in the journal."""

import asyncio
import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from otel_bitacora.errors import JournalUnavailable
from otel_bitacora.http.bodies import BodyReader
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.query import Query
from otel_bitacora.reporter.core.storage import JournalStorage
from otel_bitacora.reporter.production.exporters.otlp_request import export_request
from otel_bitacora.reporter.production.sources.otlp import OtlpReceiver

from ...compliance import found, stored  # noqa: TID252  # tests are no package

BATCH = [stored(1), stored(2), stored(3)]
HEADERS = {"Content-Type": "application/x-protobuf"}
KIB = 1024


class PickyStorage(JournalStorage):
    """Refuses records whose number is in `refused`, as a journal at its bound does."""

    refused: frozenset[int] = frozenset()
    is_stuck = False

    def store(self, entry: LogEntry) -> str:
        if entry.attributes["number"] in self.refused:
            raise JournalUnavailable("it is full")
        return super().store(entry)

    @property
    def is_behind(self) -> bool:
        return self.is_stuck

    def flush(self) -> bool:
        return not self.is_stuck


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[PickyStorage]:
    made = PickyStorage(tmp_path / "journal")
    yield made
    asyncio.run(made.close())


@pytest.fixture
def client(storage: PickyStorage) -> Iterator[TestClient]:
    endpoint = OtlpReceiver(lambda: storage, bodies=BodyReader(limit_bytes=64 * KIB), wall_ns=lambda: 42).endpoint()
    with TestClient(Starlette(routes=[Route(endpoint.path, endpoint.handler, methods=list(endpoint.methods))])) as one:
        yield one


@pytest.fixture
def kept(tmp_path: Path) -> Callable[[], list[LogEntry]]:
    return lambda: asyncio.run(found(JournalStorage(tmp_path / "journal"), Query()))


def test_what_was_answered_with_200_is_in_the_journal(client: TestClient, kept: Callable[[], list[LogEntry]]) -> None:
    answer = client.post("/v1/logs", content=export_request(BATCH), headers=HEADERS)

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "application/x-protobuf"
    assert [each.entry() for each in BATCH] == kept()


def test_gzip_and_json_are_taken(client: TestClient, kept: Callable[[], list[LogEntry]]) -> None:
    packed = client.post(
        "/v1/logs", content=gzip.compress(export_request(BATCH)), headers={**HEADERS, "Content-Encoding": "gzip"}
    )
    record = {"body": {"stringValue": "hello"}, "attributes": [{"key": "number", "value": {"intValue": "9"}}]}
    plain = client.post("/v1/logs", json={"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]})

    assert (packed.status_code, plain.status_code, plain.json()) == (200, 200, {})
    assert sorted(str(each.body) for each in kept()) == ["hello", "message 1", "message 2", "message 3"]


def test_a_request_that_is_sent_again_is_kept_once(client: TestClient, kept: Callable[[], list[LogEntry]]) -> None:
    for _ in range(2):
        assert client.post("/v1/logs", content=export_request(BATCH), headers=HEADERS).status_code == 200

    assert len(kept()) == 3


def test_secrets_are_replaced_before_they_are_written(client: TestClient, tmp_path: Path) -> None:
    canary = "hunter2canary"
    secret = stored(1, body=f"password={canary}", attributes={"number": 1, "api_key": canary})

    assert client.post("/v1/logs", content=export_request([secret]), headers=HEADERS).status_code == 200

    files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert any(b"password" in data for data in files)
    assert not any(canary.encode() in data for data in files)


def test_records_that_a_full_journal_refuses_are_counted_to_their_sender(
    client: TestClient, storage: PickyStorage, kept: Callable[[], list[LogEntry]]
) -> None:
    storage.refused = frozenset({2})

    answer = client.post("/v1/logs", content=export_request(BATCH), headers=HEADERS)

    partial = ExportLogsServiceResponse.FromString(answer.content).partial_success
    assert answer.status_code == 200
    assert (partial.rejected_log_records, partial.error_message) == (1, "it is full")
    assert [each.body for each in kept()] == ["message 1", "message 3"]


def test_while_the_disk_refuses_the_sender_is_told_to_come_again(client: TestClient, storage: PickyStorage) -> None:
    storage.is_stuck = True

    answer = client.post("/v1/logs", content=export_request(BATCH), headers=HEADERS)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "disk refuses" in Status.FromString(answer.content).message


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"\xff\xff", HEADERS, 400),
        (b"nonsense", {**HEADERS, "Content-Encoding": "gzip"}, 400),
        (b"x" * (65 * KIB), HEADERS, 413),
        (gzip.compress(b"x" * (65 * KIB)), {**HEADERS, "Content-Encoding": "gzip"}, 413),
        (b"", {**HEADERS, "Content-Encoding": "br"}, 415),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_status_that_says_why(
    client: TestClient, content: bytes, headers: dict[str, str], status: int
) -> None:
    answer = client.post("/v1/logs", content=content, headers=headers)

    assert answer.status_code == status
    assert Status.FromString(answer.content).message


def test_a_refusal_of_json_is_json(client: TestClient) -> None:
    answer = client.post("/v1/logs", content=b"{", headers={"Content-Type": "application/json"})

    assert answer.status_code == 400
    assert "isn't an ExportLogsServiceRequest as JSON" in json.loads(answer.content)["message"]


@pytest.mark.parametrize("content_type", ["text/plain", ""])
def test_other_content_types_are_refused(client: TestClient, content_type: str) -> None:
    assert client.post("/v1/logs", content=b"", headers={"Content-Type": content_type}).status_code == 415


def test_a_journal_that_cannot_be_opened_is_told_to_who_sends() -> None:
    def unavailable() -> JournalStorage:
        raise JournalUnavailable("it is on NFS")

    endpoint = OtlpReceiver(unavailable).endpoint()
    with TestClient(Starlette(routes=[Route(endpoint.path, endpoint.handler, methods=["POST"])])) as client:
        answer = client.post("/v1/logs", content=export_request(BATCH), headers=HEADERS)

    assert answer.status_code == 503
    assert "it is on NFS" in Status.FromString(answer.content).message
