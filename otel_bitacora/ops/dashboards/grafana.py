"""A dashboard as the JSON that Grafana 10 and newer imports."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from .panels import Dashboard, Look, Panel, Query, Row

_SCHEMA = 39  # of Grafana 10.4; newer ones migrate it when they load it
_COLUMNS = 24
_NUMBER_SIZE = (3, 4)
_GRAPH_HEIGHT = 8
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_UNITS = {
    "1": "percentunit",
    "By": "bytes",
    "By/s": "Bps",
    "Cel": "celsius",
    "Hz": "hertz",
    "V": "volt",
    "W": "watt",
    "rpm": "rotrpm",
    "s": "s",
    "/s": "cps",
}
"""Of UCUM to Grafana's; what is counted, such as `{thread}`, has none there."""

_Json = dict[str, Any]


def grafana_json(dashboard: Dashboard) -> _Json:
    """Return *dashboard* as Grafana's model, with variables for data source, job and instance."""
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "tags": ["otel-bitacora"],
        "schemaVersion": _SCHEMA,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "",
        "links": [],
        "annotations": {"list": [_alerts()]},
        "templating": {"list": list(_variables())},
        "panels": list(_laid_out(dashboard.rows)),
    }


def grafana_text(dashboard: Dashboard) -> str:
    """Return *dashboard* as the file that Grafana imports and provisions."""
    return json.dumps(grafana_json(dashboard), indent=2, ensure_ascii=False) + "\n"


def _variables() -> Iterator[_Json]:
    yield {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "refresh": 1}
    yield _label_values("job", "Job", "label_values(bitacora_collector_success, job)")
    yield _label_values("instance", "Host", 'label_values(bitacora_collector_success{job="$job"}, instance)')


def _label_values(name: str, label: str, query: str) -> _Json:
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": _SOURCE,
        "definition": query,
        "query": {"qryType": 1, "query": query, "refId": f"variable-{name}"},
        "refresh": 2,
        "sort": 1,
        "includeAll": False,
        "multi": False,
    }


def _alerts() -> _Json:
    return {
        "name": "Alerts",
        "datasource": _SOURCE,
        "enable": True,
        "iconColor": "red",
        "expr": 'ALERTS{alertstate="firing",job="$job",instance="$instance"}',
        "titleFormat": "{{alertname}}",
    }


def _laid_out(rows: tuple[Row, ...]) -> Iterator[_Json]:
    """Yield rows and panels with their places: from left to right, each row of panels below the last."""
    number, y = 1, 0
    for row in rows:
        heading = {
            "id": number,
            "type": "row",
            "title": row.title,
            "collapsed": not row.is_open,
            "gridPos": _place(0, y, _COLUMNS, 1),
            "panels": [],
        }
        y += 1
        panels, y_after = _placed(row.panels, number + 1, y)
        number += 1 + len(panels)
        if row.is_open:
            yield heading
            yield from panels
            y = y_after
        else:
            yield {**heading, "panels": panels}


def _placed(panels: tuple[Panel, ...], number: int, y: int) -> tuple[list[_Json], int]:
    """Return *panels* from line *y* on, numbered from *number*, and the first line below them."""
    placed: list[_Json] = []
    graph_width = _COLUMNS // (3 if len(panels) % 3 == 0 else 4)  # so that as few places as can be stay empty
    x = tallest = 0
    for panel in panels:
        width, height = _NUMBER_SIZE if panel.look is Look.NUMBER else (graph_width, _GRAPH_HEIGHT)
        if x + width > _COLUMNS:
            x, y, tallest = 0, y + tallest, 0
        placed.append({"id": number + len(placed), "gridPos": _place(x, y, width, height), **_panel(panel)})
        x, tallest = x + width, max(tallest, height)
    return placed, y + tallest


def _place(x: int, y: int, width: int, height: int) -> _Json:
    return {"x": x, "y": y, "w": width, "h": height}


def _panel(panel: Panel) -> _Json:
    is_number = panel.look is Look.NUMBER
    return {
        "type": "stat" if is_number else "timeseries",
        "title": panel.title,
        "description": panel.description,
        "datasource": _SOURCE,
        "targets": [_target(index, query, is_number) for index, query in enumerate(panel.queries)],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "options": _NUMBER_OPTIONS if is_number else _LINES_OPTIONS,
    }


def _target(index: int, query: Query, is_instant: bool) -> _Json:
    return {
        "refId": chr(ord("A") + index),
        "datasource": _SOURCE,
        "editorMode": "code",
        "expr": query.expression,
        "legendFormat": query.legend or "__auto",
        "instant": is_instant,
        "range": not is_instant,
    }


def _defaults(panel: Panel) -> _Json:
    defaults: _Json = {"unit": _UNITS.get(panel.unit, "short"), "thresholds": _thresholds(panel.warn_at)}
    if panel.top is not None:
        defaults |= {"min": 0, "max": panel.top}
    if panel.look is Look.NUMBER:
        return {**defaults, "color": {"mode": "thresholds"}}
    stacking = "normal" if panel.look is Look.STACK else "none"
    custom = {
        "drawStyle": "line",
        "lineWidth": 1,
        "fillOpacity": 40 if panel.look is Look.STACK else 8,
        "showPoints": "auto",
        "stacking": {"mode": stacking, "group": "A"},
    }
    return {**defaults, "color": {"mode": "palette-classic"}, "custom": custom}


def _thresholds(warn_at: float | None) -> _Json:
    if warn_at is None:
        steps: list[_Json] = [{"color": "green", "value": None}]
    elif warn_at < 0:
        steps = [{"color": "red", "value": None}, {"color": "green", "value": -warn_at}]
    else:
        steps = [{"color": "green", "value": None}, {"color": "red", "value": warn_at}]
    return {"mode": "absolute", "steps": steps}


_NUMBER_OPTIONS: _Json = {
    "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    "colorMode": "value",
    "graphMode": "none",
    "justifyMode": "auto",
    "orientation": "auto",
    "textMode": "value",
}
_LINES_OPTIONS: _Json = {
    "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
    "tooltip": {"mode": "multi", "sort": "desc"},
}
