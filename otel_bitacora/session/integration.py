"""The door for programs that want to know what a session amounts to, and what it did to the machine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from otel_bitacora.monitor.models import HardwareMetrics, SystemMetrics
from otel_bitacora.reporter.core.contract import LogStorage
from otel_bitacora.reporter.core.storage import JournalStorage

from .dev_metrics import DevMetrics
from .history import now_utc, session_figures


class MetricsSource(Protocol):
    """What is asked of a client: `MonitorClient(…)` and `MonitorClient.local()` both are one."""

    async def get_system_metrics(self) -> SystemMetrics: ...
    async def get_hardware_metrics(self) -> HardwareMetrics: ...


class BitacoraMonitorIntegration:
    """Joins what *client* says of the machine with what *storage*, by default the journal, says of a session."""

    def __init__(
        self,
        client: MetricsSource,
        storage: LogStorage | None = None,
        *,
        clock: Callable[[], datetime] = now_utc,
    ) -> None:
        self._client = client
        self._storage = storage if storage is not None else JournalStorage()
        self._clock = clock

    async def collect_development_metrics(self, session_id: str) -> DevMetrics:
        """Return the session's figures so far together with the machine as it is.

        Raises:
            SessionNotFound: the storage has no event of it.
            MonitorError: the client can't reach, or doesn't understand, the sidecar.
        """
        session, system, hardware = await asyncio.gather(
            session_figures(self._storage, session_id, clock=self._clock),
            self._client.get_system_metrics(),
            self._client.get_hardware_metrics(),
        )
        return DevMetrics.combine(session, system, hardware, collected_at=self._clock())
