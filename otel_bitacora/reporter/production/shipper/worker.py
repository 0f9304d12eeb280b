"""Ships one journal to one destination: read, send, note the verdicts, advance; for as long as it is let."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from otel_bitacora.errors import BitacoraError, JournalUnavailable
from otel_bitacora.reporter.core.contract import Exporter, Outcome, Rejected, Unattributed
from otel_bitacora.reporter.core.journal.reader import Damage
from otel_bitacora.reporter.core.journal.retention import list_segments

from .backoff import CAP_SECONDS, Backoff
from .batch import Batch
from .checkpoint import Progress, make_durable, write_progress, write_recent
from .condition import Condition, State
from .courier import Courier
from .dead_letters import DeadLetters
from .failpoints import (
    AFTER_DEAD_LETTER,
    AFTER_READ,
    BEFORE_DEAD_LETTER,
    Failpoint,
    nowhere,
)
from .lease import Lease, LeaseTaken
from .pace import Pace, RealPace
from .registry import Start, folder_of, make_folder, open_progress
from .tail import Limits, Tail
from .wanted import Wanted

_SAVE_SECONDS = 1.0
_PRUNE_SECONDS = 60.0
_SHORTEST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.05, 1.0
_STANDBY_SECONDS = 2.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """From one journal to one destination, and what is to be sent how."""

    journal: Path
    name: str
    make_exporter: Callable[[], Exporter]
    destination: str = ""
    """The URL as it may be shown."""
    start: Start = "oldest"
    wanted: Wanted = field(default_factory=Wanted)
    query: str = ""
    limits: Limits = field(default_factory=Limits)
    max_backoff_seconds: float = CAP_SECONDS
    patience_seconds: float | None = None
    """How long a destination may fare badly before `run` returns; None: for ever."""
    waits_for_lease: bool = True


class Worker:
    """`run` works in the caller's thread, and ends after `pace.stop`."""

    def __init__(self, route: Route, *, pace: Pace | None = None, failpoint: Failpoint = nowhere) -> None:
        self.route = route
        self.pace = pace or RealPace()
        self.condition = Condition(since_ns=self.pace.wall_ns())
        self.ended_in: State | None = None
        """How it fared when `run` returned."""
        self.progress: Progress | None = None
        self.folder = folder_of(route.journal, route.name)
        self.courier: Courier | None = None
        self._failpoint = failpoint
        self._saved = self._pruned = float("-inf")
        self._is_dirty = False
        self._noted = -1
        self._lease: Lease | None = None

    def run(self) -> None:
        """Ship until told to stop, or out of patience.

        Raises:
            LeaseTaken: another process does, and the route doesn't wait for it.
        """
        troubles = Backoff(random=self.pace.random, cap_seconds=self.route.max_backoff_seconds)
        try:
            while True:
                try:
                    self._hold_lease_and_ship()
                    return
                except LeaseTaken as error:
                    if not self.route.waits_for_lease:
                        raise
                    self._tell(State.STANDBY, str(error))
                    seconds = _STANDBY_SECONDS
                except (BitacoraError, OSError) as error:
                    self._tell(State.FAILED, str(error))
                    seconds = troubles.failed()
                except Exception as error:  # noqa: BLE001  # the thread of an exporter must go on
                    _log.exception("shipping to %s failed", self.route.name)
                    self._tell(State.FAILED, f"{type(error).__name__}: {error}")
                    seconds = troubles.failed()
                if self._is_ended_within(seconds):
                    return
        finally:
            self.ended_in = self.condition.state
            self.condition = Condition(State.STOPPED, self.condition.reason, self.pace.wall_ns())

    def _is_ended_within(self, seconds: float) -> bool:
        if not self.pace.is_stopping:
            self.pace.wait(seconds)
        return self.pace.is_stopping

    def _hold_lease_and_ship(self) -> None:
        folder = make_folder(self.route.journal, self.route.name)
        self._lease = lease = Lease(folder, wall=lambda: self.pace.wall_ns() / 1e9)
        exporter: Exporter | None = None
        try:
            self.progress = progress = open_progress(
                self.route.journal, folder, start=self.route.start, wall_ns=self.pace.wall_ns, tell=_log.warning
            )
            said = self.route.destination, self.route.query, self.route.wanted.severity_floor
            self._is_dirty = said != (progress.destination, progress.query, progress.level)
            progress.destination, progress.query, progress.level = said
            exporter = self.route.make_exporter()
            self._tell(State.OK, "")  # as far as is known
            self._ship(exporter, progress)
        finally:
            close = getattr(exporter, "close", None)
            if close is not None:
                close()
            self._lease = None
            lease.release()

    def _tail(self, progress: Progress, limits: Limits) -> Tail:
        return Tail(
            self.route.journal,
            progress,
            monotonic=self.pace.monotonic,
            limits=limits,
            wanted=self.route.wanted,
            on_damage=self._tell_damage,
        )

    def _ship(self, exporter: Exporter, progress: Progress) -> None:
        route, pace = self.route, self.pace
        tail = self._tail(progress, route.limits)
        self.courier = courier = Courier(
            exporter,
            pace=pace,
            tell=self._tell,
            cap_seconds=route.max_backoff_seconds,
            patience_seconds=route.patience_seconds,
            failpoint=self._failpoint,
        )
        letters = DeadLetters(self.folder, wall_ns=pace.wall_ns)
        wait_seconds = _SHORTEST_WAIT_SECONDS
        is_ending = False
        while not pace.is_over:
            if pace.is_stopping and not is_ending:  # from here on to the end of what is there now, and no further
                is_ending = True
                tail.relist()
            has_more = tail.fill()
            if not has_more and not is_ending:
                if tail.batch.is_empty:
                    self._save(progress)
                    pace.wait(wait_seconds)
                    wait_seconds = min(2 * wait_seconds, _LONGEST_WAIT_SECONDS)
                    continue
                left = tail.batch.begun + tail.limits.age_seconds - pace.monotonic()
                if tail.batch.records and left > 0:
                    pace.wait(min(left, _LONGEST_WAIT_SECONDS))
                    continue
            wait_seconds = _SHORTEST_WAIT_SECONDS
            if tail.batch.is_empty:
                break
            batch = tail.take()
            self._failpoint(AFTER_READ)
            outcomes = courier.deliver(batch.records) if batch.records else []
            if outcomes is None or not self._keep_dead_letters(batch, outcomes, letters):
                break
            if courier.is_batch_too_large:
                tail.limits = tail.limits.halved(len(batch.records), batch.size_bytes)
            self._tell_unattributed(batch, outcomes)
            batch.commit(progress, outcomes)
            self._is_dirty = True
            self._save(progress)
            if self._prune(progress):  # the reader remembers what was pruned
                tail = self._tail(progress, tail.limits)
            if is_ending and not has_more:
                break
        self._save(progress, now=True)
        make_durable(self.folder)

    def _tell_unattributed(self, batch: Batch, outcomes: list[Outcome]) -> None:
        """Note which records some were refused of, as nobody will ever know which."""
        refused = [outcome for outcome in outcomes if isinstance(outcome, Unattributed)]
        if refused:
            _log.warning(
                "%s refused %d of the %d records %s to %s and doesn't say which: %s",
                self.route.name,
                len(refused),
                len(outcomes),
                batch.records[0].uid,
                batch.records[-1].uid,
                refused[0].reason,
            )

    def _keep_dead_letters(self, batch: Batch, outcomes: list[Outcome], letters: DeadLetters) -> bool:
        """Return False when it was told to end before they could be kept."""
        refused = [
            (record, outcome.reason)
            for record, outcome in zip(batch.records, outcomes, strict=True)
            if isinstance(outcome, Rejected)
        ]
        if not refused:
            return True
        self._failpoint(BEFORE_DEAD_LETTER)
        troubles = Backoff(random=self.pace.random, cap_seconds=self.route.max_backoff_seconds)
        while True:
            try:
                letters.put(refused)
            except JournalUnavailable as error:
                self._tell(State.PAUSED, str(error))
                if self.pace.is_stopping or self.route.patience_seconds is not None:
                    return False
                self.pace.wait(troubles.failed())
                continue
            self._failpoint(AFTER_DEAD_LETTER)
            _log.warning("%s refused %d records, now dead letters: %s", self.route.name, len(refused), refused[-1][1])
            return True

    def _save(self, progress: Progress, *, now: bool = False) -> None:
        if not self._is_dirty:
            return
        progress.saved_ns = self.pace.wall_ns()
        progress.state, progress.last_error = self.condition.state, self.condition.reason
        if not now and self.pace.monotonic() < self._saved + _SAVE_SECONDS:
            if progress.serial != self._noted:
                write_recent(self.folder, progress)
                self._noted = progress.serial
            return
        if self._lease is None or not self._lease.is_held:
            raise JournalUnavailable(f"{self.folder} was deleted while it was shipped from")
        troubles = Backoff(random=self.pace.random, cap_seconds=self.route.max_backoff_seconds)
        while True:
            try:
                self._write(progress)
            except JournalUnavailable as error:  # a full disk: nothing more is sent that might have to be sent again
                self._tell(State.FAILED, str(error))
                if self.pace.is_stopping:
                    return
                self.pace.wait(troubles.failed())
                continue
            if self.condition.state is State.FAILED:
                self._tell(State.OK, "")
            return

    def _write(self, progress: Progress) -> None:
        progress.saved_ns = self.pace.wall_ns()
        progress.state, progress.last_error = self.condition.state, self.condition.reason
        write_progress(self.folder, progress, failpoint=self._failpoint)
        self._saved = self.pace.monotonic()
        self._is_dirty = False

    def _prune(self, progress: Progress) -> bool:
        """Add up what was counted of instances of which no file is left, now and then; return whether there were any."""
        if self.pace.monotonic() < self._pruned + _PRUNE_SECONDS:
            return False
        self._pruned = self.pace.monotonic()
        present = {segment.instance for segment in list_segments(str(self.route.journal))}
        gone = [instance for instance in progress.accounts if instance not in present]
        for instance in gone:
            account = progress.accounts.pop(instance)
            progress.retired.add(account.counts)
            progress.retired_instances += 1
        progress.positions = {instance: at for instance, at in progress.positions.items() if instance in present}
        self._is_dirty |= bool(gone)
        return bool(gone)

    def _tell(self, state: State, reason: str) -> None:
        if (state, reason) == (self.condition.state, self.condition.reason):
            return
        before = self.condition.state
        since = self.pace.wall_ns() if state is not before else self.condition.since_ns
        self.condition = Condition(state, reason, since)
        if state is before:
            return
        if self.progress is not None and self._lease is not None:
            with contextlib.suppress(JournalUnavailable):  # met again at the next batch
                self._write(self.progress)
        if state is State.OK:
            if before in {State.DOWN, State.MISCONFIGURED, State.PAUSED}:
                _log.info("%s takes records again", self.route.name)
        else:
            _log.log(
                logging.ERROR if self.condition.is_red else logging.WARNING,
                "%s is %s: %s",
                self.route.name,
                state,
                reason,
            )

    def _tell_damage(self, damage: Damage) -> None:
        if not damage.is_torn_tail:
            _log.warning("%s: bytes %d to %d: %s", damage.segment.path, damage.start, damage.end, damage.reason)
