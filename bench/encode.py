"""Goal 5: encode one OTLP log record, against OpenTelemetry's encode_logs and serialization of the same record.

OpenTelemetry is given what its handler has already mapped, and only encodes; this project maps, redacts and encodes.
One JSON line per contender, `us_per_record` of CPU as the median of interleaved rounds; the last line judges.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import time
import uuid
import warnings
from collections.abc import Callable

from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler, ReadableLogRecord  # noqa: TID251  # the peer
from opentelemetry.sdk._logs.export import LogRecordExportResult, SimpleLogRecordProcessor  # noqa: TID251  # the peer
from opentelemetry.sdk.trace import TracerProvider

from otel_bitacora.reporter.core.context import LogContext
from otel_bitacora.reporter.core.encode import RecordEncoder
from otel_bitacora.reporter.core.redact import Redactor

RECORDS = 512
TARGET = 0.25
MESSAGE = "user %s did %s while the observability of this project was being worked on"
CLEAN = b"user ana did spark.create.3 on topic observability in project number five, fine."
CLEAN_PAIRS = b"GET /api/v1/items?id=5 status: 200 duration=12ms user=ana done, cached and served."


class Kept:
    """What OpenTelemetry's handler hands to its exporter."""

    def __init__(self) -> None:
        self.batch: list[ReadableLogRecord] = []

    def export(self, batch: list[ReadableLogRecord]) -> LogRecordExportResult:
        self.batch += batch
        return LogRecordExportResult.SUCCESS

    def shutdown(self) -> None: ...


def records(*, distinct: bool) -> list[logging.LogRecord]:
    """Return ordinary records with four extras; *distinct* ones share no value, so that no cache helps."""
    made = []
    for i in range(RECORDS):
        repeat = i if distinct else i % 64
        arguments = (f"user{repeat}", f"spark.create.{i}")
        record = logging.LogRecord("bitacora.session", logging.INFO, "/app/x.py", 10, MESSAGE, arguments, None, "work")
        session = str(uuid.uuid4()) if distinct else str(uuid.UUID(int=repeat // 32))
        extra = {
            "session_id": session,
            "project_id": f"project-{repeat % 5}",
            "user_id": f"u{repeat}",
            "topic": f"topic {repeat}",
        }
        record.__dict__.update(extra)
        made.append(record)
    return made


def mapped_by_otel(made: list[logging.LogRecord]) -> list[ReadableLogRecord]:
    provider, kept = LoggerProvider(), Kept()
    provider.add_log_record_processor(SimpleLogRecordProcessor(kept))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the handler is deprecated, and still what people use
        handler = LoggingHandler(logger_provider=provider)
    for record in made:
        handler.emit(record)
    return kept.batch


def contenders() -> dict[str, Callable[[], object]]:
    usual, distinct = records(distinct=False), records(distinct=True)
    batch = mapped_by_otel(usual)
    redacting, plain, entries = RecordEncoder(redactor=Redactor()), RecordEncoder(), RecordEncoder(redactor=Redactor())
    suspects = Redactor().suspects
    return {
        "otel encode_logs + serialize": lambda: encode_logs(batch).SerializeToString(),
        "bitacora": lambda: [redacting.encode_record(record) for record in usual],
        "bitacora, no value repeats": lambda: encode_with_cold_caches(distinct),
        "bitacora, without redaction": lambda: [plain.encode_record(record) for record in usual],
        "bitacora, the careful way": lambda: [entries._take_carefully(record) for record in usual],  # noqa: SLF001
        "scan a clean message": lambda: [suspects(CLEAN) for _ in usual],
        "scan a clean message with = and :": lambda: [suspects(CLEAN_PAIRS) for _ in usual],
        "read the context": lambda: [LogContext.current() for _ in usual],
        "format the message only": lambda: [record.getMessage() for record in usual],
    }


def encode_with_cold_caches(made: list[logging.LogRecord]) -> None:
    encoder = RecordEncoder(redactor=Redactor())
    for record in made:
        encoder.encode_record(record)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=11)
    rounds = parser.parse_args().rounds
    with TracerProvider().get_tracer("bench").start_as_current_span("work"):
        jobs = contenders()
        times: dict[str, list[float]] = {name: [] for name in jobs}
        for turn in range(rounds + 1):
            for name, job in jobs.items():
                begun = time.thread_time_ns()
                job()
                if turn:  # the first one warms up
                    times[name].append((time.thread_time_ns() - begun) / RECORDS / 1e3)
    medians = {name: statistics.median(taken) for name, taken in times.items()}
    peer = medians["otel encode_logs + serialize"]
    for name, median in medians.items():
        print(json.dumps({"contender": name, "us_per_record": round(median, 2), "ratio": round(median / peer, 3)}))
    ratio = round(medians["bitacora"] / peer, 3)
    goal = "5 encode one log record vs encode_logs and serialize"
    print(json.dumps({"goal": goal, "ratio": ratio, "target": TARGET, "ok": ratio <= TARGET}))


if __name__ == "__main__":
    main()
