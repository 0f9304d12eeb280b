"""A machine to ask: a made-up one, which has load and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from otel_bitacora import MonitorClient
from otel_bitacora.testing import FakeMonitor


@pytest.fixture
def machine() -> Iterator[MonitorClient]:
    monitor = FakeMonitor()
    for span in ("1m", "5m", "15m"):
        monitor.set(f"system.cpu.load_average.{span}", 0.5)
    monitor.tick()
    yield monitor.client()
    monitor.close()
