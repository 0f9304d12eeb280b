"""Every metric as a table: what `otel-bitacora metrics` prints and docs/METRICS.md is made from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bitacora_collectors.contract import Collector, Metric
from otel_bitacora.monitor.names import label_name, sample_name
from otel_bitacora.monitor.snapshot import HEALTH_METRICS

_HEAD = """\
# Metrics

Made by `make docs` from the collectors themselves (`otel-bitacora metrics --markdown`): don't edit it.
Names are those of the OpenTelemetry semantic conventions 1.44 where these speak, else the
OpenTelemetry Collector's; `bitacora.*` are our own. Labels in Prometheus are the attributes with `_` for `.`.
A metric that a host can't tell is absent, never zero.

"""
_INSTRUMENTS = {
    "counter": "counter",
    "updowncounter": "up-down counter",
    "gauge": "gauge",
    "histogram": "histogram",
}


@dataclass(frozen=True, slots=True)
class CatalogueRow:
    name: str
    prometheus: str
    instrument: str
    unit: str
    attributes: tuple[str, ...]
    labels: tuple[str, ...]
    group: str
    collectors: str
    """The collectors that publish it, separated by commas."""
    description: str


def catalogue(collectors: Iterable[Collector]) -> list[CatalogueRow]:
    """Return every metric of *collectors* and of the sampler that reads them."""
    owners: dict[str, tuple[Metric, list[str]]] = {}
    for collector in collectors:
        _claim(owners, collector.name, collector.metrics)
    _claim(owners, "every collector", HEALTH_METRICS)
    return [_row(metric, ", ".join(names)) for metric, names in owners.values()]


def catalogue_markdown(rows: Iterable[CatalogueRow]) -> str:
    """Return *rows* as the Markdown document, a section for each collector."""
    sections: dict[str, list[CatalogueRow]] = {}
    for row in rows:
        sections.setdefault(row.collectors, []).append(row)
    return _HEAD + "\n".join(_section(name, found) for name, found in sections.items())


def _claim(owners: dict[str, tuple[Metric, list[str]]], name: str, metrics: Iterable[Metric]) -> None:
    for metric in metrics:
        owners.setdefault(metric.name, (metric, []))[1].append(name)


def _row(metric: Metric, collectors: str) -> CatalogueRow:
    return CatalogueRow(
        name=metric.name,
        prometheus=sample_name(metric),
        instrument=_INSTRUMENTS[metric.kind.value],
        unit=metric.unit,
        attributes=metric.attributes,
        labels=tuple(map(label_name, metric.attributes)),
        group=metric.group.value,
        collectors=collectors,
        description=metric.description,
    )


def _section(name: str, rows: Iterable[CatalogueRow]) -> str:
    lines = [
        f"## {name}",
        "",
        "| OpenTelemetry | Prometheus | instrument | unit | attributes | meaning |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        attributes = ", ".join(f"`{key}`" for key in row.attributes) or "-"
        names = f"`{row.name}` | `{row.prometheus}`"
        lines.append(f"| {names} | {row.instrument} | `{row.unit}` | {attributes} | {row.description} |")
    return "\n".join(lines) + "\n"
