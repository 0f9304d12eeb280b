"""Records as documents, in a real server, which errs where it is told to."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from pymongo import MongoClient

from otel_bitacora.errors import DestinationError
from otel_bitacora.reporter.core.contract import Accepted, BatchRejected, Duplicate, Rejected, Retry, StoredRecord
from otel_bitacora.reporter.production.exporters.destination import Destination
from otel_bitacora.reporter.production.exporters.mongodb import MongoDbExporter
from otel_bitacora.reporter.production.exporters.mongodb_document import entry_of

from ...compliance import ExporterCompliance, stored  # noqa: TID252  # tests are no package
from .brokers import free_port
from .mongo_servers import MongoServer

BATCH = [stored(1), stored(2), stored(3)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServer]:
    running = MongoServer(tmp_path_factory.mktemp("mongo") / "data", "--enable-test-commands")
    yield running
    running.kill()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., MongoServer]]:
    """Start servers on one directory, one after the other; none outlives the test."""
    started: list[MongoServer] = []

    def start_one(*options: str) -> MongoServer:
        started.append(MongoServer(tmp_path / "data", *options))
        return started[-1]

    yield start_one
    for one in started:
        one.kill()


@pytest.fixture
def client(server: MongoServer) -> Iterator[MongoClient]:
    with MongoClient(server.url, serverSelectionTimeoutMS=60_000) as made:
        yield made


@pytest.fixture
def logs(client: MongoClient, request: pytest.FixtureRequest) -> Any:
    """Return a collection of the test's own."""
    return client.tests[request.node.name[:60]]


@pytest.fixture
def exporter(server: MongoServer, logs: Any) -> Iterator[MongoDbExporter]:
    made = MongoDbExporter(Destination(f"{server.url}/{logs.database.name}/{logs.name}", timeout_seconds=30))
    yield made
    made.close()


def fail_next(client: MongoClient, **data: Any) -> None:
    """Have the next insertion fail."""
    point = {"configureFailPoint": "failCommand", "mode": {"times": 1}}
    client.admin.command({**point, "data": {"failCommands": ["insert"], **data}})


class TestMongoDbExporter(ExporterCompliance):
    @pytest.fixture(autouse=True)
    def _exporter(self, exporter: MongoDbExporter) -> None:
        self._made = exporter

    def make(self) -> MongoDbExporter:
        return self._made


def test_documents_hold_what_the_records_say_and_a_second_time_none_comes(exporter: MongoDbExporter, logs: Any) -> None:
    first = exporter.export(BATCH)
    again = exporter.export([*BATCH, stored(4)])

    assert first == [Accepted()] * 3
    assert again == [*[Duplicate()] * 3, Accepted()]
    assert [entry_of(each) for each in logs.find().sort("time")] == [stored(number).entry() for number in range(1, 5)]


def test_what_is_asked_for_most_has_fields_of_its_own(exporter: MongoDbExporter, logs: Any) -> None:
    exporter.export(BATCH)

    assert logs.count_documents({"session_id": "s", "service": "test", "severity_number": {"$gte": 9}}) == 3
    assert logs.count_documents({"attributes": {"$elemMatch": {"k": "number", "v": {"$gt": 1}}}}) == 2


def test_bootstrap_makes_indexes_and_one_of_them_lets_records_expire(server: MongoServer, logs: Any) -> None:
    url = f"{server.url}/{logs.database.name}/{logs.name}?keep_days=7"

    for _ in range(2):  # a second time it finds them
        exporter = MongoDbExporter(Destination(url, bootstrap=True))
        exporter.export(BATCH)
        exporter.close()

    indexes = logs.index_information()
    assert indexes["bitacora_age"]["expireAfterSeconds"] == 7 * 86_400
    assert {"bitacora_session_id", "bitacora_trace_id", "bitacora_severity_number", "bitacora_logger"} < set(indexes)


def test_another_age_than_the_index_has_is_told_and_shipping_goes_on(
    server: MongoServer, logs: Any, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"{server.url}/{logs.database.name}/{logs.name}?bootstrap=true"

    for days in (7, 8):
        exporter = MongoDbExporter(Destination(f"{url}&keep_days={days}"))
        exporter.export(BATCH)
        exporter.close()

    assert logs.count_documents({}) == 3
    assert "bitacora_age stays as it is" in caplog.text


def test_a_server_that_cannot_let_records_expire_is_shipped_to_all_the_same(
    server: MongoServer, client: MongoClient, logs: Any, caplog: pytest.LogCaptureFixture
) -> None:
    data = {"failCommands": ["createIndexes"], "errorCode": 238}
    client.admin.command({"configureFailPoint": "failCommand", "mode": {"times": 1}, "data": data})
    exporter = MongoDbExporter(Destination(f"{server.url}/{logs.database.name}/{logs.name}", bootstrap=True))

    outcomes = exporter.export(BATCH)
    exporter.close()

    assert outcomes == [Accepted()] * 3
    assert "records are kept for ever" in caplog.text
    assert "expireAfterSeconds" not in logs.index_information()["bitacora_age"]


def test_a_document_that_is_too_large_is_rejected_and_the_others_are_kept(exporter: MongoDbExporter, logs: Any) -> None:
    first, refused, last = exporter.export([stored(1), stored(2, body="x" * (17 << 20)), stored(3)])

    assert (first, last) == (Accepted(), Accepted())
    assert isinstance(refused, Rejected)
    assert "too large" in refused.reason
    assert logs.count_documents({}) == 2


def test_what_the_client_itself_cannot_send_is_refused(exporter: MongoDbExporter) -> None:
    with pytest.raises(BatchRejected, match="too large"):
        exporter.export([stored(1, body="x" * (50 << 20))])


def test_a_document_that_the_collection_forbids_is_rejected_and_the_others_are_kept(
    exporter: MongoDbExporter, logs: Any
) -> None:
    logs.database.create_collection(logs.name, validator={"attributes.v": {"$ne": 2}})

    first, refused, last = exporter.export(BATCH)

    assert (first, last) == (Accepted(), Accepted())
    assert isinstance(refused, Rejected)
    assert "code 121" in refused.reason


def test_what_another_unique_index_refuses_is_no_duplicate(exporter: MongoDbExporter, logs: Any) -> None:
    logs.create_index("logger", unique=True)

    first, refused = exporter.export([stored(1), stored(2)])

    assert first == Accepted()
    assert isinstance(refused, Rejected)
    assert "code 11000" in refused.reason


def test_an_insertion_that_is_refused_for_what_is_in_it_is_at_fault(
    client: MongoClient, exporter: MongoDbExporter, logs: Any
) -> None:
    fail_next(client, errorCode=10334)

    with pytest.raises(BatchRejected, match="code 10334"):
        exporter.export(BATCH)


@pytest.mark.parametrize("code", [13, 18, 8000])
def test_who_may_not_write_has_a_wrong_setting(
    client: MongoClient, exporter: MongoDbExporter, code: int, logs: Any
) -> None:
    fail_next(client, errorCode=code)

    with pytest.raises(DestinationError) as raised:
        exporter.export(BATCH)

    assert raised.value.misconfigured
    assert exporter.export(BATCH) == [Accepted()] * 3


@pytest.mark.parametrize("code", [50, 202, 14031])  # takes too long, too busy, disk full
def test_what_passes_is_tried_again(client: MongoClient, exporter: MongoDbExporter, code: int, logs: Any) -> None:
    fail_next(client, errorCode=code)

    with pytest.raises(DestinationError) as raised:
        exporter.export(BATCH)

    assert not raised.value.misconfigured
    assert exporter.export(BATCH) == [Accepted()] * 3


def test_what_a_majority_has_not_confirmed_is_sent_again(
    client: MongoClient, exporter: MongoDbExporter, logs: Any
) -> None:
    fail_next(client, writeConcernError={"code": 64, "errmsg": "waiting for replication timed out"})

    outcomes = exporter.export(BATCH)

    assert {type(outcome) for outcome in outcomes} == {Retry}
    assert exporter.export(BATCH) == [Duplicate()] * 3


def test_a_connection_that_breaks_is_made_anew(client: MongoClient, exporter: MongoDbExporter, logs: Any) -> None:
    exporter.export(BATCH)
    fail_next(client, closeConnection=True)

    assert exporter.export([stored(4)]) == [Accepted()]


def test_a_batch_at_which_a_server_that_is_well_always_closes_the_connection_is_at_fault(
    client: MongoClient, exporter: MongoDbExporter, logs: Any
) -> None:
    point = {"configureFailPoint": "failCommand", "data": {"failCommands": ["insert"], "closeConnection": True}}
    client.admin.command({**point, "mode": "alwaysOn"})

    with pytest.raises(BatchRejected, match="the server is well, but closes the connection"):
        exporter.export(BATCH)

    client.admin.command({**point, "mode": "off"})
    assert len(exporter.export(BATCH)) == 3


def test_where_nobody_listens_is_no_wrong_setting() -> None:
    exporter = MongoDbExporter(Destination(f"mongodb://127.0.0.1:{free_port()}/", timeout_seconds=0.2))

    with pytest.raises(DestinationError, match=r"^mongodb://127\.0\.0\.1:\d+/: .*refused") as raised:
        exporter.export(BATCH)

    assert not raised.value.misconfigured
    assert "Topology" not in str(raised.value)
    exporter.close()


def test_values_that_it_cannot_hold_are_counted_and_said(
    exporter: MongoDbExporter, logs: Any, caplog: pytest.LogCaptureFixture
) -> None:
    exporter.export([stored(1), stored(2, timestamp_unix_nano=2**64 - 1)])

    assert exporter.repaired == 1
    assert "1 values that MongoDB can't hold" in caplog.text
    assert logs.count_documents({"repaired": 1}) == 1


def test_what_is_no_record_is_refused(exporter: MongoDbExporter) -> None:
    with pytest.raises(BatchRejected, match="isn't OTLP"):
        exporter.export([StoredRecord("x", 1, b"\xff\xff\xff", 0, b"")])


def test_a_wrong_password_is_a_wrong_setting_until_the_file_has_the_right_one(
    start: Callable[..., MongoServer], tmp_path: Path
) -> None:
    open_server = start()
    with MongoClient(open_server.url) as admin:
        admin.admin.command("createUser", "ana", pwd="right", roles=["root"])
    open_server.kill()
    server = start("--auth")
    password = tmp_path / "password"
    password.write_text("wrong\n")
    where = f"ana@127.0.0.1:{server.port}/bitacora"
    exporter = MongoDbExporter(Destination(f"mongodb://{where}?authSource=admin&password_file={password}"))

    with pytest.raises(DestinationError) as raised:
        exporter.export(BATCH)
    password.write_text("right\n")
    outcomes = exporter.export(BATCH)
    exporter.close()

    assert raised.value.misconfigured
    assert outcomes == [Accepted()] * 3


def test_a_certificate_that_nobody_trusts_is_a_wrong_setting(start: Callable[..., MongoServer], tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    files = ("--tls-cert-file", str(tmp_path / "cert.pem"), "--tls-key-file", str(tmp_path / "key.pem"))
    server = start(*files)
    url = f"{server.url}/?tls=true"

    distrusting = MongoDbExporter(Destination(url, timeout_seconds=2))
    with pytest.raises(DestinationError, match="certificate verify failed") as raised:
        distrusting.export(BATCH)
    trusting = MongoDbExporter(Destination(url, certificate_file=tmp_path / "ca.pem", timeout_seconds=30))
    outcomes = trusting.export(BATCH)
    distrusting.close()
    trusting.close()

    assert raised.value.misconfigured
    assert outcomes == [Accepted()] * 3
