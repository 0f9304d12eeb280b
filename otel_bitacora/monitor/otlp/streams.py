"""Readings as the points of OpenTelemetry's metrics, those of one metric together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from opentelemetry.sdk.metrics import Exemplar as SdkExemplar
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    HistogramDataPoint,
    NumberDataPoint,
    Sum,
)
from opentelemetry.sdk.metrics.export import Histogram as SdkHistogram
from opentelemetry.sdk.metrics.export import Metric as SdkMetric

from bitacora_collectors.contract import AttributeValue, Histogram, Kind, Metric, Reading

_CUMULATIVE = AggregationTemporality.CUMULATIVE
_Series = frozenset[tuple[str, AttributeValue]]


@dataclass(slots=True)
class _Stream:
    """One metric's points by their attributes: a series that is given twice is sent once, the last of them."""

    metric: Metric
    numbers: dict[_Series, NumberDataPoint] = field(default_factory=dict)
    histograms: dict[_Series, HistogramDataPoint] = field(default_factory=dict)

    def finished(self) -> SdkMetric:
        metric = self.metric
        return SdkMetric(metric.name, metric.description, metric.unit, self._data())

    def _data(self) -> Gauge | Sum | SdkHistogram:
        match self.metric.kind:
            case Kind.HISTOGRAM:
                return SdkHistogram(list(self.histograms.values()), _CUMULATIVE)
            case Kind.GAUGE:
                return Gauge(list(self.numbers.values()))
            case kind:
                return Sum(list(self.numbers.values()), _CUMULATIVE, is_monotonic=kind is Kind.COUNTER)


class Streams:
    """What one Resource has, by metric."""

    def __init__(self) -> None:
        self._streams: dict[str, _Stream] = {}

    def add(self, reading: Reading, *, start_unix_nano: int, time_unix_nano: int) -> None:
        """Add *reading*, which was read at *time_unix_nano* and counts since *start_unix_nano*, but not since later."""
        metric, value, attributes = reading
        stream = self._streams.get(metric.name)
        if stream is None:
            stream = self._streams[metric.name] = _Stream(metric)
        series = frozenset(attributes.items())
        start_unix_nano = min(start_unix_nano, time_unix_nano)
        if isinstance(value, Histogram):
            stream.histograms[series] = _histogram_point(reading, value, start_unix_nano, time_unix_nano)
        else:
            stream.numbers[series] = NumberDataPoint(attributes, start_unix_nano, time_unix_nano, value)

    def finished(self) -> Sequence[SdkMetric]:
        return [stream.finished() for stream in self._streams.values()]


def _histogram_point(reading: Reading, value: Histogram, start: int, time: int) -> HistogramDataPoint:
    return HistogramDataPoint(
        attributes=reading.attributes,
        start_time_unix_nano=start,
        time_unix_nano=time,
        count=sum(value.counts),
        sum=value.sum,
        bucket_counts=value.counts,
        explicit_bounds=value.bounds,
        min=None,  # type: ignore[arg-type]  # nobody has kept them, and OTLP lets them be absent
        max=None,  # type: ignore[arg-type]
        exemplars=_exemplars(value),
    )


def _exemplars(value: Histogram) -> Sequence[SdkExemplar]:
    found = value.exemplar
    if found is None:
        return []
    trace_id = int(found.trace_id, 16) if found.trace_id else None
    span_id = int(found.span_id, 16) if found.span_id else None
    return [SdkExemplar({}, found.value, found.time_unix_nano, span_id, trace_id)]
