"""User code that mypy checks in strict mode (`make check`); it isn't run."""

from collections.abc import Iterator

import loguru
import structlog
from opentelemetry.sdk._logs import LoggerProvider  # noqa: TID251  # as applications do

from bitacora_collectors.contract import Collector, Group, Host, Kind, Metric, Reading
from otel_bitacora import (
    BitacoraError,
    BitacoraHandler,
    HardwareMetrics,
    MetricsStream,
    MonitorClient,
    MonitorError,
    SystemMetrics,
)
from otel_bitacora.monitor.sampler import Sampler
from otel_bitacora.reporter.core.bridges import EventDict, loguru_sink, structlog_renderer
from otel_bitacora.reporter.core.otel import JournalLogProcessor
from otel_bitacora.resource import identify_host

SKY = Metric("weather.cloud.cover", Kind.GAUGE, "1", "Clouds.", Group.HARDWARE)


class Weather:
    name = "weather"
    group = Group.HARDWARE
    metrics = (SKY,)
    interval_seconds = 60.0

    def __init__(self, host: Host) -> None:
        self._host = host

    def collect(self) -> Iterator[Reading]:
        yield Reading(SKY, 0.5)


def a_class_is_a_collector() -> Collector:
    return Weather(Host())


def models_are_typed(hardware: HardwareMetrics, system: SystemMetrics) -> float:
    used: int = hardware.memory.used_bytes if hardware.memory else 0
    load: float = system.load.average_1m if system.load else 0.0
    return used + load


def errors_are_a_tree() -> None:
    try:
        Sampler([a_class_is_a_collector()], host=identify_host()).tick()
    except MonitorError as error:
        root: BitacoraError = error
        raise root from None


async def a_client_is_typed_wherever_it_asks() -> float:
    async with MonitorClient("http://127.0.0.1:9464", token=None, timeout_seconds=5) as client:
        hardware: HardwareMetrics = await client.get_hardware_metrics()
        stream: MetricsStream = await client.start_realtime_monitoring(interval_seconds=0.5, groups=["system"])
        async for sample in stream:
            system: SystemMetrics | None = sample.system
            return system.load.average_1m if system and system.load else 0.0
        async with MonitorClient.local() as local, local.start_realtime_monitoring() as live:
            missed: int = live.missed
            return missed + (hardware.memory.used_bytes if hardware.memory else 0)


def others_loggers_take_our_parts(provider: LoggerProvider) -> None:
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, structlog_renderer])
    loguru.logger.add(loguru_sink(BitacoraHandler(processors=[EventDict()])), level="TRACE")
    provider.add_log_record_processor(JournalLogProcessor(sync="always", max_bytes="1GiB"))
