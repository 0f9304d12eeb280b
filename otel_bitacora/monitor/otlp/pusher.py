"""Sends the newest snapshot every so often, in a thread of its own: nobody waits for the receiver."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from opentelemetry.sdk.metrics.export import MetricsData

from otel_bitacora.monitor.sampler import Sampler
from otel_bitacora.monitor.snapshot import Snapshot

from .exporters import Exporter
from .outcome import Outcome, Tally

log = logging.getLogger("otel_bitacora.monitor")


class Pusher:
    """Sends what *sampler* has published by *exporter*, from the first snapshot on, every *interval_seconds*.

    Values that couldn't be sent are not kept: sums are cumulative, and the next attempt sends the newest ones.
    *reason_against* is asked before each attempt, and its answer takes the place of one.
    """

    def __init__(
        self,
        name: str,
        exporter: Exporter,
        *,
        sampler: Sampler,
        translate: Callable[[Snapshot], MetricsData],
        tally: Tally,
        interval_seconds: float,
        reason_against: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._name = name
        self._exporter = exporter
        self._sampler = sampler
        self._translate = translate
        self._tally = tally
        self._interval_seconds = interval_seconds
        self._reason_against = reason_against
        self._stopping = False
        self._wake = threading.Event()
        self._sent_sequence = 0
        self._error_type: str | None = None
        self._is_refusing = False
        self._thread = threading.Thread(target=self._run, name="bitacora-otlp", daemon=True)

    def start(self) -> None:
        """Start to send."""
        self._sampler.on_snapshot(self._note)
        if self._sampler.is_ready:
            self._wake.set()
        self._thread.start()

    def stop(self, timeout_seconds: float = 0.5) -> None:
        """Send what is new, if the receiver has taken the last, and stop; an attempt that takes longer is left behind."""
        self._stopping = True
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_seconds)
        self._exporter.close()

    def _note(self, snapshot: Snapshot) -> None:
        if snapshot.sequence == 1:
            self._wake.set()

    def _run(self) -> None:
        self._wait(None)
        began = time.monotonic()
        while not self._stopping:
            self.push()
            # On a grid, without a burst after a delay.
            self._wait(self._interval_seconds - (time.monotonic() - began) % self._interval_seconds)
        if self._error_type is None and self._sent_sequence:
            self.push()

    def _wait(self, seconds: float | None) -> None:
        if not self._stopping:
            self._wake.wait(seconds)
            self._wake.clear()

    def push(self) -> None:
        """Send the newest snapshot, unless it has been sent."""
        snapshot = self._sampler.snapshot
        if snapshot.sequence == self._sent_sequence:
            return
        began = time.monotonic()
        try:
            outcome = self._attempt(snapshot)
        except Exception as error:  # noqa: BLE001 - whatever the library raises, the next attempt is made
            outcome = Outcome(0, type(error).__name__, str(error))
        self._tally.add(outcome, duration_seconds=time.monotonic() - began, time_unix_nano=time.time_ns())
        if outcome.error_type is None:
            self._sent_sequence = snapshot.sequence
        self._tell(outcome)
        self._error_type = outcome.error_type

    def _attempt(self, snapshot: Snapshot) -> Outcome:
        if (reason := self._reason_against()) is not None:
            return Outcome(0, "refused", reason)
        return self._exporter.export(self._translate(snapshot))

    def _tell(self, outcome: Outcome) -> None:
        """Log when it begins to fail, fails in another way or works again, and only then."""
        if outcome.rejected and not self._is_refusing:
            log.warning("%s refuses %d data points: %s", self._name, outcome.rejected, outcome.reason)
        self._is_refusing = bool(outcome.rejected)
        if outcome.error_type == self._error_type:
            return
        if outcome.error_type is None:
            log.info("metrics reach %s again", self._name)
        elif not self._stopping:
            log.warning(
                "metrics don't reach %s (%s): %s; attempts go on", self._name, outcome.error_type, outcome.reason
            )
