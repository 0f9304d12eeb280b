"""A real broker, killed and started again, gets every record at least once and each key's in order."""

from __future__ import annotations

import random
import subprocess
from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
import trustme
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import OFFSET_BEGINNING, NewTopic
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from otel_bitacora.errors import DestinationError
from otel_bitacora.reporter.core.contract import Accepted
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.production.exporters import Destination, exporter_for
from otel_bitacora.reporter.production.shipper.dead_letters import DeadLetters
from otel_bitacora.reporter.production.shipper.registry import folder_of

from ..reporter.compliance import stored  # noqa: TID252  # tests are no package
from . import shipping

pytestmark = pytest.mark.servers
StartServer = Callable[..., str]
NO_TOPICS_BY_THEMSELVES = "auto.create.topics.enable=false"


def kill(data: Path) -> None:
    subprocess.run([Path(__file__).with_name("kafka.sh"), "kill", data], check=True, timeout=60)


def read(address: str, topic: str, **settings: str) -> list[Message]:
    """Return all messages of *topic*, partition by partition, each in its order."""
    consumer = Consumer(
        {"bootstrap.servers": address, "group.id": "test", "enable.partition.eof": True, "log_level": 0, **settings}
    )
    try:
        found: list[Message] = []
        for partition in consumer.list_topics(topic, timeout=60).topics[topic].partitions:
            consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING)])
            while (message := consumer.poll(60)) is not None:
                if (error := message.error()) is not None:
                    assert error.code() == KafkaError._PARTITION_EOF, error
                    break
                found.append(message)
        return found
    finally:
        consumer.close()


def uid_of(message: Message) -> str:
    return str(dict(message.headers() or ())["log.record.uid"], "ascii")


def entry_in(message: Message) -> LogEntry:
    ((logs,),) = [ExportLogsServiceRequest.FromString(message.value() or b"").resource_logs]
    return LogEntry.from_otlp(logs.scope_logs[0].SerializeToString())


def test_each_record_arrives_and_each_key_in_order_though_broker_and_shipper_are_killed(
    start_server: StartServer, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    shipping.generate(journal, "--developers", "2", "--rate", "0.2", "--incident", "flaky-test", "--pathological")
    address = start_server("kafka")

    shipping.ship_through_crashes(
        journal,
        f"kafka://{address}/otlp_logs?partitions=3",
        kill=lambda: kill(tmp_path / "kafka"),
        start=lambda: start_server("kafka"),
    )
    shipping.log(journal, "afterwards")
    again = shipping.ship(journal, f"kafka://{address}/otlp_logs")

    messages = read(address, "otlp_logs")
    records = shipping.records_in(journal)
    first: dict[str, Message] = {}
    for message in messages:
        first.setdefault(uid_of(message), message)
    assert again.returncode == 0, again.stderr
    assert len(records) > 5000
    assert set(first) == set(records)
    assert len({message.partition() for message in first.values()}) > 1
    for uid, message in first.items():
        assert entry_in(message).to_dict() == records[uid].replace(resource={}).to_dict()  # a NaN isn't one
    by_key: dict[tuple[bytes, str], list[str]] = defaultdict(list)
    for uid, message in first.items():
        by_key[message.key() or b"", uid[:32]].append(uid)
    assert all(before < after for uids in by_key.values() for before, after in pairwise(uids))
    duplicates = len(messages) - len(first)
    assert duplicates <= 4 * 250  # the batches that were under way
    ledger = shipping.ledger_of(journal)
    assert ledger.is_balanced
    assert (ledger.counts.delivered, ledger.counts.dead_lettered) == (len(records), 0)


def test_a_message_that_the_topic_does_not_take_is_a_dead_letter_and_the_others_arrive_in_order(
    start_server: StartServer, tmp_path: Path
) -> None:
    journal, noise = tmp_path / "journal", random.Random(1)
    shipping.generate(journal, "--developers", "1", "--rate", "0.05")
    shipping.log(journal, noise.randbytes(60_000).hex())
    address = start_server("kafka")
    topic = NewTopic("small", num_partitions=1, replication_factor=1, config={"max.message.bytes": "20000"})
    admin = AdminClient({"bootstrap.servers": address})
    admin.create_topics([topic])["small"].result(60)

    shipped = shipping.ship(journal, f"kafka://{address}/small")

    records = shipping.records_in(journal)
    (letter,) = DeadLetters(folder_of(journal, "store"), wall_ns=lambda: 0)
    uids = [uid_of(message) for message in read(address, "small")]
    assert shipped.returncode == 0, shipped.stderr
    assert "too large" in letter.reason
    assert set(uids) == set(records) - {letter.record.uid}
    seen = shipping.first_seen([uid for uid in uids if uid[:32] != letter.record.uid[:32]])
    assert seen == sorted(seen)


def test_a_missing_topic_keeps_everything_pending_until_it_is_made(start_server: StartServer, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    shipping.generate(journal, "--developers", "1", "--rate", "0.05")
    address = start_server("kafka", KAFKA_EXTRA=NO_TOPICS_BY_THEMSELVES)

    without = shipping.ship(journal, f"kafka://{address}/absent", "--patience", "3")
    before = shipping.ledger_of(journal)
    made = shipping.ship(journal, f"kafka://{address}/absent", "--bootstrap")

    count = len(shipping.records_in(journal))
    assert without.returncode == 1
    assert "there is no topic 'absent': make it, or say --bootstrap" in without.stderr
    assert (before.pending, before.dead_letters, before.state) == (count, 0, "misconfigured")
    assert made.returncode == 0, made.stderr
    assert len(read(address, "absent")) == count


def _as_java_reads_it(certificate: trustme.LeafCert) -> bytes:
    """Return the key, in PKCS #8 as no other form will do, and its certificate."""
    key = load_pem_private_key(certificate.private_key_pem.bytes(), None)
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return text + b"".join(pem.bytes() for pem in certificate.cert_chain_pems)


def test_a_certificate_that_nobody_trusts_is_a_wrong_setting(start_server: StartServer, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    (tmp_path / "server.pem").write_bytes(_as_java_reads_it(authority.issue_cert("127.0.0.1")))
    address = start_server("kafka", KAFKA_PEM=str(tmp_path / "server.pem"), KAFKA_USER="ana:right")
    url = f"kafka+tls://ana:right@{address}/secured?bootstrap=true"

    with pytest.raises(DestinationError, match="certificate verify failed") as raised:
        exporter_for(url).export([stored(1)])
    trusting = Destination(url, certificate_file=tmp_path / "ca.pem", timeout_seconds=60)
    outcomes = exporter_for(url, trusting).export([stored(1)])

    assert raised.value.misconfigured
    assert outcomes == [Accepted()]
