"""What `ship` does and prints."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import typer

from otel_bitacora.reporter.production.exporters import Destination, name_for
from otel_bitacora.reporter.production.shipper.condition import State
from otel_bitacora.reporter.production.shipper.failpoints import failpoint_from
from otel_bitacora.reporter.production.shipper.lease import LeaseTaken
from otel_bitacora.reporter.production.shipper.ledger import Ledger, ledger_of
from otel_bitacora.reporter.production.shipper.route import route_to
from otel_bitacora.reporter.production.shipper.run import Shipper
from otel_bitacora.reporter.production.shipper.worker import Worker

from .exporters_printing import print_ledgers
from .logs_reading import present_journals
from .options import log_to_stderr

_DONE, _FAILED, _USAGE, _UNREACHABLE = 0, 1, 2, 4


def ship_and_print(
    urls: Sequence[str],
    journals: Sequence[Path] | None,
    *,
    name: str | None,
    level: str | None,
    query: str | None,
    start: str,
    bootstrap: bool,
    once: bool,
    max_backoff_seconds: float,
    patience_seconds: float,
    drain_seconds: float,
    as_json: bool,
) -> int:
    """Return the exit code, after having shipped and printed the ledger.

    Raises:
        SettingsError: a URL, level, query or start isn't one.
        LeaseTaken: another process ships for an exporter of that name.
    """
    if name is not None and len(urls) > 1:
        typer.echo("--name names one exporter: give --to once", err=True)
        return _USAGE
    log_to_stderr()
    routes = [
        route_to(
            journal,
            Destination(url, name=name or name_for(url), bootstrap=bootstrap),
            level=level,
            query=query,
            start=start,
            max_backoff_seconds=max_backoff_seconds,
            patience_seconds=patience_seconds if once else None,
            waits_for_lease=False,
        )
        for journal in present_journals(journals)
        for url in dict.fromkeys(urls)
    ]
    shipper = Shipper(routes, failpoint=failpoint_from())
    with _ended_by_signals() as ended:
        shipper.start()
        if once:
            shipper.drain(float("inf"))
        while not shipper.join(0.2):
            if ended.is_set():
                shipper.stop(drain_seconds)
                break
    for error in shipper.errors:
        if isinstance(error, LeaseTaken):
            raise error
    ledgers = [ledger_of(worker.route.journal, worker.route.name) for worker in shipper.workers]
    print_ledgers(ledgers, as_json=as_json, to_stderr="stdout:" in urls)
    return _exit_code(shipper.workers, ledgers) if once else _DONE


def _exit_code(workers: Sequence[Worker], ledgers: Sequence[Ledger]) -> int:
    if not any(ledger.pending for ledger in ledgers):
        return _DONE
    return _UNREACHABLE if all(worker.ended_in is State.DOWN for worker in workers if worker.ended_in) else _FAILED


@contextmanager
def _ended_by_signals() -> Iterator[threading.Event]:
    ended = threading.Event()
    before = {each: signal.signal(each, lambda *_: ended.set()) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield ended
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
