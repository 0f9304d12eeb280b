"""otel-bitacora: watches a developer's machine and keeps its logs.

This is the public door. A name is loaded when it is first asked for, so that `import otel_bitacora`
costs a program that only logs nothing of what the monitor needs, and the other way round.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .domain.events import SessionEvent
    from .errors import BitacoraError, MonitorError, ReporterError
    from .monitor.client import MonitorClient
    from .monitor.metrics_stream import MetricsStream
    from .monitor.models import HardwareMetrics, NetworkMetrics, ProcessMetrics, SystemMetrics
    from .reporter.core.context import LogContext
    from .reporter.core.entry import LogEntry
    from .reporter.core.level import LogLevel
    from .reporter.handler import BitacoraHandler
    from .session.dev_metrics import DevMetrics
    from .session.integration import BitacoraMonitorIntegration
    from .session.reporting import BitacoraReportingSystem

__version__ = "0.1.0"

__all__ = [
    "BitacoraError",
    "BitacoraHandler",
    "BitacoraMonitorIntegration",
    "BitacoraReportingSystem",
    "DevMetrics",
    "HardwareMetrics",
    "LogContext",
    "LogEntry",
    "LogLevel",
    "MetricsStream",
    "MonitorClient",
    "MonitorError",
    "NetworkMetrics",
    "ProcessMetrics",
    "ReporterError",
    "SessionEvent",
    "SystemMetrics",
]

_HOMES = {
    "BitacoraError": ".errors",
    "BitacoraHandler": ".reporter.handler",
    "BitacoraMonitorIntegration": ".session.integration",
    "BitacoraReportingSystem": ".session.reporting",
    "DevMetrics": ".session.dev_metrics",
    "HardwareMetrics": ".monitor.models",
    "LogContext": ".reporter.core.context",
    "LogEntry": ".reporter.core.entry",
    "LogLevel": ".reporter.core.level",
    "MetricsStream": ".monitor.metrics_stream",
    "MonitorClient": ".monitor.client",
    "MonitorError": ".errors",
    "NetworkMetrics": ".monitor.models",
    "ProcessMetrics": ".monitor.models",
    "ReporterError": ".errors",
    "SessionEvent": ".domain.events",
    "SystemMetrics": ".monitor.models",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(_HOMES[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
