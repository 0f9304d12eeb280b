"""A journal's way to an OTLP/HTTP receiver, and OpenTelemetry's exporter fed the same records: what several goals measure."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from loggers import CALLS, bitacora_at, calls

from otel_bitacora.reporter.production.exporters import Destination
from otel_bitacora.reporter.production.shipper.route import route_to
from otel_bitacora.reporter.production.shipper.worker import Worker

if TYPE_CHECKING:
    from opentelemetry.sdk._logs import ReadableLogRecord  # noqa: TID251  # the peer

PEER_BATCH = 512
"""What OpenTelemetry's batch processor sends at once, by default."""


def fill(journal: Path, count: int) -> None:
    """Log *count* records into *journal*."""
    one = bitacora_at(str(journal))
    for call in calls(count):
        one.log(call)
    logging.getLogger().handlers[0].close()


def worker_to(journal: Path, url: str, name: str) -> Worker:
    """Return what ships *journal* to the receiver at *url* (http://HOST:PORT/v1/logs), as `otel-bitacora ship` does."""
    return Worker(route_to(journal, Destination(f"otlp+{url}", name=name), max_backoff_seconds=1.0))


def ship(journal: Path, url: str, name: str) -> int:
    """Ship all of *journal*; return how many records the receiver has taken."""
    worker = worker_to(journal, url, name)
    worker.pace.stop(float("inf"))
    worker.run()
    assert worker.progress is not None
    return worker.progress.totals().delivered


def peer_batches(count: int) -> list[Sequence[ReadableLogRecord]]:
    """Return *count* records as OpenTelemetry's handler hands them to an exporter; their objects repeat, their number doesn't."""
    from encode import Kept
    from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler  # noqa: TID251  # the peer
    from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor  # noqa: TID251  # the peer

    provider, kept = LoggerProvider(), Kept()
    provider.add_log_record_processor(SimpleLogRecordProcessor(kept))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is deprecated, and still what people use
        handler = LoggingHandler(logger_provider=provider)
    log = logging.getLogger("bitacora.session")
    log.handlers[:] = [handler]
    log.setLevel(logging.INFO)
    for call in calls(min(count, PEER_BATCH * len(CALLS))):
        log.info("user %s did %s", call.user, call.deed, extra=call.extra)
    whole, rest = divmod(count, PEER_BATCH)
    batches = [kept.batch[start : start + PEER_BATCH] for start in range(0, len(kept.batch), PEER_BATCH)]
    return [batches[number % len(batches)] for number in range(whole)] + ([kept.batch[:rest]] if rest else [])
