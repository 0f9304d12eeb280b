"""What a dashboard is made of, and queries that can only ask for metrics and labels that exist."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from otel_bitacora.monitor.names import label_name
from otel_bitacora.ops.catalogue import CatalogueRow

_MATCHER = re.compile(r'(?P<attribute>[\w.]+)(?P<test>(?:=~|!~|!=|=)"[^"]*")')


class Look(StrEnum):
    """How a panel shows its queries."""

    LINES = "lines"
    STACK = "stack"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class Query:
    """PromQL, and what its series are called: text with `{{label}}` in it."""

    expression: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    title: str
    queries: tuple[Query, ...]
    unit: str
    """Of OpenTelemetry (UCUM), such as `By/s`; `1` is a share, to be shown in per cent."""
    look: Look = Look.LINES
    description: str = ""
    warn_at: float | None = None
    """From which value on a number is red; below zero: from which downwards, as -0.1 for 0.1."""
    top: float | None = None
    """The highest value that there can be."""


@dataclass(frozen=True, slots=True)
class Row:
    title: str
    panels: tuple[Panel, ...]
    is_open: bool = True
    """Closed is what many machines have nothing of: closed rows ask Prometheus for nothing."""


@dataclass(frozen=True, slots=True)
class Dashboard:
    uid: str
    title: str
    rows: tuple[Row, ...]


class Metrics:
    """The catalogue, by OpenTelemetry name."""

    def __init__(self, rows: Iterable[CatalogueRow]) -> None:
        self._rows = {row.name: row for row in rows}

    def select(self, name: str, *matchers: str) -> str:
        """Return the selector of *name* on the dashboard's host, with matchers such as `cpu.mode!="idle"`.

        Raises:
            KeyError: there is no such metric.
            ValueError: it has no such attribute.
        """
        row = self._rows[name]
        tests = ['job="$job"', 'instance="$instance"', *(self._matcher(row, one) for one in matchers)]
        return f"{row.prometheus}{{{','.join(tests)}}}"

    def rate(self, name: str, *matchers: str) -> str:
        """Return what is added to the counter *name* in a second."""
        if self._rows[name].instrument != "counter":
            raise ValueError(f"{name} is no counter")
        return f"rate({self.select(name, *matchers)}[$__rate_interval])"

    def by(self, name: str, *attributes: str) -> str:
        """Return a legend of the values that *attributes* of *name* have."""
        known = self._rows[name].attributes
        if missing := set(attributes) - set(known):
            raise ValueError(f"{name} has no {', '.join(sorted(missing))}: it has {', '.join(known)}")
        return " ".join(f"{{{{{label_name(one)}}}}}" for one in attributes)

    def describe(self, *names: str) -> str:
        """Return the meanings of metrics, each once."""
        return " ".join(dict.fromkeys(self._rows[name].description for name in names))

    def unit(self, name: str) -> str:
        return self._rows[name].unit

    @staticmethod
    def _matcher(row: CatalogueRow, text: str) -> str:
        match = _MATCHER.fullmatch(text)
        if match is None or match["attribute"] not in row.attributes:
            raise ValueError(
                f"{row.name} can't be asked for {text}: it has {', '.join(row.attributes) or 'no attributes'}"
            )
        return label_name(match["attribute"]) + match["test"]


def by(m: Metrics, name: str, *attributes: str) -> tuple[str, str]:
    """Return the query for *name* as it is, and a legend of *attributes*."""
    return m.select(name), m.by(name, *attributes)


def number(title: str, expression: str, unit: str, *, warn_at: float | None = None) -> Panel:
    """Return a panel of one figure."""
    return Panel(title, (Query(expression),), unit, Look.NUMBER, warn_at=warn_at)


def lines(
    m: Metrics, title: str, name: str, query: tuple[str, str], *, unit: str | None = None, top: float | None = None
) -> Panel:
    """Return a panel of lines, one for each series of *query*, and what *name* means."""
    return Panel(title, (Query(*query),), unit or m.unit(name), description=m.describe(name), top=top)


def stack(
    m: Metrics,
    title: str,
    name: str,
    expression: str,
    legend: str,
    *,
    unit: str | None = None,
    top: float | None = None,
) -> Panel:
    """Return a panel of areas on top of each other, which make up a whole."""
    shown = (Query(expression, legend),)
    return Panel(title, shown, unit or m.unit(name), Look.STACK, description=m.describe(name), top=top)
