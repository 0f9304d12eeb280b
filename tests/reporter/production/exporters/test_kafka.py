"""Records as messages, to a real broker, and to one that errs as it is told to."""

import threading
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from confluent_kafka import KafkaError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from otel_bitacora.errors import DestinationError, ReporterSettingsError
from otel_bitacora.reporter.core.contract import Accepted, Rejected, Retry
from otel_bitacora.reporter.production.exporters.destination import Destination
from otel_bitacora.reporter.production.exporters.kafka import KafkaExporter
from otel_bitacora.reporter.production.exporters.kafka_connection import Connector

from ...compliance import INSTANCE, ExporterCompliance, stored  # noqa: TID252  # tests are no package
from .brokers import MockCluster, free_port, read_topic, tansu
from .received import request_of

BATCH = [stored(1), stored(2), stored(3)]
MANY = [stored(number) for number in range(1, 201)]


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    with tansu() as address:
        yield address


@pytest.fixture
def cluster() -> Iterator[MockCluster]:
    """One broker with the topic `logs`, of one partition."""
    running = MockCluster()
    running.make_topic("logs")
    yield running
    running.stop()


@pytest.fixture
def exporter(cluster: MockCluster) -> Iterator[KafkaExporter]:
    made = KafkaExporter(Destination(f"kafka://{cluster.address}/logs", timeout_seconds=30))
    yield made
    made.close()


def uids_in(cluster: MockCluster) -> list[str]:
    messages = read_topic(cluster.address, "logs")
    return [str(dict(message.headers() or ())["log.record.uid"], "ascii") for message in messages]


def in_first_occurrence(uids: list[str]) -> list[str]:
    return list(dict.fromkeys(uids))


class TestKafkaExporter(ExporterCompliance):
    @pytest.fixture(autouse=True)
    def _exporter(self, broker: str) -> Iterator[None]:
        self.exporter = KafkaExporter(Destination(f"kafka://{broker}/compliance", bootstrap=True))
        yield
        self.exporter.close()

    def make(self) -> KafkaExporter:
        return self.exporter


@pytest.mark.parametrize(
    ("encoding", "content_type"), [("protobuf", "application/x-protobuf"), ("json", "application/json")]
)
def test_messages_arrive_in_order_with_key_headers_and_value(broker: str, encoding: str, content_type: str) -> None:
    url = f"kafka://{broker}/mapped-{encoding}?bootstrap=true&encoding={encoding}&partitions=2"
    exporter = KafkaExporter(Destination(url))

    outcomes = exporter.export(BATCH)
    exporter.close()

    assert outcomes == [Accepted()] * 3
    messages = read_topic(broker, f"mapped-{encoding}")
    assert [message.key() for message in messages] == [b"s"] * 3
    assert dict(messages[0].headers() or ()) == {
        "log.record.uid": f"{INSTANCE}-{1:016x}".encode(),
        "content-type": content_type.encode(),
    }
    if encoding == "protobuf":
        requests = [ExportLogsServiceRequest.FromString(message.value() or b"") for message in messages]
        assert requests == [request_of([record]) for record in BATCH]
    else:
        found = [orjson.loads(message.value() or b"")["resourceLogs"][0]["scopeLogs"][0] for message in messages]
        bodies = [scope["logRecords"][0]["body"]["stringValue"] for scope in found]
        assert bodies == ["message 1", "message 2", "message 3"]


def test_a_batch_that_is_too_large_is_sent_in_smaller_ones_and_in_order(
    cluster: MockCluster, exporter: KafkaExporter
) -> None:
    cluster.fail(KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.MSG_SIZE_TOO_LARGE)

    outcomes = exporter.export(MANY)

    assert outcomes == [Accepted()] * 200
    assert uids_in(cluster) == [record.uid for record in MANY]


def test_of_many_messages_the_one_that_is_too_large_is_found_and_no_other_is_rejected(
    cluster: MockCluster, exporter: KafkaExporter
) -> None:
    cluster.fail(*[KafkaError.MSG_SIZE_TOO_LARGE] * 8)  # however small the batches are, and then the first by itself

    outcomes = exporter.export(MANY)

    refused = [record for record, outcome in zip(MANY, outcomes, strict=True) if isinstance(outcome, Rejected)]
    assert refused == MANY[:1]
    assert uids_in(cluster) == [record.uid for record in MANY[1:]]


def test_a_message_that_is_too_large_alone_is_rejected(cluster: MockCluster, exporter: KafkaExporter) -> None:
    cluster.fail(KafkaError.MSG_SIZE_TOO_LARGE)

    (refused,) = exporter.export([stored(1)])
    (after,) = exporter.export([stored(2)])

    assert isinstance(refused, Rejected)
    assert "large" in refused.reason
    assert after == Accepted()
    assert uids_in(cluster) == [stored(2).uid]


def test_a_message_larger_than_any_broker_takes_is_rejected_and_the_others_arrive(
    cluster: MockCluster, exporter: KafkaExporter
) -> None:
    huge = stored(2, body="x" * (65 << 20))

    first, refused, last = exporter.export([stored(1), huge, stored(3)])

    assert (first, last) == (Accepted(), Accepted())
    assert isinstance(refused, Rejected)
    assert uids_in(cluster) == [stored(1).uid, stored(3).uid]


def test_a_broker_that_asks_to_try_again_is_obeyed_without_a_word(
    cluster: MockCluster, exporter: KafkaExporter
) -> None:
    cluster.fail(KafkaError.NOT_ENOUGH_REPLICAS, KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.REQUEST_TIMED_OUT)

    assert exporter.export(MANY) == [Accepted()] * 200
    assert in_first_occurrence(uids_in(cluster)) == [record.uid for record in MANY]


@pytest.mark.parametrize(
    "code",
    [KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED, KafkaError.POLICY_VIOLATION],
)
def test_who_may_not_write_has_a_wrong_setting_and_no_record_is_refused(
    cluster: MockCluster, exporter: KafkaExporter, code: int
) -> None:
    cluster.fail(code)

    with pytest.raises(DestinationError) as raised:
        exporter.export(BATCH)

    assert raised.value.misconfigured
    assert exporter.export(BATCH) == [Accepted()] * 3


def test_nothing_is_written_behind_a_message_that_failed(cluster: MockCluster) -> None:
    exporter = KafkaExporter(Destination(f"kafka://{cluster.address}/logs"))
    exporter._batch_bytes = 4096  # several requests for one batch of ours
    cluster.fail(0, KafkaError.TOPIC_AUTHORIZATION_FAILED, *[0] * 20)

    with pytest.raises(DestinationError):
        exporter.export(MANY)
    before = uids_in(cluster)
    cluster.forgive()
    exporter.export(MANY)
    exporter.close()

    assert before == [record.uid for record in MANY[: len(before)]]
    assert in_first_occurrence(uids_in(cluster)) == [record.uid for record in MANY]


def test_a_missing_topic_is_a_wrong_setting_that_says_what_to_do(cluster: MockCluster) -> None:
    cluster.fail_topic("absent", KafkaError.UNKNOWN_TOPIC_OR_PART)
    exporter = KafkaExporter(Destination(f"kafka://{cluster.address}/absent"))

    with pytest.raises(DestinationError, match=r"no topic 'absent': make it, or say --bootstrap") as raised:
        exporter.export(BATCH)

    assert raised.value.misconfigured
    exporter.close()


def test_a_broker_that_does_not_answer_costs_a_retry_and_nothing_that_is_sent_later_overtakes(
    cluster: MockCluster,
) -> None:
    exporter = KafkaExporter(Destination(f"kafka://{cluster.address}/logs", timeout_seconds=1))
    exporter.export(MANY[:50])
    cluster.delay(3000)

    with pytest.raises(DestinationError) as raised:
        exporter.export(MANY[50:100])
    cluster.delay(0)
    exporter.close()
    patient = KafkaExporter(Destination(f"kafka://{cluster.address}/logs", timeout_seconds=30))
    outcomes = patient.export(MANY[50:])
    patient.close()

    assert not raised.value.misconfigured
    assert outcomes == [Accepted()] * 150
    assert in_first_occurrence(uids_in(cluster)) == [record.uid for record in MANY]


def test_a_broker_that_is_away_for_a_while_costs_nothing(cluster: MockCluster, exporter: KafkaExporter) -> None:
    exporter.export(MANY[:100])
    cluster.take_down()
    threading.Timer(1.0, cluster.bring_up).start()

    assert exporter.export(MANY[100:]) == [Accepted()] * 100
    assert in_first_occurrence(uids_in(cluster)) == [record.uid for record in MANY]


def test_where_nobody_listens_is_no_wrong_setting() -> None:
    exporter = KafkaExporter(Destination(f"kafka://127.0.0.1:{free_port()}/logs"))

    with pytest.raises(DestinationError, match="refused") as raised:
        exporter.export(BATCH)

    assert not raised.value.misconfigured
    exporter.close()


def test_more_than_the_queue_holds_waits_for_what_leaves_it(
    cluster: MockCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = Connector._writing
    monkeypatch.setattr(Connector, "_writing", lambda *given: usual(*given) | {"queue.buffering.max.messages": 10})
    exporter = KafkaExporter(Destination(f"kafka://{cluster.address}/logs", timeout_seconds=30))

    assert exporter.export(MANY) == [Accepted()] * 200
    exporter.close()
    assert uids_in(cluster) == [record.uid for record in MANY]


def test_what_one_partition_has_is_kept_when_another_fails(cluster: MockCluster) -> None:
    cluster.make_topic("two", 2)
    records = [stored(number, attributes={"bitacora.session.id": f"session {number}"}) for number in range(1, 41)]
    exporter = KafkaExporter(Destination(f"kafka://{cluster.address}/two", timeout_seconds=3))
    cluster.fail(0, *[KafkaError.NOT_ENOUGH_REPLICAS] * 200)

    outcomes = exporter.export(records)
    cluster.forgive()
    exporter.close()

    assert {type(outcome) for outcome in outcomes} == {Accepted, Retry}


def test_a_password_is_read_anew_for_each_connection(tmp_path: Path) -> None:
    url = f"kafka://ana@127.0.0.1:{free_port()}/logs?password_file={tmp_path}/password"
    exporter = KafkaExporter(Destination(url))

    with pytest.raises(DestinationError, match="password") as raised:
        exporter.export(BATCH)
    (tmp_path / "password").write_text("secret\n")
    with pytest.raises(DestinationError, match="refused"):
        exporter.export(BATCH)

    assert raised.value.misconfigured


def test_the_settings_compression_is_kafkas_too(cluster: MockCluster) -> None:
    exporter = KafkaExporter(Destination(f"kafka://{cluster.address}/logs", compression="gzip"))

    assert exporter.export(BATCH) == [Accepted()] * 3
    exporter.close()
    assert exporter._connector._topic.compression == "gzip"


def test_headers_are_refused_as_each_message_has_its_own() -> None:
    with pytest.raises(ReporterSettingsError, match="say the user in the URL"):
        KafkaExporter(Destination("kafka://127.0.0.1/logs", headers={"a": "b"}))
