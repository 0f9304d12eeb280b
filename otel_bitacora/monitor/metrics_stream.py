"""The live stream as a program reads it: it connects again by itself, and counts what it missed meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable, Generator
from types import TracebackType
from typing import Protocol, Self

from otel_bitacora.errors import (
    MonitorError,
    MonitorProtocolError,
    MonitorTimeout,
    MonitorUnreachable,
    NotSampledYet,
)

from .models import MetricsSample

log = logging.getLogger("otel_bitacora.monitor")
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
_PASSING = (MonitorUnreachable, MonitorTimeout, MonitorProtocolError, NotSampledYet)


class Connection(Protocol):
    """What samples come from, for as long as it holds."""

    async def next(self) -> tuple[str, MetricsSample]:
        """Return the server's instance and its next sample."""
        ...

    async def aclose(self) -> None: ...


class MetricsStream:
    """An asynchronous iterator over samples; also an asynchronous context manager, and awaitable.

    It connects when it is first used: by `await`, by `async with`, or by asking for a sample. What goes wrong then is
    raised. Later it connects again by itself, after pauses that are drawn at random and grow to half a minute; only a
    token that is refused, or a version that isn't understood, is raised. No task runs in the background: a reader that
    is slow gets the newest sample, and `missed` grows.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[Connection]],
        *,
        draw: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._connect = connect
        self._draw = draw
        self._connection: Connection | None = None
        self._failures = 0
        self._instance: str | None = None
        self._number = -1
        self._closing = asyncio.Event()
        self._missed = 0
        self._reconnects = -1

    @property
    def missed(self) -> int:
        """How many samples there were, since the first one, that didn't arrive here."""
        return self._missed

    @property
    def reconnects(self) -> int:
        """How often the connection was made anew."""
        return max(0, self._reconnects)

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection, as far as is known."""
        return self._connection is not None

    def __await__(self) -> Generator[None, None, Self]:
        return self._opened().__await__()

    async def __aenter__(self) -> Self:
        return await self._opened()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> MetricsSample:
        while not self._closing.is_set():
            try:
                sample = await self._read()
            except BaseException as error:
                # Whatever it was, a timeout of the caller's too: what was read in part can't be read on.
                await self._disconnect()
                if self._closing.is_set() and isinstance(error, MonitorError):
                    break
                if self._number < 0 or not isinstance(error, _PASSING):
                    raise
                await self._pause(error)
            else:
                return sample
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """End the stream; whoever waits for a sample of it finds that it has ended."""
        self._closing.set()
        await self._disconnect()

    async def _opened(self) -> Self:
        if self._connection is None and not self._closing.is_set():
            self._connection = await self._connect()
            self._reconnects += 1
        return self

    async def _read(self) -> MetricsSample:
        await self._opened()
        while self._connection is not None:
            instance, sample = await self._connection.next()
            if instance != self._instance:
                # A server that was started anew: it counts from its own beginning.
                self._missed += sample.number if self._instance is not None else 0
            elif sample.number <= self._number:
                continue  # the newest one once more, after a quick reconnect
            else:
                self._missed += sample.number - self._number - 1
            self._instance, self._number, self._failures = instance, sample.number, 0
            return sample
        raise MonitorUnreachable("the stream has been closed")

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.aclose()

    async def _pause(self, error: MonitorError) -> None:
        longest = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2**self._failures)
        if self._failures == 0:
            log.warning("the stream broke and is connected again: %s", error)
        self._failures = min(self._failures + 1, 10)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), self._draw(0.0, longest))
