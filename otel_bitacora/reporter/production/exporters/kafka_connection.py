"""A producer that has reached its brokers and found its topic, or made it; and how it is told to write."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from otel_bitacora.errors import DestinationError

from .destination import Destination
from .kafka_errors import ALL_BROKERS_DOWN, MISCONFIGURED, TOPIC_MISSING, destination_error, is_hopeless, worst_of
from .kafka_url import Topic
from .peer import check_address

SLICE_SECONDS = 0.5
"""How long librdkafka is waited for before it is asked again how it fares."""
_TOPIC_SECONDS = 2.0  # as long as a broker takes that makes topics by itself
_SILENT = logging.Logger("librdkafka", logging.CRITICAL + 1)  # noqa: LOG001 - nobody's: all comes as errors, too
_LARGEST_MESSAGE = 64 << 20  # how large one may be the broker says, of what zstd leaves of it

Client = Producer | Consumer
_Made = TypeVar("_Made", Producer, Consumer)


class Connector:
    """Makes producers for one topic, one after the other."""

    def __init__(self, destination: Destination, topic: Topic) -> None:
        """Connects to nothing yet."""
        self.troubles: list[KafkaError] = []
        """What librdkafka has told of the newest producer's connections."""
        self._shown = destination.shown
        self._topic = topic
        self._bootstrap = topic.bootstrap or destination.bootstrap
        self._timeout_seconds = destination.timeout_seconds
        self._tls = _tls(destination) if topic.is_tls else {}

    def connected(self, deadline: float, *, batch_bytes: int) -> Producer:
        """Return a producer that has reached its brokers, and found its topic, until *deadline* on the monotonic clock.

        It sends batches of *batch_bytes* at most; 0: each message by itself.

        Raises:
            DestinationError: it can't be had.
        """
        self._check_addresses()
        self.troubles.clear()
        producer = self._made(Producer, self._writing(batch_bytes))
        try:
            self.make_topic(producer, deadline)
            self._find_topic(producer, deadline)
        except BaseException:
            discard(producer)
            raise
        return producer

    def reader(self, *, committed: bool) -> Consumer:
        """Return a consumer of no group, which reads what it is assigned and makes no topic.

        *committed* is whether it passes over records of transactions that were aborted, or aren't over.

        Raises:
            DestinationError: a setting can't be used.
        """
        self._check_addresses()
        self.troubles.clear()
        reading = {
            "error_cb": self.troubles.append,
            "group.id": "otel-bitacora",  # it must have one, and never joins it
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "isolation.level": "read_committed" if committed else "read_uncommitted",
            "enable.partition.eof": True,
        }
        return self._made(Consumer, reading)

    def transactional(self, transactional_id: str) -> Producer:
        """Return a producer for transactions, which the broker aborts by itself if nobody ends them.

        Raises:
            DestinationError: a setting can't be used.
        """
        self.troubles.clear()
        timeout_ms = max(1000, round(self._timeout_seconds * 1000))
        writing = self._writing(0) | {
            "transactional.id": transactional_id,
            "message.timeout.ms": timeout_ms,
            "transaction.timeout.ms": 3 * timeout_ms,  # written, read back, aborted
        }
        return self._made(Producer, writing)

    def admin(self) -> AdminClient:
        """Return what asks about topics, and makes them."""
        return AdminClient(self._connection())

    def make_topic(self, client: Client, deadline: float) -> bool:
        """Make the topic if it isn't there and the settings want it to be made; return whether they do.

        Raises:
            DestinationError: it can't be had.
        """
        if self._bootstrap:
            self._make_topic(client, deadline)
        return self._bootstrap

    def _made(self, kind: Callable[[dict[str, Any]], _Made], settings: dict[str, Any]) -> _Made:
        try:
            return kind({**self._connection(), **settings})
        except KafkaException as error:
            raise self.error(error.args[0]) from error

    def _check_addresses(self) -> None:
        for host, port in self._topic.brokers:
            check_address(host, port)

    def error(self, error: KafkaError, doing: str = "") -> DestinationError:
        return destination_error(self._shown, self._topic.name, error, doing)

    def _find_topic(self, producer: Producer, deadline: float) -> None:
        give_up = min(deadline, time.monotonic() + _TOPIC_SECONDS)
        while True:
            error = self.metadata(producer, deadline, self._topic.name).topics[self._topic.name].error
            if error is None:
                return
            is_missing = error.code() in TOPIC_MISSING
            if (
                time.monotonic() >= (give_up if is_missing else deadline)
                or error.code() in MISCONFIGURED - TOPIC_MISSING
            ):
                raise self.error(error)
            serve(producer, 0.1, self.troubles)

    def _make_topic(self, client: Client, deadline: float) -> None:
        topic = self._topic
        if topic.name in self.metadata(client, deadline).topics:
            return
        wanted = NewTopic(topic.name, num_partitions=topic.partitions, replication_factor=topic.replicas)
        doing = f"topic {topic.name!r} can't be made: "
        admin = self.admin()
        try:
            made = admin.create_topics([wanted], operation_timeout=self._timeout_seconds)
            made[topic.name].result(self._timeout_seconds)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise self.error(error.args[0], doing) from error
        except TimeoutError as error:
            raise DestinationError(f"{self._shown}: {doing}no answer in time") from error

    def metadata(self, client: Client, deadline: float, topic: str | None = None) -> Any:
        """Return what the brokers say of *topic*, or of all; a producer that asks for one may have it made.

        Raises:
            DestinationError: they can't be asked until *deadline* on the monotonic clock.
        """
        while True:
            try:
                return client.list_topics(topic, timeout=SLICE_SECONDS)
            except KafkaException as error:
                serve(client, 0, self.troubles)
                is_nobody_there = any(trouble.code() == ALL_BROKERS_DOWN for trouble in self.troubles)
                if is_hopeless(self.troubles) or is_nobody_there or time.monotonic() >= deadline:
                    raise self.error(worst_of(self.troubles) or error.args[0]) from error

    def _connection(self) -> dict[str, Any]:
        topic, timeout_ms = self._topic, max(1000, round(self._timeout_seconds * 1000))
        return {
            "bootstrap.servers": topic.servers,
            "client.id": "otel-bitacora",
            "security.protocol": f"{'SASL_' if topic.username else ''}{'SSL' if topic.is_tls else 'PLAINTEXT'}",
            **self._tls,
            **(_credentials(topic) if topic.username else {}),
            "socket.timeout.ms": min(timeout_ms, 60_000),
            "socket.connection.setup.timeout.ms": min(timeout_ms, 30_000),
            "reconnect.backoff.max.ms": 1000,
            "logger": _SILENT,
        }

    def _writing(self, batch_bytes: int) -> dict[str, Any]:
        return {
            "error_cb": self.troubles.append,
            "enable.idempotence": True,
            "enable.gapless.guarantee": True,
            "acks": "all",
            "compression.type": self._topic.compression,
            "partitioner": "murmur2_random",  # Java's: a session lies where other producers put it
            "message.max.bytes": _LARGEST_MESSAGE,
            **({"batch.size": batch_bytes} if batch_bytes else {"batch.num.messages": 1}),
            "message.timeout.ms": 0,  # the exporter's own bound ends all of a batch, where this one would leave gaps
        }


def serve(producer: Client, seconds: float, troubles: list[KafkaError]) -> None:
    """Hear what there is, reports included; wait so long for something if there is nothing."""
    try:
        producer.poll(seconds)
    except (KafkaException, SystemError) as error:  # raised in place of a call of error_cb
        troubles.append(_trouble_of(error))


def reports_left(producer: Producer, seconds: float, troubles: list[KafkaError]) -> int:
    """Return how many messages have no report after so long; what ended the producer goes to *troubles*.

    Not by `flush`: after a fatal error that goes on calling back, with the exception set.
    """
    until = time.monotonic() + seconds
    while (left := len(producer)) and (wait := until - time.monotonic()) > 0:
        serve(producer, wait, troubles)
    return left


def _trouble_of(error: BaseException) -> KafkaError:
    """Return what the library raised, also where it called its logger with that pending, of which Python complains."""
    while not isinstance(error, KafkaException):
        if error.__cause__ is None:
            raise error
        error = error.__cause__
    trouble: KafkaError = error.args[0]
    return trouble


def discard(producer: Producer) -> None:
    """Have *producer* send nothing any more, and report what it hasn't; its threads end with it."""
    producer.purge()
    reports_left(producer, SLICE_SECONDS, [])


def _tls(destination: Destination) -> dict[str, str]:
    files = {
        "ssl.ca.location": destination.certificate_file,
        "ssl.certificate.location": destination.client_certificate_file,
        "ssl.key.location": destination.client_key_file or destination.client_certificate_file,
    }
    return {key: str(path) for key, path in files.items() if path is not None}


def _credentials(topic: Topic) -> dict[str, str]:
    password = topic.password
    if topic.password_file is not None:
        try:
            password = topic.password_file.read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            raise DestinationError(f"password_file={topic.password_file}: {error}", misconfigured=True) from error
    return {"sasl.mechanism": topic.mechanism, "sasl.username": topic.username, "sasl.password": password}
