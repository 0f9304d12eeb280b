"""A snapshot as Prometheus text, written directly: the library costs fifty times as much per series.

What is spent on a series once (name, labels, escaping) is kept from scrape to scrape, as are the lines of readings
that are the same objects as before, and what became of them compressed; a finished body is kept until the next
snapshot, since it can't have changed.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from bitacora_collectors.contract import Attributes, AttributeValue, Histogram, Kind, Metric, Reading

from .compression import Compressor
from .names import family_name, label_name, sample_name, unit_name
from .series_lines import SeriesLines
from .snapshot import CollectorState, Family, Snapshot, gather

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_TYPES = {
    Kind.COUNTER: "counter",
    Kind.UP_DOWN_COUNTER: "gauge",
    Kind.GAUGE: "gauge",
    Kind.HISTOGRAM: "histogram",
}
_KEPT_BODIES = 16  # a body for each format, encoding and choice of collectors that is being scraped


@dataclass(frozen=True, slots=True)
class Choice:
    """Which body is wanted."""

    openmetrics: bool = False
    gzip: bool = False
    collectors: frozenset[str] = frozenset()
    """Only these; empty: all."""


class Exposition:
    """Renders snapshots for one target, *resource* being what `target_info` says. Safe to use from any thread."""

    def __init__(self, resource: Mapping[str, str]) -> None:
        self._resource = dict(resource)
        self._series: dict[str, SeriesLines] = {}
        self._bodies: dict[Choice, bytes] = {}
        self._bodies_of = 0
        self._compressor = Compressor()
        self._lock = threading.Lock()

    def body(self, snapshot: Snapshot, choice: Choice = Choice()) -> bytes:
        """Return the body of a scrape; the same snapshot and choice are rendered once."""
        with self._lock:
            if self._bodies_of != snapshot.sequence:
                self._bodies.clear()
                self._bodies_of = snapshot.sequence
            body = self._bodies.get(choice)
            if body is None:
                body = self._render_choice(snapshot, choice)
                if len(self._bodies) < _KEPT_BODIES:
                    self._bodies[choice] = body
            return body

    def _render_choice(self, snapshot: Snapshot, choice: Choice) -> bytes:
        families: Mapping[str, Family] = snapshot.families
        if choice.collectors:
            families = gather(_chosen(snapshot.states, choice.collectors))
        parts = self._parts(families.values(), openmetrics=choice.openmetrics)
        return self._compressor.compress(parts) if choice.gzip else b"".join(parts)

    def render(self, families: Iterable[Family], *, openmetrics: bool = False) -> bytes:
        """Return *families* as Prometheus text 0.0.4, or as OpenMetrics 1.0."""
        return b"".join(self._parts(families, openmetrics=openmetrics))

    def _parts(self, families: Iterable[Family], *, openmetrics: bool) -> Iterator[bytes]:
        yield _target_info(self._resource, openmetrics=openmetrics).encode()
        for family in families:
            yield _head(family.metric, openmetrics=openmetrics)
            if family.metric.kind is Kind.HISTOGRAM:
                yield "".join(_histogram_lines(family, openmetrics=openmetrics)).encode()
            else:
                yield from self._number_lines(family)
        if openmetrics:
            yield b"# EOF\n"

    def _number_lines(self, family: Family) -> Sequence[bytes]:
        name = family.metric.name
        series = self._series.get(name)
        if series is None:
            sample = sample_name(family.metric)
            series = self._series[name] = SeriesLines(lambda attributes: f"{sample}{_labels(attributes)} ")
        return series.parts(family.readings)


def _chosen(states: Iterable[CollectorState], names: frozenset[str]) -> Iterator[CollectorState]:
    return (state for state in states if state.name in names)


@cache
def _head(metric: Metric, *, openmetrics: bool) -> bytes:
    name = family_name(metric) if openmetrics else sample_name(metric)
    head = f"# HELP {name} {_escape_help(metric.description)}\n# TYPE {name} {_TYPES[metric.kind]}\n"
    unit = unit_name(metric.unit)
    return (f"{head}# UNIT {name} {unit}\n" if openmetrics and unit else head).encode()


def _target_info(resource: Mapping[str, str], *, openmetrics: bool) -> str:
    name, kind = ("target", "info") if openmetrics else ("target_info", "gauge")
    labels = _labels(resource)
    return f"# HELP {name} Target metadata\n# TYPE {name} {kind}\ntarget_info{labels} {1 if openmetrics else 1.0}\n"


def _histogram_lines(family: Family, *, openmetrics: bool) -> Iterator[str]:
    name = sample_name(family.metric)
    for reading in family.readings:
        histogram = reading.value
        if not isinstance(histogram, Histogram):
            continue
        labels = _labels(reading.attributes)
        count = 0
        for bound, below in zip((*map(str, map(float, histogram.bounds)), "+Inf"), histogram.counts, strict=True):
            count += below
            exemplar = _exemplar(reading, bound) if openmetrics else ""
            yield f"{name}_bucket{_labels({**reading.attributes, 'le': bound})} {count}{exemplar}\n"
        yield f"{name}_sum{labels} {histogram.sum!r}\n{name}_count{labels} {count}\n"


def _exemplar(reading: Reading, bound: str) -> str:
    """Return the exemplar of a histogram behind the bucket that holds it, and nothing behind the others."""
    histogram = reading.value
    if not isinstance(histogram, Histogram) or histogram.exemplar is None:
        return ""
    exemplar = histogram.exemplar
    holds = next((upper for upper in histogram.bounds if exemplar.value <= upper), None)
    if bound != ("+Inf" if holds is None else str(float(holds))):
        return ""
    ids = {"trace_id": exemplar.trace_id, "span_id": exemplar.span_id}
    labels = _labels({key: value for key, value in ids.items() if value}) or "{}"
    return f" # {labels} {exemplar.value!r} {exemplar.time_unix_nano / 1e9!r}"


def _labels(attributes: Attributes) -> str:
    if not attributes:
        return ""
    pairs = {label_name(key): _label_value(value) for key, value in attributes.items()}
    return "{" + ",".join(f'{label}="{value}"' for label, value in sorted(pairs.items())) + "}"


def _label_value(value: AttributeValue) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _escape_help(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")
