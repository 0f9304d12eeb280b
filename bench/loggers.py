"""The logging handlers that are measured against each other, and the calls that all of them get."""

from __future__ import annotations

import itertools
import logging
import os
import tempfile
import uuid
import warnings
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from otel_bitacora import BitacoraHandler, LogContext

MESSAGE = "user %s did %s"
QUEUE = 400_000
"""Records that OpenTelemetry's queue holds here; by default it is 2,048, and a burst overflows it."""


class Call(NamedTuple):
    """One logging call: two arguments, and four extras of which the session changes every 32 calls."""

    user: str
    deed: str
    extra: dict[str, object]


CALLS = [
    Call(
        f"user{i}",
        f"spark.create.{i % 7}",
        {
            "session_id": str(uuid.UUID(int=i // 32)),
            "project_id": f"project-{i % 5}",
            "user_id": 4000 + i % 11,
            "topic": f"topic {i % 13}",
        },
    )
    for i in range(64)
]


class Contender(NamedTuple):
    log: Callable[[Call], None]
    drain: Callable[[], object]
    """Wait until nothing is left to be done in the background."""


def _nothing() -> None:
    pass


def _through(handler: logging.Handler, drain: Callable[[], object] = _nothing) -> Contender:
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    info = logging.getLogger("bitacora.session").info

    def log(call: Call) -> None:
        info(MESSAGE, call.user, call.deed, extra=call.extra)

    return Contender(log, drain)


def null(_: str) -> Contender:
    return _through(logging.NullHandler())


class WriteAlone(logging.Handler):
    """Writes as many bytes as a record has, always the same, with their checksum: the least that a record on its way to a
    file can cost."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._data = b"x" * 480

    def createLock(self) -> None:  # noqa: N802  # logging's name
        self.lock = None

    def handle(self, record: logging.LogRecord) -> bool:
        return os.write(self._fd, self._data + zlib.crc32(self._data).to_bytes(4, "little")) > 0


def write_alone(_: str) -> Contender:
    return _through(WriteAlone(Path(tempfile.mkdtemp(prefix="bitacora-bench-"), "bytes")))


def bitacora_at(journal: str, redact: bool = True) -> Contender:
    return _through(BitacoraHandler(journal=journal, service_name="bench", redact=redact))


def bitacora(_: str) -> Contender:
    return bitacora_at(tempfile.mkdtemp(prefix="bitacora-bench-"))


def bitacora_plain(_: str) -> Contender:
    return bitacora_at(tempfile.mkdtemp(prefix="bitacora-bench-"), redact=False)


def bitacora_context(_: str) -> Contender:
    """Take the ids from a LogContext around the calls, and not from each of them."""
    one = bitacora("")
    LogContext(session_id=str(uuid.UUID(int=7)), project_id="project-5", user_id=4000, topic="topic 13").__enter__()
    info = logging.getLogger("bitacora.session").info

    def log(call: Call) -> None:
        info(MESSAGE, call.user, call.deed)

    return Contender(log, one.drain)


def otel(url: str) -> Contender:
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler  # noqa: TID251  # the peer
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor  # noqa: TID251  # the peer

    provider = LoggerProvider()
    provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(endpoint=url), max_queue_size=QUEUE))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is deprecated, and still what people use
        handler = LoggingHandler(logger_provider=provider)
    return _through(handler, provider.force_flush)


CONTENDERS: dict[str, Callable[[str], Contender]] = {
    "NullHandler": null,
    "write(2) and CRC-32 alone": write_alone,
    "otel LoggingHandler + OTLP/HTTP": otel,
    "bitacora": bitacora,
    "bitacora, ids by LogContext": bitacora_context,
    "bitacora, without redaction": bitacora_plain,
}
OURS, FLOOR, PEER = "bitacora", "write(2) and CRC-32 alone", "otel LoggingHandler + OTLP/HTTP"


def calls(count: int) -> Iterator[Call]:
    return itertools.islice(itertools.cycle(CALLS), count)
