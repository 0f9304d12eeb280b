"""The one scheduler: reads each collector when it is due and publishes an immutable snapshot."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from bitacora_collectors.contract import (
    FAST_SECONDS,
    Call,
    Closeable,
    Collector,
    Entity,
    EntityCollector,
    Group,
    Guard,
    Histogram,
    Metric,
    Reading,
    Unavailable,
)
from otel_bitacora.errors import NotSampledYet
from otel_bitacora.resource import HostIdentity

from .monotone import MonotoneCounters, positions_beyond
from .realtime import Subscription, fast_periods
from .round import Outcome, Round, Task
from .schedule import Clock, Schedule, SystemClock
from .snapshot import HEALTH_METRICS, CollectorState, Health, Sample, Snapshot, gather

log = logging.getLogger("otel_bitacora.monitor")
_INT64 = 2**63
_SCHEDULING_SECONDS = 30.0  # for which a busy machine may keep a thread waiting


@dataclass(frozen=True, slots=True)
class Timing:
    """How often one collector is read, and how long it may take."""

    interval_seconds: float
    deadline_seconds: float


def timing_of(collector: Collector, *, interval_seconds: float, deadline_seconds: float) -> Timing:
    """Return the timing of *collector* where the fast ones are read every *interval_seconds*.

    A deadline is at most the interval, but half a second at the least: on a busy machine even a
    healthy collector can be kept waiting.
    """
    own = collector.interval_seconds
    interval = interval_seconds if own <= FAST_SECONDS else max(own, interval_seconds)
    return Timing(interval, min(deadline_seconds, max(interval, 0.5)))


@dataclass(slots=True)
class _Entry:
    collector: Collector
    timing: Timing
    state: CollectorState
    entities: Callable[[], Iterable[Entity]]
    hung: Call[None] | None = None


class _Collected(NamedTuple):
    readings: list[Reading]
    entities: tuple[Entity, ...]
    new: list[int]
    """Where among them those are that weren't among the ones before."""


class Sampler:
    """Samples collectors in a thread of its own between `start` and `stop`, or one tick at a time by `tick`.

    No collector can stop the others: each is called under a deadline, and one that doesn't return
    is not called again until it has.
    """

    def __init__(
        self,
        collectors: Sequence[Collector],
        *,
        host: HostIdentity,
        timings: Mapping[str, Timing] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.host = host
        self._clock = clock or SystemClock()
        self._started = self._clock.monotonic()
        self._guard = Guard("bitacora-collect")
        self._counters = MonotoneCounters()
        self._snapshot: Snapshot | None = None
        self._stopping = False
        self._wake = threading.Event()
        self._ticking = threading.Lock()
        self._listeners: list[Callable[[Snapshot], None]] = []
        self._subscriptions: set[Subscription] = set()
        self._subscribing = threading.Lock()
        self._thread: threading.Thread | None = None
        self._entries: dict[str, _Entry] = {}
        self._schedule = Schedule({}, self._started)
        self._install(collectors, timings or {})

    @property
    def snapshot(self) -> Snapshot:
        """The newest snapshot.

        Raises:
            NotSampledYet: there is none so far.
        """
        if self._snapshot is None:
            raise NotSampledYet("no snapshot yet: the first one is being taken")
        return self._snapshot

    @property
    def elapsed_seconds(self) -> float:
        """Monotonic time since it was made, which every period's grid begins with."""
        return self._clock.monotonic() - self._started

    @property
    def is_ready(self) -> bool:
        """Whether a snapshot has been published."""
        return self._snapshot is not None

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Every metric that the collectors and the sampler itself may publish, one of each name."""
        found: dict[str, Metric] = {}
        for metric in (*(one for entry in self._entries.values() for one in entry.collector.metrics), *HEALTH_METRICS):
            found.setdefault(metric.name, metric)
        return tuple(found.values())

    @property
    def is_stuck(self) -> bool:
        """Whether its thread is gone or waits for ever: a tick can't take longer than all deadlines together."""
        longest_seconds = sum(entry.timing.deadline_seconds for entry in self._entries.values())
        return self._schedule.seconds_overdue(self._clock.monotonic()) > longest_seconds + _SCHEDULING_SECONDS

    def on_snapshot(self, listener: Callable[[Snapshot], None]) -> Callable[[], None]:
        """Call *listener* with every new snapshot, in the sampler's thread: it must be quick and not raise.

        Returns what stops these calls.
        """
        self._listeners = [*self._listeners, listener]  # a new list, as the thread may be going through the old one
        return lambda: self._forget(listener)

    def wake(self, *names: str) -> None:
        """Have the collectors *names*, or all of them, read as soon as can be; returns at once, from any thread.

        Something has happened that their next turn would be too late for. No turn is moved by it.
        """
        self._schedule.call(names or tuple(self._entries))
        self._wake.set()

    def subscribe(self, groups: Iterable[Group], interval_seconds: float) -> Subscription:
        """Have the collectors of *groups* read every *interval_seconds*, until the subscription is closed.

        The first reading follows within that time. The shortest interval that anybody asked for counts, within
        `FASTEST_SECONDS`; other groups, and collectors that are slow by themselves, keep their periods.
        """
        subscription = Subscription(frozenset(groups), interval_seconds, self._unsubscribe)
        with self._subscribing:
            self._subscriptions.add(subscription)
            self._speed_up()
        return subscription

    def start(self) -> None:
        """Start to sample; the first snapshot follows as soon as the collectors allow."""
        self._thread = threading.Thread(target=self._run, name="bitacora-sampler", daemon=True)
        self._thread.start()

    def stop(self, timeout_seconds: float = 1.0) -> None:
        """Stop sampling; a collector that hangs is left behind."""
        self._stopping = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout_seconds)
        self._guard.close()
        _close(entry.collector for entry in self._entries.values() if entry.hung is None)

    def replace(self, collectors: Sequence[Collector], timings: Mapping[str, Timing] | None = None) -> None:
        """Go on with other *collectors*, keeping what was counted; used when settings are reloaded."""
        with self._ticking:
            old = self._entries
            self._install(collectors, timings or {})
            with self._subscribing:
                self._speed_up()
            for name, entry in self._entries.items():
                if name in old:
                    entry.state = replace(entry.state, timeouts=old[name].state.timeouts)
        self._wake.set()
        _close(entry.collector for entry in old.values() if entry.hung is None)

    def tick(self) -> Snapshot:
        """Read what is due and publish; returns the new snapshot."""
        with self._ticking:
            now = self._clock.monotonic()
            due = self._schedule.due(now)
            entries = [self._entries[name] for name in due.names]
            self._read([entry for entry in entries if entry.hung is None or entry.hung.finished.is_set()])
            snapshot = self._publish(due.periodic, now - self._started)
        for listener in self._listeners:
            listener(snapshot)
        return snapshot

    def _forget(self, listener: Callable[[Snapshot], None]) -> None:
        self._listeners = [one for one in self._listeners if one is not listener]

    def _install(self, collectors: Sequence[Collector], timings: Mapping[str, Timing]) -> None:
        entries: dict[str, _Entry] = {}
        for collector in collectors:
            timing = timings.get(collector.name) or Timing(collector.interval_seconds, 2.0)
            state = CollectorState(collector.name, collector.group, timing.interval_seconds)
            entries[collector.name] = _Entry(collector, timing, state, _entities_of(collector))
        periods = {name: entry.timing.interval_seconds for name, entry in entries.items()}
        self._entries = entries
        self._schedule = Schedule(periods, self._started, self._clock.monotonic())

    def _unsubscribe(self, subscription: Subscription) -> None:
        with self._subscribing:
            self._subscriptions.discard(subscription)
            self._speed_up()

    def _speed_up(self) -> None:
        collectors = [entry.collector for entry in self._entries.values()]
        periods = fast_periods(self._subscriptions, collectors)
        if self._schedule.speed_up(periods, self._clock.monotonic()):
            self._wake.set()

    def _run(self) -> None:
        while True:
            is_woken = self._wake.wait(self._schedule.seconds_until_due(self._clock.monotonic()))
            self._wake.clear()
            if self._stopping:
                return
            if is_woken and self._schedule.seconds_until_due(self._clock.monotonic()) > 0:
                continue  # something is due sooner than it was, but not yet
            try:
                self.tick()
            except Exception:
                log.exception("a tick failed; sampling goes on")

    def _publish(self, periodic: frozenset[str], elapsed_seconds: float) -> Snapshot:
        states = tuple(entry.state for entry in self._entries.values())
        sequence = self._snapshot.sequence + 1 if self._snapshot else 1
        snapshot = Snapshot(
            sequence, self._clock.time_ns(), self.host, states, gather(states), periodic, elapsed_seconds
        )
        self._snapshot = snapshot
        return snapshot

    def _read(self, entries: Sequence[_Entry]) -> None:
        """Read *entries*, and those behind one that hangs in a thread of their own."""
        while entries:
            one_round = Round([_task(entry) for entry in entries], self._clock)
            call = self._guard.begin(one_round.run)
            outcomes = one_round.wait(call.finished)
            if call.error is not None:  # none that a collector may raise
                raise call.error
            for entry, outcome in zip(entries, outcomes, strict=False):
                entry.hung = None
                _enter(entry, self._state_of(entry.state, outcome))
            entries = entries[len(outcomes) :]
            if entries:
                self._guard.close()
                _enter_hung(entries[0], call, self._clock.monotonic() - one_round.began.monotonic_seconds)
                entries = entries[1:]

    def _state_of(self, state: CollectorState, outcome: Outcome[_Collected]) -> CollectorState:
        if isinstance(outcome.error, Unavailable):
            return replace(state, health=Health.UNAVAILABLE, error=str(outcome.error), sample=None, before=None)
        if outcome.result is None:
            error = f"{type(outcome.error).__name__}: {outcome.error}"
            return _failed(state, Health.FAILED, error, outcome.duration_seconds)
        readings, entities, new = outcome.result
        began = outcome.began
        return replace(
            state,
            health=Health.OK,
            error=None,
            duration_seconds=outcome.duration_seconds,
            last_success_unix_nano=began.unix_nano,
            sample=Sample(self._counters.corrected(readings, new), began.unix_nano, began.monotonic_seconds, entities),
            before=state.sample,
        )


def _task(entry: _Entry) -> Task[_Collected]:
    def collect() -> _Collected:
        # A collector with thousands of readings hands out those that haven't changed again: they need no second look.
        readings = [*entry.collector.collect()]
        new = positions_beyond(entry.state.readings, readings)
        _check(entry.collector, readings, new)
        return _Collected(readings, tuple(entry.entities()), new)

    return Task(collect, entry.timing.deadline_seconds)


def _failed(state: CollectorState, health: Health, error: str, duration_seconds: float) -> CollectorState:
    return replace(state, health=health, error=error, duration_seconds=duration_seconds, sample=None, before=None)


def _enter(entry: _Entry, state: CollectorState) -> None:
    _tell(entry.state, state)
    entry.state = state


def _enter_hung(entry: _Entry, call: Call[None], duration_seconds: float) -> None:
    entry.hung = call
    error = f"no answer within {entry.timing.deadline_seconds:g} s"
    failed = _failed(entry.state, Health.HUNG, error, duration_seconds)
    _enter(entry, replace(failed, timeouts=entry.state.timeouts + 1))


def _entities_of(collector: Collector) -> Callable[[], Iterable[Entity]]:
    # Asked once: whether a class keeps a protocol costs as much to find out as some collectors.
    return collector.entities if isinstance(collector, EntityCollector) else tuple


def _check(collector: Collector, readings: list[Reading], new: Iterable[int]) -> None:
    """Raise ValueError unless *readings* are what *collector* declared: nothing else may reach a scrape.

    Those that aren't at the positions *new* have been checked before.
    """
    names = {metric.name for metric in collector.metrics}
    for index in new:
        reading = readings[index]
        if reading.metric.name not in names:
            raise ValueError(f"{reading.metric.name} is not among the metrics that it declares")
        value = reading.value.sum if isinstance(reading.value, Histogram) else reading.value
        if not math.isfinite(value):
            raise ValueError(f"{reading.metric.name} is {value}")
        if isinstance(value, int) and not -_INT64 <= value < _INT64:
            # No door out of here has more than 64 bits for an integer; a driver that wraps below 0 says 2^64 - 1.
            readings[index] = reading._replace(value=float(value))


def _tell(before: CollectorState, now: CollectorState) -> None:
    """Log when a collector's health changes, and only then."""
    if now.health is before.health:
        return
    if now.health in (Health.FAILED, Health.HUNG):
        log.warning("collector %s %s: %s", now.name, now.health.value, now.error)
    elif before.health in (Health.FAILED, Health.HUNG):
        log.info("collector %s is %s again", now.name, now.health.value)
    elif now.health is Health.UNAVAILABLE:
        log.debug("collector %s has nothing to read: %s", now.name, now.error)


def _close(collectors: Iterable[Collector]) -> None:
    for collector in collectors:
        if isinstance(collector, Closeable):
            collector.close()
