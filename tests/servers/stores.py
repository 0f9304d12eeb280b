"""Elasticsearch, Kafka and MongoDB as tests see them behind the exporters' backs: each can be killed and started again."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2 as httpx
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition
from confluent_kafka.cimpl import OFFSET_BEGINNING
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from pymongo import MongoClient

from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.production.exporters.elasticsearch_document import entry_of as entry_of_hit
from otel_bitacora.reporter.production.exporters.mongodb_document import entry_of

_PAGE = 5000


@dataclass(frozen=True, slots=True)
class Copy:
    """A record as a store has it."""

    uid: str
    entry: LogEntry
    key: bytes = b""
    """Of Kafka's message."""


class RealServer:
    """What `start(script)` starts; it keeps port and data from one start to the next."""

    script = ""

    def __init__(self, start: Callable[..., str], parent: Path, **environment: str) -> None:
        """Starts it, with its data in *parent*, where *start* puts them."""
        self._start, self.data, self._environment = start, parent / self.script, environment
        self.url = ""
        self.start()

    def start(self) -> None:
        url = self._start(self.script, **self._environment)
        assert self.url in ("", url)
        self.url = url

    def kill(self) -> None:
        script = Path(__file__).with_name(f"{self.script}.sh")
        subprocess.run([script, "kill", self.data], check=True, timeout=60)


class ElasticsearchServer(RealServer):
    script = "elasticsearch"

    def ask(self, method: str, path: str, body: object = None) -> Any:
        answer = httpx.request(method, self.url + path, json=body, timeout=60)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def copies(self, pattern: str) -> list[Copy]:
        """Return all that the indices of *pattern* hold."""
        return [Copy(hit["_id"], entry_of_hit(hit["_id"], hit["_source"])) for hit in self._hits(pattern, source=True)]

    def uids(self, pattern: str) -> Counter[str]:
        """Return how often each `_id` is there."""
        return Counter(hit["_id"] for hit in self._hits(pattern, source=False))

    def _hits(self, pattern: str, *, source: bool) -> Iterator[Any]:
        self.ask("POST", f"/{pattern}/_refresh")
        snapshot = self.ask("POST", f"/{pattern}/_pit?keep_alive=1m")["id"]
        body = {"size": _PAGE, "_source": source, "pit": {"id": snapshot}, "sort": ["_shard_doc"]}
        while hits := self.ask("POST", "/_search", body)["hits"]["hits"]:
            yield from hits
            body["search_after"] = hits[-1]["sort"]


class KafkaBroker(RealServer):
    script = "kafka"

    def copies(self, topic: str) -> list[Copy]:
        """Return all messages of *topic*, partition by partition, each in its order."""
        return [_copy(message) for message in self._messages(topic)]

    def _messages(self, topic: str) -> Iterator[Message]:
        consumer = Consumer(
            {"bootstrap.servers": self.url, "group.id": "test", "enable.partition.eof": True, "log_level": 0}
        )
        try:
            for partition in consumer.list_topics(topic, timeout=60).topics[topic].partitions:
                consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING)])
                while (message := consumer.poll(60)) is not None:
                    if (error := message.error()) is not None:
                        assert error.code() == KafkaError._PARTITION_EOF, error
                        break
                    yield message
        finally:
            consumer.close()


def _copy(message: Message) -> Copy:
    ((logs,),) = [ExportLogsServiceRequest.FromString(message.value() or b"").resource_logs]
    entry = LogEntry.from_otlp(logs.scope_logs[0].SerializeToString())
    return Copy(str(dict(message.headers() or ())["log.record.uid"], "ascii"), entry, message.key() or b"")


class MongoDbServer(RealServer):
    script = "secantusdb"

    def copies(self, database: str) -> list[Copy]:
        """Return all that the collection `logs` of *database* holds."""
        with MongoClient[dict[str, Any]](self.url) as client:
            return [Copy(found["_id"], entry_of(found)) for found in client[database].logs.find()]
