"""Tries a topic of Kafka out as the exporter will use it, and says what to do where it fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException

from otel_bitacora.reporter.core.contract import DestinationError, StoredRecord

from .kafka_canary import Canary, Place
from .kafka_connection import SLICE_SECONDS, Connector, serve
from .kafka_errors import TOPIC_MISSING, UNAUTHORISED, WRONG_CREDENTIALS, worst_of
from .kafka_fixes import access_fix, connection_fix, leader_fix, topic_fix, write_fix
from .kafka_message import Message
from .kafka_url import Topic
from .probe import Step, canary

_HARMS_NOBODY = "level TRACE, logger otel_bitacora.doctor, header bitacora.doctor"


@dataclass(frozen=True, slots=True)
class Tried:
    """What is tried out. *shown* is its URL without what may be secret."""

    topic: Topic
    shown: str
    connector: Connector
    message: Callable[[StoredRecord], Message]
    timeout_seconds: float

    def said(self, error: Exception) -> str:
        if isinstance(error, KafkaException):
            return str(error.args[0].str())
        return str(error).removeprefix(f"{self.shown}: ")

    def code(self, error: Exception) -> int:
        """Return librdkafka's code of what is most to blame; 0 where it has none."""
        worst = error.args[0] if isinstance(error, KafkaException) else worst_of(self.connector.troubles)
        return worst.code() if isinstance(worst, KafkaError) else 0


def probe(tried: Tried, now_unix_nano: int) -> Iterator[Step]:
    """Yield what was tried, until something fails: connect, authenticate, topic, write, read, remove."""
    deadline = time.monotonic() + tried.timeout_seconds
    try:
        consumer = tried.connector.reader(committed=False)
    except DestinationError as error:
        yield Step("connect", tried.said(error), connection_fix(tried.topic, 0, tried.said(error)))
        return
    try:
        metadata = tried.connector.metadata(consumer, deadline)
        yield Step("connect", _brokers(metadata))
        yield Step("authenticate", _who(tried.topic))
        step = _topic(tried, consumer, metadata, deadline)
    except DestinationError as error:
        yield from _unreached(tried, error)
        return
    finally:
        consumer.close()
    yield step
    if step.is_good:
        yield from _write_and_read(tried, metadata, now_unix_nano)


def _brokers(metadata: Any) -> str:
    count = len(metadata.brokers)
    return f"{count} broker{'s' * (count != 1)} of cluster {metadata.cluster_id}"


def _who(topic: Topic) -> str:
    if topic.username:
        return f"as {topic.username}, by {topic.mechanism}"
    return "the URL names nobody, and nobody is asked for"


def _unreached(tried: Tried, error: DestinationError) -> Iterator[Step]:
    said, code = tried.said(error), tried.code(error)
    fix = connection_fix(tried.topic, code, said)
    if code in WRONG_CREDENTIALS:
        yield Step("connect", "answers")
        yield Step("authenticate", said, fix)
    else:
        yield Step("connect", said, fix, is_unreachable=not error.misconfigured)


def _topic(tried: Tried, consumer: Consumer, metadata: Any, deadline: float) -> Step:
    name = tried.topic.name
    is_wanted = name in metadata.topics
    if not is_wanted:
        try:
            is_wanted = tried.connector.make_topic(consumer, deadline)
        except DestinationError as error:
            fix = access_fix(tried.topic, "Create") if tried.code(error) in UNAUTHORISED else topic_fix(tried.topic)
            return Step("topic", tried.said(error), fix)
    found = tried.connector.metadata(consumer, deadline, name).topics[name]
    while is_wanted and _is_new(found) and time.monotonic() < deadline:
        serve(consumer, SLICE_SECONDS, tried.connector.troubles)
        found = tried.connector.metadata(consumer, deadline, name).topics[name]
    code = found.error.code() if found.error is not None else 0
    if code in TOPIC_MISSING:
        return Step("topic", f"there is no topic {name!r}", topic_fix(tried.topic))
    if code in UNAUTHORISED:
        return Step("topic", found.error.str(), access_fix(tried.topic, "Describe", "Write"))
    leaderless = [number for number, each in found.partitions.items() if each.leader < 0]
    if code or leaderless:
        said = found.error.str() if found.error is not None else f"no leader of partition {leaderless[0]}"
        return Step("topic", said, leader_fix(tried.topic))
    count = len(found.partitions)
    return Step("topic", f"{name}, of {count} partition{'s' * (count != 1)}")


def _is_new(found: Any) -> bool:
    """Return whether that may be because the topic was made just now."""
    return found.error is not None and found.error.code() in TOPIC_MISSING | {KafkaError.LEADER_NOT_AVAILABLE}


def _write_and_read(tried: Tried, metadata: Any, now_unix_nano: int) -> Iterator[Step]:
    record = canary(now_unix_nano)
    sent = Canary(tried.connector, tried.topic.name, tried.message(record), timeout_seconds=tried.timeout_seconds)
    try:
        try:
            place = sent.write()
        except (KafkaException, DestinationError) as error:
            yield _unwritten(tried, metadata, error)
            return
        yield Step("write", f"a canary, {record.uid}, which all replicas in sync have")
        yield _read(tried, sent, place)
        yield _removed(tried, sent, place)
    finally:
        sent.close()


def _unwritten(tried: Tried, metadata: Any, error: Exception) -> Step:
    brokers = [f"{each.host}:{each.port}" for each in metadata.brokers.values()]
    topic = metadata.topics.get(tried.topic.name)
    is_short = topic is not None and any(len(each.isrs) < len(each.replicas) for each in topic.partitions.values())
    said = tried.said(error)
    return Step("write", said, write_fix(tried.topic, tried.code(error), said, brokers, is_short=is_short))


def _read(tried: Tried, sent: Canary, place: Place) -> Step:
    try:
        found = sent.read(place, committed=False)
    except (KafkaException, DestinationError) as error:
        return Step(
            "read", tried.said(error), f"{access_fix(tried.topic, 'Read')} (for doctor alone: shipping reads nothing)"
        )
    if found == sent.value:
        return Step("read", f"it is at {place}, as it was written")
    return Step(
        "read", f"something else is at {place}", "something between here and the broker changes records: take it out"
    )


def _removed(tried: Tried, sent: Canary, place: Place) -> Step:
    """Return what is left of it: nothing that one would see, if it can be helped."""
    try:
        if sent.abort():
            return _aborted(tried, sent, place)
        tombstone = sent.bury()
    except (KafkaException, DestinationError) as error:
        return Step("remove", f"Kafka removes no single record, and {tried.said(error)}: {_stays(place)}")
    why = f"Kafka removes no single record, and has no transaction for us ({sent.why_alone})"
    if tombstone is not None:
        return Step("remove", f"{why}: a tombstone at {tombstone} has the compacted topic forget it")
    return Step("remove", f"{why}: {_stays(place)}")


def _aborted(tried: Tried, sent: Canary, place: Place) -> Step:
    try:
        is_hidden = sent.read(place, committed=True) is None
    except (KafkaException, DestinationError) as error:
        return Step(
            "remove", f"its transaction is aborted; whether it is still seen can't be known: {tried.said(error)}"
        )
    if is_hidden:
        return Step(
            "remove",
            "its transaction is aborted: who reads committed records alone doesn't see it; others, for as long as the topic "
            f"keeps it at {place}, see one of {_HARMS_NOBODY}: Kafka removes no single record",
        )
    return Step("remove", f"its transaction is aborted, which this broker hides from nobody: {_stays(place)}")


def _stays(place: Place) -> str:
    return f"it stays at {place} for as long as the topic keeps it, of {_HARMS_NOBODY}, and harms nobody"
