"""Asks a sidecar, or a sampler in this process, what the machine is doing: the same typed models from both."""

from __future__ import annotations

import math
import ssl
from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn, Protocol, Self, TypeVar
from weakref import WeakSet

from bitacora_collectors.contract import Group
from otel_bitacora.errors import MissingExtra, MonitorUnsupported

from .api import DEFAULT_INTERVAL_SECONDS, LONGEST_SECONDS, SHORTEST_SECONDS
from .local import Local
from .metrics_stream import Connection, MetricsStream
from .models import HardwareMetrics, NetworkMetrics, ProcessMetrics, SystemMetrics

if TYPE_CHECKING:
    from otel_bitacora.settings import Settings

    from .sampler import Sampler

T = TypeVar("T")
DEFAULT_ENDPOINT = "http://127.0.0.1:9464"
GROUPS = tuple(group.value for group in Group)


class _Source(Protocol):
    """Where the models come from."""

    async def get(self, name: str, kind: type[T]) -> T: ...
    async def watch(self, groups: Iterable[str], interval_seconds: float) -> Connection: ...
    async def aclose(self) -> None: ...


class MonitorClient:
    """Asks the sidecar at *endpoint*; a getter takes *timeout_seconds* at the most, repeated attempts included.

    Without a *token* it is `BITACORA_TOKEN`, else, for an endpoint on this machine, that of this user's own sidecar.
    A user and password may be in the endpoint's URL; *ssl_context* is for a certificate that nobody else vouches for.
    Close it, or use it as an asynchronous context manager.

    Every method raises, beside what its docstring names:
        MonitorUnreachable: nobody answers there, or the connection broke.
        MonitorTimeout: there was no answer in time.
        MonitorUnauthorised: the token is missing, or wrong.
        MonitorProtocolError: what answers is no sidecar, or its answer is damaged.
        MonitorVersionMismatch: the sidecar's API is of another version.
        NotSampledYet: the sidecar has just started.
    """

    def __init__(
        self,
        endpoint: str = DEFAULT_ENDPOINT,
        token: str | None = None,
        timeout_seconds: float = 5.0,
        *,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        try:
            from .remote import Remote  # noqa: PLC0415 - a client that stays in this process needs no HTTP
        except ModuleNotFoundError as error:
            raise MissingExtra(f"MonitorClient needs {error.name}", "monitor") from error
        self._take(Remote(endpoint, token, _checked_timeout(timeout_seconds), ssl_context=ssl_context))

    @classmethod
    def local(cls, settings: Settings | None = None, *, timeout_seconds: float = 5.0) -> Self:
        """Return a client that needs no sidecar: it samples this machine in a thread of its own until it is closed.

        What the sidecar itself costs is absent.
        """
        return cls._in_process(lambda: _own_sampler(settings), timeout_seconds)

    @classmethod
    def of(cls, sampler: Sampler, *, timeout_seconds: float = 5.0) -> Self:
        """Return a client that answers from *sampler*, which it starts when it is first asked and stops when it is closed."""
        return cls._in_process(lambda: sampler, timeout_seconds)

    @classmethod
    def _in_process(cls, make_sampler: Callable[[], Sampler], timeout_seconds: float) -> Self:
        client = cls.__new__(cls)
        client._take(Local(make_sampler, _checked_timeout(timeout_seconds)))  # noqa: SLF001 - its own
        return client

    async def get_system_metrics(self) -> SystemMetrics:
        """Return operating system, load, process counts, pressure, control groups and services."""
        return await self._source.get("system", SystemMetrics)

    async def get_hardware_metrics(self) -> HardwareMetrics:
        """Return CPU, memory, disks, sensors, power and GPUs."""
        return await self._source.get("hardware", HardwareMetrics)

    async def get_network_metrics(self) -> NetworkMetrics:
        """Return interfaces with their traffic, connections and listening ports."""
        return await self._source.get("network", NetworkMetrics)

    async def get_process_metrics(self) -> ProcessMetrics:
        """Return every process, Bitacora's own, and what the sidecar costs."""
        return await self._source.get("process", ProcessMetrics)

    async def get_history(self) -> NoReturn:
        """Raise `MonitorUnsupported`: no sidecar keeps history so far."""
        raise MonitorUnsupported("history: this version of otel-bitacora keeps none; Prometheus can (/metrics)")

    def start_realtime_monitoring(
        self, interval_seconds: float = DEFAULT_INTERVAL_SECONDS, groups: Iterable[str] = GROUPS
    ) -> MetricsStream:
        """Return a stream of samples, which the machine is read for as often as they are wanted.

        *interval_seconds* is 0.1 to 3600; *groups* are among `system`, `hardware`, `network` and `process`, of which
        the last one is read once a second at the most.

        Raises:
            ValueError: the interval or a group isn't one of these.
        """
        wanted = _checked_groups(groups)
        seconds = _checked_interval(interval_seconds)
        stream = MetricsStream(self._connector(wanted, seconds))
        self._streams.add(stream)
        return stream

    async def aclose(self) -> None:
        """End its streams and close its connections."""
        for stream in tuple(self._streams):
            await stream.aclose()
        await self._source.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def _take(self, source: _Source) -> None:
        self._source = source
        self._streams: WeakSet[MetricsStream] = WeakSet()

    def _connector(self, groups: tuple[str, ...], interval_seconds: float) -> Callable[[], Awaitable[Connection]]:
        return lambda: self._source.watch(groups, interval_seconds)


def _own_sampler(settings: Settings | None) -> Sampler:
    from otel_bitacora.resource import identify_host  # noqa: PLC0415 - only this kind of client needs all this
    from otel_bitacora.settings import load_settings  # noqa: PLC0415

    from .registry import select  # noqa: PLC0415
    from .sampler import Sampler  # noqa: PLC0415

    chosen = load_settings().settings if settings is None else settings
    selection = select(chosen)
    return Sampler(selection.collectors, host=identify_host(chosen.monitor.root_path), timings=selection.timings)


def _checked_timeout(seconds: float) -> float:
    if not (0 < seconds < math.inf):
        raise ValueError(f"timeout_seconds = {seconds!r}: must be more than 0, and finite")
    return seconds


def _checked_interval(seconds: float) -> float:
    if not SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS:
        raise ValueError(f"interval_seconds = {seconds!r}: must be from {SHORTEST_SECONDS:g} to {LONGEST_SECONDS:g}")
    return seconds


def _checked_groups(groups: Iterable[str]) -> tuple[str, ...]:
    wanted = tuple(dict.fromkeys([groups] if isinstance(groups, str) else groups))
    for group in wanted or ("",):
        if group not in GROUPS:
            raise ValueError(f"groups: {group!r} is none; there are {', '.join(GROUPS)}")
    return wanted
