"""Waits for all sources at once, in a thread of its own that sleeps until something happens."""

from __future__ import annotations

import contextlib
import logging
import select
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence

from bitacora_collectors.contract import Unavailable
from otel_bitacora.monitor.snapshot import Snapshot

from .event import Event, Gone, Source
from .record import EventLog

log = logging.getLogger("otel_bitacora.monitor")
_WAKE_SECONDS = 1.0  # at the least between two times that the sampler is woken
_MOST_NEWS = 200  # of one descriptor in a second: more is no news, but something that is broken


class Watch:
    """Logs what *sources* say into *events*, and calls *wake* with the collectors that are to be read at once.

    A source that fails is closed, and said to be in the log; the others go on.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        events: EventLog,
        wake: Callable[..., None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sources = list(sources)
        self._events = events
        self._wake = wake
        self._monotonic = monotonic
        self._woken_at = -_WAKE_SECONDS
        self._snapshots: deque[Snapshot] = deque(maxlen=1)
        self._stopping = False
        self._descriptors: dict[int, Source] = {}
        self._news: Counter[int] = Counter()
        self._news_since = 0.0
        self._thread: threading.Thread | None = None
        self._rope: socket.socket | None = None

    def start(self) -> None:
        """Start to watch; where there is no poll(2), which is on Windows alone, there is nothing to start."""
        if hasattr(select, "poll"):
            bell, self._rope = socket.socketpair()
            self._rope.setblocking(False)
            self._thread = threading.Thread(target=self._run, args=(bell,), name="bitacora-events", daemon=True)
            self._thread.start()
            self._ring()

    def stop(self, timeout_seconds: float = 0.5) -> None:
        """Stop to watch; a source that hangs is left behind."""
        self._stopping = True
        self._ring()
        if self._thread is not None:
            self._thread.join(timeout_seconds)

    def seen(self, snapshot: Snapshot) -> None:
        """Have the sources look at *snapshot*; returns at once."""
        self._snapshots.append(snapshot)
        self._ring()

    def _ring(self) -> None:
        # Full: it has been rung already. Closed: nobody is there any more.
        with contextlib.suppress(OSError):
            if self._rope is not None:
                self._rope.send(b"\0")

    def _run(self, bell: socket.socket) -> None:
        poll = select.poll()
        poll.register(bell, select.POLLIN)
        for source in list(self._sources):
            self._open(source, poll)
        try:
            while not self._stopping:
                for descriptor, _ in poll.poll():
                    if descriptor == bell.fileno():
                        bell.recv(4096)
                        self._answer(poll)
                    elif descriptor in self._descriptors:
                        self._hear(self._descriptors[descriptor], descriptor, poll)
        finally:
            for source in self._sources:
                source.close()
            bell.close()
            if self._rope is not None:
                self._rope.close()

    def _open(self, source: Source, poll: select.poll) -> None:
        try:
            for watched in source.open():
                poll.register(*watched)
                self._descriptors[watched.descriptor] = source
        except Unavailable as reason:
            log.debug("no events of %s: %s", source.name, reason)
            self._drop(source, poll)
        except Exception as error:  # noqa: BLE001 - whatever it raises, the others go on
            self._fail(source, error, poll)

    def _answer(self, poll: select.poll) -> None:
        while self._snapshots:
            snapshot = self._snapshots.pop()
            for source in list(self._sources):
                try:
                    self._tell(source.seen(snapshot))
                except Exception as error:  # noqa: BLE001
                    self._fail(source, error, poll)

    def _hear(self, source: Source, descriptor: int, poll: select.poll) -> None:
        try:
            self._tell(source.ready(descriptor))
            self._count_news(descriptor)
        except Gone as reason:
            log.debug("one of %s says nothing more: %s", source.name, reason)
            poll.unregister(descriptor)
            del self._descriptors[descriptor]
        except Exception as error:  # noqa: BLE001
            self._fail(source, error, poll)

    def _count_news(self, descriptor: int) -> None:
        now = self._monotonic()
        if now - self._news_since >= 1:
            self._news.clear()
            self._news_since = now
        self._news[descriptor] += 1
        if self._news[descriptor] > _MOST_NEWS:
            raise RuntimeError(f"descriptor {descriptor} is never done")

    def _tell(self, events: Iterable[Event]) -> None:
        for event in events:
            self._events.add(event)
            now = self._monotonic()
            if now - self._woken_at >= _WAKE_SECONDS:
                self._woken_at = now
                self._wake(*event.collectors)

    def _fail(self, source: Source, error: Exception, poll: select.poll) -> None:
        log.warning("events of %s end: %s: %s", source.name, type(error).__name__, error)
        self._drop(source, poll)

    def _drop(self, source: Source, poll: select.poll) -> None:
        for descriptor in [one for one, owner in self._descriptors.items() if owner is source]:
            poll.unregister(descriptor)
            del self._descriptors[descriptor]
        self._sources.remove(source)
        source.close()
