"""Records as messages of Kafka, by librdkafka, which the extra `kafka` brings: what its delivery reports say is what came of them.

The promise of order: what a producer has written to a partition is a beginning of what it was given for it. One that fails
at a message writes nothing behind it (gapless), and is given up for a new one, which begins at the first message that isn't
acknowledged. So the first occurrences of uids are in order, whatever comes twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from confluent_kafka import KafkaError, KafkaException, Producer

from otel_bitacora.errors import ReporterSettingsError
from otel_bitacora.reporter.core.contract import Accepted, DestinationError, Outcome, Rejected, Retry, StoredRecord

from .destination import Destination, name_for
from .kafka_connection import SLICE_SECONDS, Connector, discard, reports_left, serve
from .kafka_errors import POISON, PURGED, TIMED_OUT, is_hopeless, worst_of
from .kafka_message import Message, MessageWriter
from .kafka_probe import Tried, probe
from .kafka_url import topic_of
from .probe import Step

_ACCEPTED = Accepted()
_BATCH_BYTES, _LEAST_BATCH_BYTES = 1_000_000, 16 << 10
_ALONE = 0
_Report: TypeAlias = KafkaError | None
_UNREPORTED: Any = object()


class KafkaExporter:
    """Writes to one topic, with one producer that is kept for as long as nothing fails. For one thread at a time."""

    ordered = True

    def __init__(self, destination: Destination) -> None:
        """Connects to nothing yet.

        Raises:
            ReporterSettingsError: the URL names no topic, or there are headers, which each message has its own of.
        """
        self.name = destination.name or name_for(destination.url)
        self._shown = destination.shown
        if destination.headers:
            raise ReporterSettingsError(f"{self._shown}: headers are for HTTP; say the user in the URL")
        topic = topic_of(destination.url)
        if destination.compression != "none":
            topic = replace(topic, compression=destination.compression)
        self._topic = topic.name
        self._where = topic
        self._timeout_seconds = destination.timeout_seconds
        self._writer = MessageWriter(topic.encoding)
        self._connector = Connector(destination, topic)
        self._batch_bytes = _BATCH_BYTES
        self._producer: Producer | None = None

    def export(self, batch: Sequence[StoredRecord]) -> list[Outcome]:
        """Write *batch* and wait for its delivery reports.

        Raises:
            BatchRejected: a record isn't OTLP.
            DestinationError: none of its records is known to have arrived, or a setting must be mended first.
        """
        messages = [self._writer.message(record) for record in batch]
        outcomes: list[Outcome | None] = [None] * len(batch)
        todo = list(range(len(batch)))
        while todo:
            try:
                reports = self._deliver([messages[index] for index in todo])
                for index, report in zip(todo, reports, strict=True):
                    if report is None:
                        outcomes[index] = _ACCEPTED
                self._judge({index: report for index, report in zip(todo, reports, strict=True) if report}, outcomes)
            except DestinationError as error:
                self.close()
                if error.misconfigured or not any(outcomes):
                    raise
                return [outcome or Retry(reason=str(error)) for outcome in outcomes]
            todo = [index for index in todo if outcomes[index] is None]
        return [outcome or _ACCEPTED for outcome in outcomes]

    def probe(self, now_unix_nano: int) -> Iterator[Step]:
        """Yield what comes of trying it out with a canary, until something fails."""
        tried = Tried(self._where, self._shown, self._connector, self._writer.message, self._timeout_seconds)
        return probe(tried, now_unix_nano)

    def close(self) -> None:
        """Let go of the connections."""
        if self._producer is not None:
            discard(self._producer)
            self._producer = None

    def _judge(self, failed: dict[int, KafkaError], outcomes: list[Outcome | None]) -> None:
        """Note which messages are refused for good, so that the others can be sent again at once.

        Raises:
            DestinationError: that isn't why they failed.
        """
        if not failed:
            return
        self.close()
        culprits = [index for index, error in failed.items() if error.code() in POISON]
        if not culprits:
            raise self._connector.error(next(iter(failed.values())))
        if len(culprits) > 1 and self._batch_bytes != _ALONE:
            # A broker refuses all that came in one batch, and doesn't say which it was.
            self._batch_bytes = self._batch_bytes // 2 if self._batch_bytes > _LEAST_BATCH_BYTES else _ALONE
            return
        self._batch_bytes = _BATCH_BYTES
        for index in culprits:
            outcomes[index] = Rejected(f"{self._shown}: {failed[index].str()}")

    def _deliver(self, messages: Sequence[Message]) -> list[_Report]:
        """Return a report for each message: None where it is acknowledged.

        Raises:
            DestinationError: there is no connection, or no topic.
        """
        deadline = time.monotonic() + self._timeout_seconds
        if self._producer is None:
            self._producer = self._connector.connected(deadline, batch_bytes=self._batch_bytes)
        producer = self._producer
        troubles = self._connector.troubles
        troubles.clear()  # those of long ago; what goes on is told again
        reports: list[_Report] = [_UNREPORTED] * len(messages)
        for index, message in enumerate(messages):
            if not self._produce(producer, message, reports, index, deadline=deadline):
                break
        while reports_left(producer, min(SLICE_SECONDS, max(0.0, deadline - time.monotonic())), troubles):
            if time.monotonic() >= deadline or is_hopeless(troubles):
                discard(producer)
                break
        why = worst_of(troubles) or KafkaError(TIMED_OUT)
        return [why if report is _UNREPORTED or (report and report.code() in PURGED) else report for report in reports]

    def _produce(
        self, producer: Producer, message: Message, reports: list[_Report], index: int, *, deadline: float
    ) -> bool:
        """Return whether messages may follow this one."""
        key, value, headers = message
        while True:
            try:
                producer.produce(self._topic, value, key, on_delivery=_noting(reports, index), headers=headers)
            except BufferError:  # the queue is full: what is delivered leaves it
                serve(producer, SLICE_SECONDS, self._connector.troubles)
                if time.monotonic() >= deadline or is_hopeless(self._connector.troubles):
                    return False
                continue
            except KafkaException as error:
                reports[index] = error.args[0]
                return error.args[0].code() in POISON  # one that is refused for good leaves no gap
            return True


def _noting(reports: list[_Report], index: int) -> Callable[[_Report, object], None]:
    def note(error: _Report, _: object) -> None:
        reports[index] = error

    return note
