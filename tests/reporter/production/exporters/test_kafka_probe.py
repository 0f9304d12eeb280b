"""A topic is tried out, at a real broker and at one that errs as it is told to; what fails comes with the exact fix."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError

from otel_bitacora.reporter.core.contract import Accepted
from otel_bitacora.reporter.production.exporters.destination import Destination
from otel_bitacora.reporter.production.exporters.kafka import KafkaExporter
from otel_bitacora.reporter.production.exporters.kafka_fixes import connection_fix
from otel_bitacora.reporter.production.exporters.kafka_url import topic_of
from otel_bitacora.reporter.production.exporters.probe import Step

from ...compliance import stored  # noqa: TID252  # tests are no package
from .brokers import MockCluster, free_port, read_topic, tansu

NOW = 1_764_000_000_000_000_000
STEPS = ["connect", "authenticate", "topic", "write", "read", "remove"]
FETCH, FIND_COORDINATOR, INIT_PRODUCER_ID = 1, 10, 22


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


def tried(url: str, **settings: Any) -> list[Step]:
    exporter = KafkaExporter(Destination(url, **{"timeout_seconds": 30, **settings}))
    try:
        return list(exporter.probe(NOW))
    finally:
        exporter.close()


def test_a_good_one_gives_the_canary_back_from_where_its_delivery_report_says(broker: str) -> None:
    url = f"kafka://{broker}/good?partitions=2"
    exporter = KafkaExporter(Destination(url, bootstrap=True, timeout_seconds=30))
    exporter.export([stored(1)])
    exporter.close()

    steps = tried(url)

    assert [step.name for step in steps] == STEPS
    assert [step.fix for step in steps] == [""] * 6
    assert steps[2].detail == "good, of 2 partitions"
    marked = [message for message in read_topic(broker, "good") if dict(message.headers() or ()).get("bitacora.doctor")]
    (canary,) = marked
    assert steps[4].detail == f"it is at partition {canary.partition()}, offset {canary.offset()}, as it was written"
    assert steps[3].detail.startswith(f"a canary, {dict(canary.headers() or ())['log.record.uid'].decode()}")


def test_a_broker_that_hides_aborted_records_from_nobody_is_told_of_with_what_stays(cluster: MockCluster) -> None:
    *_, last = tried(f"kafka://{cluster.address}/logs")

    assert last.is_good
    assert "which this broker hides from nobody: it stays at partition 0, offset 0" in last.detail
    assert "level TRACE, logger otel_bitacora.doctor, header bitacora.doctor" in last.detail


def test_a_missing_topic_is_not_made_and_both_commands_that_make_it_are_told(cluster: MockCluster) -> None:
    steps = tried(f"kafka://{cluster.address}/absent?partitions=6&replicas=3")

    assert [step.name for step in steps] == ["connect", "authenticate", "topic"]
    assert steps[-1].detail == "there is no topic 'absent'"
    assert steps[-1].fix == (
        f"ship once with --bootstrap, or: kafka-topics.sh --bootstrap-server {cluster.address} --create --topic absent "
        "--partitions 6 --replication-factor 3"
    )
    assert tried(f"kafka://{cluster.address}/absent")[-1].detail == "there is no topic 'absent'"


def test_a_topic_that_is_to_be_made_is_made(broker: str) -> None:
    steps = tried(f"kafka://{broker}/made?bootstrap=true")

    assert [step.name for step in steps if step.is_good] == STEPS


def test_a_topic_that_we_may_not_see_comes_with_the_command_that_lets_us(cluster: MockCluster) -> None:
    cluster.fail_topic("secret", KafkaError.TOPIC_AUTHORIZATION_FAILED)

    *_, last = tried(f"kafka://{cluster.address}/secret")

    assert last.name == "topic"
    assert last.fix == (
        f"kafka-acls.sh --bootstrap-server {cluster.address} --add --allow-principal User:ANONYMOUS --operation Describe "
        "--operation Write --topic secret"
    )


def test_who_may_not_write_gets_the_command_that_lets_him(cluster: MockCluster) -> None:
    cluster.fail(KafkaError.TOPIC_AUTHORIZATION_FAILED)

    *_, last = tried(f"kafka://{cluster.address}/logs")

    assert last.name == "write"
    assert "--operation Write --operation Describe --topic logs" in last.fix


def test_who_may_not_read_is_told_that_doctor_alone_does_and_the_canary_is_aborted_all_the_same(
    cluster: MockCluster,
) -> None:
    cluster.fail(*[KafkaError.TOPIC_AUTHORIZATION_FAILED] * 2, api=FETCH)

    steps = tried(f"kafka://{cluster.address}/logs")

    assert [step.name for step in steps] == STEPS
    assert steps[4].fix.endswith("--operation Read --topic logs (for doctor alone: shipping reads nothing)")
    assert steps[5].detail.startswith("its transaction is aborted")


def test_where_we_have_no_transaction_the_canary_is_written_as_any_record_and_what_stays_is_told(
    cluster: MockCluster,
) -> None:
    cluster.fail(KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, api=INIT_PRODUCER_ID)

    steps = tried(f"kafka://{cluster.address}/logs", timeout_seconds=3)  # the cluster doesn't say what its topics are

    assert [step.name for step in steps] == STEPS
    assert [step.fix for step in steps] == [""] * 6
    assert steps[-1].detail.startswith("Kafka removes no single record, and ")
    assert "it stays at partition 0, offset 0" in steps[-1].detail
    (canary,) = read_topic(cluster.address, "logs")
    assert dict(canary.headers() or ())["bitacora.doctor"] == b"canary"


def test_a_compacted_topic_is_told_to_forget_the_canary(cluster: MockCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    from otel_bitacora.reporter.production.exporters.kafka_canary import Canary

    monkeypatch.setattr(Canary, "_is_compacted", lambda _: True)
    cluster.fail(KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, api=INIT_PRODUCER_ID)

    *_, last = tried(f"kafka://{cluster.address}/logs")

    canary, tombstone = read_topic(cluster.address, "logs")
    assert last.detail.endswith("a tombstone at partition 0, offset 1 has the compacted topic forget it")
    assert (tombstone.key(), tombstone.value()) == (canary.key(), None)


def test_records_are_shipped_after_it_as_before(cluster: MockCluster) -> None:
    exporter = KafkaExporter(Destination(f"kafka://{cluster.address}/logs", timeout_seconds=30))
    exporter.export([stored(1)])

    steps = list(exporter.probe(NOW))
    after = exporter.export([stored(2)])
    exporter.close()

    assert all(step.is_good for step in steps)
    assert after == [Accepted()]


def test_one_that_is_not_there_is_unreachable_and_a_missing_password_file_is_not(tmp_path: Path) -> None:
    where = f"127.0.0.1:{free_port()}"

    (absent,) = tried(f"kafka://{where}/logs")
    (unread,) = tried(f"kafka://ana@{where}/logs?password_file={tmp_path}/none")

    assert "refused" in absent.detail
    assert absent.is_unreachable
    assert absent.fix == f"start the brokers ({where}), or correct host and port in the URL"
    assert unread.fix == "correct the URL, or the file that it names"
    assert not unread.is_unreachable


@pytest.mark.parametrize(
    ("url", "code", "said", "fix"),
    [
        (
            "kafka://ana:hunter2@h",
            KafkaError._AUTHENTICATION,
            "SASL authentication error",
            "password of 'ana' in the URL",
        ),
        ("kafka://ana@h?password_file=/run/p", KafkaError.SASL_AUTHENTICATION_FAILED, "no", "'ana' in /run/p"),
        (
            "kafka://ana:x@h",
            KafkaError.UNSUPPORTED_SASL_MECHANISM,
            "supported mechanisms: SCRAM-SHA-256 (after",
            "=SCRAM-SHA-256",
        ),
        (
            "kafka://ana:x@h",
            KafkaError._AUTHENTICATION,
            "mechanism: supported mechanisms:  (after 0ms)",
            "take the user out",
        ),
        ("kafka://h", KafkaError._TRANSPORT, "Disconnected while requesting ApiVersion", "kafka+tls:// if the broker"),
        ("kafka://h", KafkaError._TRANSPORT, "Disconnected while requesting ApiVersion", "name the user"),
        ("kafka://h", KafkaError._ALL_BROKERS_DOWN, "0/2 brokers are down", "if they ask who one is, name the user"),
        ("kafka+tls://h", KafkaError._SSL, "certificate verify failed", "certificate_file"),
        ("kafka+tls://h", KafkaError._SSL, "connecting to a PLAINTEXT broker listener?", "try kafka://"),
        ("kafka+tls://h", KafkaError._TRANSPORT, "Connection reset by peer", "try kafka://"),
    ],
)
def test_what_keeps_us_from_the_broker_is_told_apart(url: str, code: int, said: str, fix: str) -> None:
    found = connection_fix(topic_of(url), code, said)

    assert fix in found
    assert "hunter2" not in found
