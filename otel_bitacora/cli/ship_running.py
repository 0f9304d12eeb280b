"""What `ship` and `logs replay` do and print."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from otel_bitacora.reporter.production.shipper.condition import State
from otel_bitacora.reporter.production.shipper.failpoints import failpoint_from
from otel_bitacora.reporter.production.shipper.lease import LeaseTaken
from otel_bitacora.reporter.production.shipper.ledger import Ledger, ledger_of
from otel_bitacora.reporter.production.shipper.run import Shipper
from otel_bitacora.reporter.production.shipper.worker import Route, Worker

from .exporters_printing import print_ledgers

DRAIN_SECONDS = 5.0
_LOOK_SECONDS = 0.2
_DONE, _FAILED, _UNREACHABLE = 0, 1, 4


def ship_and_print(routes: Sequence[Route], *, once: bool, as_json: bool) -> int:
    """Return the exit code, after having shipped and printed the ledger.

    Raises:
        LeaseTaken: another process ships for an exporter of that name.
    """
    shipper = ship(routes, once=once)
    ledgers = [ledger_of(worker.route.journal, worker.route.name) for worker in shipper.workers]
    print_ledgers(ledgers, as_json=as_json, to_stderr=any(route.destination == "stdout:" for route in routes))
    return exit_code(shipper.workers, ledgers) if once else _DONE


def ship(routes: Sequence[Route], *, once: bool) -> Shipper:
    """Return the shipper when it has ended: with *once* when all is delivered or it lost its patience, else at a signal.

    Raises:
        LeaseTaken: another process ships for an exporter of that name.
    """
    shipper = Shipper(routes, failpoint=failpoint_from())
    with _ended_by_signals() as ended:
        shipper.start()
        if once:
            shipper.drain(float("inf"))
        while not shipper.join(_LOOK_SECONDS):
            if ended.is_set():
                shipper.stop(DRAIN_SECONDS)
                break
    for error in shipper.errors:
        if isinstance(error, LeaseTaken):
            raise error
    return shipper


def exit_code(workers: Sequence[Worker], ledgers: Sequence[Ledger]) -> int:
    left = [worker for worker, ledger in zip(workers, ledgers, strict=True) if ledger.pending]
    if not left:
        return _DONE
    return _UNREACHABLE if all(worker.ended_in is State.DOWN for worker in left) else _FAILED


@contextmanager
def _ended_by_signals() -> Iterator[threading.Event]:
    ended = threading.Event()
    before = {each: signal.signal(each, lambda *_: ended.set()) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield ended
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
