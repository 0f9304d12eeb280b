"""A canary in a topic: written in a transaction, read back from where its delivery report says, and aborted.

Kafka can't remove one record. What is aborted is never seen by who reads committed records alone; where there are no
transactions for us, it is written as any record is, and a compacted topic is told to forget it (docs/adr/0022).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka import Message as Found
from confluent_kafka.admin import ConfigResource  # type: ignore[attr-defined]  # it is in its `__init__`, not in `__all__`

from .kafka_connection import SLICE_SECONDS, Connector, discard, reports_left
from .kafka_errors import END_OF_PARTITION, TIMED_OUT, is_hopeless, worst_of
from .kafka_message import Message

TRANSACTIONAL_ID = "otel-bitacora-doctor"
MARK = ("bitacora.doctor", b"canary")
"""The header that tells a canary from records, for who reads what was aborted."""


@dataclass(frozen=True, slots=True)
class Place:
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"partition {self.partition}, offset {self.offset}"


class Canary:
    """One message in one topic. *why_alone* says why there is no transaction around it; empty where there is one."""

    def __init__(self, connector: Connector, topic: str, message: Message, *, timeout_seconds: float) -> None:
        """Does nothing yet."""
        self._connector = connector
        self._topic = topic
        self._key, self.value, headers = message
        self._headers = [*headers, MARK]
        self._timeout_seconds = timeout_seconds
        self._producer: Producer | None = None
        self.why_alone = ""

    def write(self) -> Place:
        """Write it, in a transaction if that can be had, and return where it is.

        Raises:
            KafkaException: it was refused, or there was no report in time.
            DestinationError: there is no producer to be had.
        """
        self._producer = self._begun() or self._connector.connected(self._deadline(), batch_bytes=0)
        return self._written(self._producer, self.value)

    def read(self, place: Place, *, committed: bool) -> bytes | None:
        """Return what is at *place*; None if there is nothing for who reads like that.

        Raises:
            KafkaException: it can't be read.
            DestinationError: there is no consumer to be had.
        """
        with self._reading(place, committed=committed) as consumer:
            found = self._polled(consumer)
        return found.value() if found is not None and found.offset() == place.offset else None

    def abort(self) -> bool:
        """Return whether a transaction around it was aborted.

        Raises:
            KafkaException: the broker doesn't say that it was.
        """
        if self._producer is None or self.why_alone:
            return False
        self._producer.abort_transaction(self._timeout_seconds)
        return True

    def bury(self) -> Place | None:
        """Return where the tombstone is that has a compacted topic forget the canary; None where the topic isn't compacted.

        Raises:
            KafkaException: it can't be written, or what the topic is can't be known.
        """
        if self._producer is None or not self._is_compacted():
            return None
        return self._written(self._producer, None)

    def close(self) -> None:
        """Let go of the connections; a transaction that is open is aborted by the broker, when its time is over."""
        if self._producer is not None:
            discard(self._producer)
            self._producer = None

    def _begun(self) -> Producer | None:
        producer = self._connector.transactional(TRANSACTIONAL_ID)
        try:
            producer.init_transactions(self._timeout_seconds)
            producer.begin_transaction()
        except KafkaException as error:
            self.why_alone = str(error.args[0].str())
            discard(producer)
            return None
        return producer

    def _written(self, producer: Producer, value: bytes | None) -> Place:
        told: list[tuple[KafkaError | None, Found]] = []
        troubles = self._connector.troubles
        troubles.clear()
        producer.produce(
            self._topic,
            value,
            self._key,
            headers=self._headers,
            on_delivery=lambda error, message: told.append((error, message)),
        )
        deadline = self._deadline()
        while reports_left(producer, SLICE_SECONDS, troubles):
            if time.monotonic() >= deadline or is_hopeless(troubles):
                discard(producer)
                break
        if not told or told[0][0] is not None:
            raise KafkaException(worst_of(troubles) or (told[0][0] if told else KafkaError(TIMED_OUT)))
        message = told[0][1]
        partition, offset = message.partition(), message.offset()
        if partition is None or offset is None:
            raise KafkaException(KafkaError(TIMED_OUT))
        return Place(partition, offset)

    @contextmanager
    def _reading(self, place: Place, *, committed: bool) -> Iterator[Consumer]:
        consumer = self._connector.reader(committed=committed)
        try:
            consumer.assign([TopicPartition(self._topic, place.partition, place.offset)])
            yield consumer
        finally:
            consumer.close()

    def _polled(self, consumer: Consumer) -> Found | None:
        """Return the first record; None where the partition ends before one."""
        deadline = self._deadline()
        while time.monotonic() < deadline:
            found = consumer.poll(SLICE_SECONDS)
            error = None if found is None else found.error()
            if error is not None and error.code() == END_OF_PARTITION:
                return None
            if error is not None:
                raise KafkaException(error)
            if found is not None:
                return found
            if is_hopeless(self._connector.troubles):
                break
        raise KafkaException(worst_of(self._connector.troubles) or KafkaError(TIMED_OUT))

    def _is_compacted(self) -> bool:
        resource = ConfigResource(ConfigResource.Type.TOPIC, self._topic)
        admin = self._connector.admin()
        try:
            described = admin.describe_configs([resource])[resource].result(self._timeout_seconds)
        except TimeoutError as error:
            raise KafkaException(KafkaError(TIMED_OUT)) from error
        return "compact" in str(described["cleanup.policy"].value)

    def _deadline(self) -> float:
        return time.monotonic() + self._timeout_seconds
