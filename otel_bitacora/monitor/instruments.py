"""Publishes a sampler through OpenTelemetry's metrics API: observable instruments that read the snapshot only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from opentelemetry.metrics import CallbackOptions, Meter, MeterProvider, Observation

from bitacora_collectors.contract import Histogram, Kind, Metric
from otel_bitacora import __version__
from otel_bitacora.resource import SCHEMA_URL

from .sampler import Sampler

SCOPE = "otel_bitacora.monitor"
Callback = Callable[[CallbackOptions], Iterator[Observation]]


def register(meter_provider: MeterProvider, sampler: Sampler) -> tuple[Metric, ...]:
    """Create an observable instrument for every metric of *sampler*; returns the metrics that got one.

    Counters become observable counters, up-down counters observable up-down counters, gauges
    observable gauges. Histograms have no asynchronous instrument and are left out; so are those of
    single executables and processes, since the SDK never lets go of an attribute set and has room for
    2,000: on a machine where programs come and go, it would be full. A callback reads the newest snapshot and never the host, so any number of readers see the same values; before the
    first snapshot it observes nothing.
    """
    meter = meter_provider.get_meter(SCOPE, __version__, schema_url=SCHEMA_URL)
    created = tuple(metric for metric in sampler.metrics if _has_instrument(metric))
    for metric in created:
        _create(meter, metric)(metric.name, [_callback(sampler, metric.name)], metric.unit, metric.description)
    return created


def _has_instrument(metric: Metric) -> bool:
    return metric.kind is not Kind.HISTOGRAM and "process.executable.name" not in metric.attributes


def _create(meter: Meter, metric: Metric) -> Callable[..., Any]:
    return {
        Kind.COUNTER: meter.create_observable_counter,
        Kind.UP_DOWN_COUNTER: meter.create_observable_up_down_counter,
        Kind.GAUGE: meter.create_observable_gauge,
    }[metric.kind]


def _callback(sampler: Sampler, name: str) -> Callback:
    def observe(_: CallbackOptions) -> Iterator[Observation]:
        if not sampler.is_ready:
            return
        family = sampler.snapshot.families.get(name)
        if family is None:
            return
        for reading in family.readings:
            if not isinstance(reading.value, Histogram):
                yield Observation(reading.value, reading.attributes)

    return observe
