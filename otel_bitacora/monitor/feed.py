"""Hands every new snapshot to whoever watches, each at an interval of its own, in one event loop.

Watchers with the same groups and interval share a channel, one subscription to the sampler, and one `Beat`, so that what
is made of it is made once. Whoever is slow finds the newest beat, and is told how many were dropped.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from bitacora_collectors.contract import Group

from .api import HEARTBEAT_SECONDS
from .realtime import FASTEST_SECONDS, Subscription
from .sampler import Sampler
from .snapshot import Snapshot


@dataclass(slots=True, eq=False)
class Beat:
    """One snapshot as it is handed to everybody on one channel."""

    number: int
    """How many intervals the sampler has run for: whoever finds a gap has missed what lies in it."""
    groups: frozenset[Group]
    snapshot: Snapshot
    text: bytes = b""
    """What an endpoint has made of it, kept for the next reader."""


@dataclass(slots=True, eq=False)
class _Channel:
    groups: frozenset[Group]
    interval_seconds: float
    subscription: Subscription
    number: int
    latest: Beat | None = None
    watchers: set[Watcher] = field(default_factory=set)

    def hand_out(self, snapshot: Snapshot) -> None:
        """Let all watchers take *snapshot*, if it is the first one of its interval."""
        number = round(snapshot.elapsed_seconds / self.interval_seconds)
        if number <= self.number:
            return
        self.number, self.latest = number, Beat(number, self.groups, snapshot)
        for watcher in self.watchers:
            watcher.take(self.latest)

    def join(self, watcher: Watcher, newest: Snapshot | None) -> None:
        """Add *watcher*, who takes the *newest* snapshot as that of the interval that is running."""
        self.watchers.add(watcher)
        if newest is None:
            return
        if self.latest is None or self.latest.snapshot is not newest:
            self.latest = Beat(self.number, self.groups, newest)
        watcher.take(self.latest)


class Feed:
    """All watchers of one sampler. Its methods are for the event loop of the watchers, which is only one at a time."""

    def __init__(self, sampler: Sampler) -> None:
        self.instance = secrets.token_hex(4)
        """Another one after each start of the program: beats of two of them can't be compared."""
        self._sampler = sampler
        self._channels: dict[tuple[frozenset[Group], float], _Channel] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._heartbeat: asyncio.TimerHandle | None = None
        self._newest: Snapshot | None = None
        self._taking = threading.Lock()
        self._is_closed = False
        sampler.on_snapshot(self._receive)

    @property
    def watchers(self) -> int:
        """How many there are now."""
        return sum(len(channel.watchers) for channel in self._channels.values())

    def watch(self, groups: Iterable[Group], interval_seconds: float) -> Watcher:
        """Return a watcher of *groups*; it is one from `async with` on, and gets the newest snapshot at once."""
        wanted = frozenset(groups)
        return Watcher(self, wanted, max(interval_seconds, min(FASTEST_SECONDS[group] for group in wanted)))

    def close(self) -> None:
        """End every watcher's beats, and those of whoever comes later."""
        self._is_closed = True
        for channel in self._channels.values():
            for watcher in channel.watchers:
                watcher.end()

    def _receive(self, snapshot: Snapshot) -> None:
        """Take *snapshot* to the event loop; called by the sampler's thread."""
        loop = self._loop
        if loop is None:
            return
        with self._taking:
            is_on_its_way, self._newest = self._newest is not None, snapshot
        if not is_on_its_way:  # or a loop that is busy would gather all that it can't look at
            with contextlib.suppress(RuntimeError):  # the loop has just been closed
                loop.call_soon_threadsafe(self._hand_out)

    def _hand_out(self) -> None:
        with self._taking:
            snapshot, self._newest = self._newest, None
        if snapshot is not None:
            for channel in self._channels.values():
                channel.hand_out(snapshot)

    def _join(self, watcher: Watcher) -> None:
        if self._is_closed:
            watcher.end()
            return
        if self._loop is None:
            self._loop, self._newest = asyncio.get_running_loop(), None
            self._heartbeat = self._loop.call_later(HEARTBEAT_SECONDS, self._beat_heart)
        key = (watcher.groups, watcher.interval_seconds)
        channel = self._channels.get(key)
        if channel is None:
            number = int(self._sampler.elapsed_seconds / watcher.interval_seconds) if self._sampler.is_ready else -1
            channel = self._channels[key] = _Channel(*key, self._sampler.subscribe(*key), number)
        channel.join(watcher, self._sampler.snapshot if self._sampler.is_ready else None)

    def _leave(self, watcher: Watcher) -> None:
        key = (watcher.groups, watcher.interval_seconds)
        channel = self._channels.get(key)
        if channel is None:
            return
        channel.watchers.discard(watcher)
        if not channel.watchers:
            del self._channels[key]
            channel.subscription.close()
        if not self._channels and self._heartbeat is not None:
            self._heartbeat.cancel()
            self._loop = self._heartbeat = None

    def _beat_heart(self) -> None:
        for channel in self._channels.values():
            for watcher in channel.watchers:
                watcher.nudge()
        if self._loop is not None:
            self._heartbeat = self._loop.call_later(HEARTBEAT_SECONDS, self._beat_heart)


class Watcher:
    """One reader of a feed, between `async with` and its end; iterated, it gives a beat, or None for a heartbeat."""

    def __init__(self, feed: Feed, groups: frozenset[Group], interval_seconds: float) -> None:
        self.groups = groups
        self.interval_seconds = interval_seconds
        self._feed = feed
        self._beat: Beat | None = None
        self._dropped = 0
        self._is_idle = False
        self._is_over = False
        self._news = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._feed._join(self)  # noqa: SLF001 - the two are one thing
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._feed._leave(self)  # noqa: SLF001
        self.end()  # somebody else may be waiting for the next beat

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Beat | None:
        await self._news.wait()
        if self._is_over:
            raise StopAsyncIteration
        self._news.clear()
        beat, self._beat = self._beat, None
        return beat

    def take(self, beat: Beat) -> None:
        """Have *beat* read next, in place of one that waits still."""
        if self._beat is not None:
            self._dropped += 1
        self._beat = beat
        self._is_idle = False
        self._news.set()

    def take_dropped(self) -> int:
        """Return how many beats have been dropped since this was last asked for."""
        dropped, self._dropped = self._dropped, 0
        return dropped

    def nudge(self) -> None:
        """Have None read next if nothing else was of late."""
        if self._is_idle:
            self._news.set()
        self._is_idle = True

    def end(self) -> None:
        """Have the iteration end."""
        self._is_over = True
        self._news.set()
