"""Several workers at once, each in its own thread: one dead destination never delays another."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable

from otel_bitacora.errors import BitacoraError

from .failpoints import Failpoint, nowhere
from .lag import LagMeter
from .worker import Route, Worker

_log = logging.getLogger(__name__)
_GRACE_SECONDS = 1.0  # beyond a drain, for a request that is under way


class Shipper:
    """Ships along every route, from `start` until `stop`."""

    def __init__(self, routes: Iterable[Route], *, failpoint: Failpoint = nowhere) -> None:
        self.workers = [Worker(route, failpoint=failpoint) for route in routes]
        self.errors: list[BitacoraError] = []
        """Why workers ended by themselves."""
        self.thread_idents: frozenset[int] = frozenset()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        # Daemons: a request that hangs must not keep the process from ending, and what it carried stays pending.
        self._threads = [
            threading.Thread(target=self._run, args=(worker,), name=f"ship {worker.route.name}", daemon=True)
            for worker in self.workers
        ]
        for thread in self._threads:
            thread.start()
        self.thread_idents = frozenset(thread.ident for thread in self._threads if thread.ident is not None)

    def _run(self, worker: Worker) -> None:
        try:
            worker.run()
        except BitacoraError as error:
            self.errors.append(error)

    def nudge(self) -> None:
        """Have every worker look at once whether there is something new."""
        for worker in self.workers:
            worker.pace.nudge()

    def drain(self, within_seconds: float) -> None:
        """Ask every worker to end when nothing is left, and within that time."""
        for worker in self.workers:
            worker.pace.stop(within_seconds)

    def join(self, timeout_seconds: float | None = None) -> bool:
        """Return whether every worker has ended, after having waited for it."""
        until = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        for thread in self._threads:
            thread.join(None if until is None else max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def stop(self, within_seconds: float) -> bool:
        """Drain, and return whether every worker has ended; what it hadn't delivered stays pending in the journal."""
        self.drain(within_seconds)
        return self.join(within_seconds + _GRACE_SECONDS)

    def what_stays(self) -> list[str]:
        """Return a sentence for each exporter that something is left for."""
        found = []
        for worker in self.workers:
            route, meter = worker.route, LagMeter(worker.route.journal, wall=time.time)
            meter.look()
            pending = meter.measure(worker.progress).records if worker.progress is not None else 0
            if pending:
                why = f" ({worker.condition.reason})" if worker.condition.reason else ""
                found.append(f"{route.name}: {pending} records stay in {route.journal} to be delivered later{why}")
        return found
