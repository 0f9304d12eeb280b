"""Answers what a sidecar would, from a sampler in this process."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from typing import TypeVar, cast

from bitacora_collectors.contract import Group
from otel_bitacora.errors import MonitorUnreachable, NotSampledYet

from .feed import Feed, Watcher
from .modelling import MODELS, moment
from .models import MetricsSample
from .sampler import Sampler
from .snapshot import Snapshot

T = TypeVar("T")


class Local:
    """A sampler of its own, started when it is first asked and stopped when it is closed."""

    name = "the sampler of this process"

    def __init__(self, make_sampler: Callable[[], Sampler], timeout_seconds: float) -> None:
        self._make_sampler = make_sampler
        self._timeout_seconds = timeout_seconds
        self._running: tuple[Sampler, Feed] | None = None

    async def get(self, name: str, kind: type[T]) -> T:  # noqa: ARG002 - the kind is the other's way to say it
        """Return the model *name* of the newest snapshot.

        Raises:
            NotSampledYet: the first one takes longer than the time-out.
        """
        sampler, _ = self._run()
        return cast("T", MODELS[Group(name)](await self._first(sampler)))

    async def watch(self, groups: Iterable[str], interval_seconds: float) -> LocalStream:
        """Return the stream of *groups*."""
        _, feed = self._run()
        watcher = feed.watch(map(Group, groups), interval_seconds)
        await watcher.__aenter__()
        return LocalStream(watcher, feed.instance)

    async def aclose(self) -> None:
        """Stop the sampler."""
        running, self._running = self._running, None
        if running is not None:
            sampler, feed = running
            feed.close()
            sampler.stop(timeout_seconds=0.2)

    def _run(self) -> tuple[Sampler, Feed]:
        if self._running is None:
            sampler = self._make_sampler()
            self._running = sampler, Feed(sampler)
            sampler.start()
        return self._running

    async def _first(self, sampler: Sampler) -> Snapshot:
        """Return the newest snapshot, waiting for the first one."""
        if not sampler.is_ready:
            is_ready, loop = asyncio.Event(), asyncio.get_running_loop()

            def tell(_: Snapshot) -> None:
                with contextlib.suppress(RuntimeError):  # the loop has ended before the first sample came
                    loop.call_soon_threadsafe(is_ready.set)

            forget = sampler.on_snapshot(tell)
            try:
                if not sampler.is_ready:
                    await asyncio.wait_for(is_ready.wait(), self._timeout_seconds)
            except TimeoutError:
                raise NotSampledYet(f"the first sample takes longer than {self._timeout_seconds:g} s") from None
            finally:
                forget()
        return sampler.snapshot


class LocalStream:
    """One watcher of the feed, as samples."""

    def __init__(self, watcher: Watcher, instance: str) -> None:
        self._watcher = watcher
        self._instance = instance

    async def next(self) -> tuple[str, MetricsSample]:
        """Return the feed's instance and its next sample."""
        async for beat in self._watcher:
            if beat is not None:
                snapshot = beat.snapshot
                models = {group.value: MODELS[group](snapshot) if group in beat.groups else None for group in Group}
                sample = MetricsSample(beat.number, moment(snapshot.time_unix_nano), **models)  # type: ignore[arg-type]  # by name, each is its own
                return self._instance, sample
        raise MonitorUnreachable("the sampler of this process has been stopped")

    async def aclose(self) -> None:
        """Stop watching."""
        await self._watcher.__aexit__(None, None, None)
