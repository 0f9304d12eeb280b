"""Draws the dashboard with the data of a live Prometheus, as SVG: Grafana's layout, by no means Grafana.

python tools/draw_dashboard.py http://127.0.0.1:9090 127.0.0.1:9464 > docs/host-dashboard.svg
"""

from __future__ import annotations

import json
import sys
import time
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

DASHBOARD = Path(__file__).parent.parent / "deploy/grafana/dashboards/host.json"
COLUMN, LINE, GAP, HEAD, FOOT = 50, 28, 6, 22, 34
PERIOD_SECONDS, STEP_SECONDS = 180, 3
COLORS = ("#7eb26d", "#eab839", "#6ed0e0", "#ef843c", "#e24d42", "#1f78c1", "#ba43a9", "#705da0")
Box = tuple[float, float, float, float]
Series = list[tuple[str, list[tuple[float, float]]]]


def main(prometheus: str, instance: str) -> str:
    model = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    bottom = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in model["panels"])
    width, height = 24 * COLUMN, bottom * LINE
    shown = "".join(drawn(panel, prometheus, instance) for panel in model["panels"])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">'
        f'<rect width="{width}" height="{height}" fill="#111217"/>{shown}</svg>\n'
    )


def drawn(panel: dict[str, Any], prometheus: str, instance: str) -> str:
    place = panel["gridPos"]
    x, y = place["x"] * COLUMN, place["y"] * LINE
    width, height = place["w"] * COLUMN - GAP, place["h"] * LINE - GAP
    if panel["type"] == "row":
        arrow = "▸" if panel["collapsed"] else "▾"
        return text(x + 4, y + 18, f"{arrow} {panel['title']}", 14, "#ccccdc")
    frame = f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="2" fill="#181b1f" stroke="#2c3235"/>'
    title = text(x + 8, y + 16, panel["title"], 12, "#ccccdc")
    series = asked(panel, prometheus, instance)
    if not series:
        return frame + title + text(x + width / 2 - 25, y + height / 2, "No data", 12, "#8e8e8e")
    if panel["type"] == "stat":
        return frame + title + number(panel, series, (x, y, width, height))
    return frame + title + graph(panel, series, (x + 8, y + HEAD, width - 16, height - HEAD - FOOT))


def asked(panel: dict[str, Any], prometheus: str, instance: str) -> Series:
    """Return what the panel's queries say of the last minutes."""
    now, found = time.time(), []
    for target in panel["targets"]:
        query = target["expr"].replace("$job", "bitacora").replace("$instance", instance)
        query = query.replace("$__rate_interval", "10s")
        period = {"start": now - PERIOD_SECONDS, "end": now, "step": STEP_SECONDS}
        with urlopen(f"{prometheus}/api/v1/query_range?{urlencode({'query': query, **period})}") as answer:  # noqa: S310
            results = json.load(answer)["data"]["result"]
        for result in results:
            legend = target["legendFormat"]
            for name, value in result["metric"].items():
                legend = legend.replace(f"{{{{{name}}}}}", value)
            found.append((legend, [(float(at), float(value)) for at, value in result["values"]]))
    return found[: len(COLORS)]


def number(panel: dict[str, Any], series: Series, box: Box) -> str:
    x, y, width, height = box
    value = series[0][1][-1][1]
    defaults = panel["fieldConfig"]["defaults"]
    steps = [one for one in defaults["thresholds"]["steps"] if one["value"] is None or value >= one["value"]]
    color = {"green": "#73bf69", "red": "#f2495c"}[steps[-1]["color"]]
    shown = said(value, defaults["unit"])
    return text(x + width / 2 - len(shown) * 8, y + height / 2 + 18, shown, 28, color)


def graph(panel: dict[str, Any], series: Series, box: Box) -> str:
    x, y, width, height = box
    defaults = panel["fieldConfig"]["defaults"]
    is_stacked = defaults["custom"]["stacking"]["mode"] == "normal"
    lines = stacked(series) if is_stacked else series
    top = defaults.get("max") or max((value for _, points in lines for _, value in points), default=1) or 1
    last = max(points[-1][0] for _, points in lines)
    parts = [text(x, y + 9, said(top, defaults["unit"]), 9, "#8e8e8e")]
    for index, (_, points) in reversed(list(enumerate(lines))):
        color = COLORS[index % len(COLORS)]
        corners = [
            f"{x + width * (1 - (last - at) / PERIOD_SECONDS):.1f},{y + height * (1 - max(0, value) / top):.1f}"
            for at, value in points
        ]
        if is_stacked:
            ends = f"{corners[-1].split(',')[0]},{y + height} {corners[0].split(',')[0]},{y + height}"
            parts.append(f'<polygon points="{" ".join(corners)} {ends}" fill="{color}" fill-opacity="0.75"/>')
        else:
            parts.append(f'<polyline points="{" ".join(corners)}" fill="none" stroke="{color}" stroke-width="1.3"/>')
    return "".join(parts) + legend(series, x, y + height + 14, width)


def stacked(series: Series) -> Series:
    below: dict[float, float] = {}
    found = []
    for name, points in series:
        for at, value in points:
            below[at] = below.get(at, 0) + value
        found.append((name, [(at, below[at]) for at, _ in points]))
    return found


def legend(series: Series, x: float, y: float, width: float) -> str:
    parts, at, line = [], x, 0
    for index, (name, _) in enumerate(series):
        length = 16 + len(name) * 5.6
        if at + length > x + width:
            at, line = x, line + 1
        if line > 1:
            break
        parts.append(text(at, y + line * 13, f"— {name}", 10, COLORS[index % len(COLORS)]))
        at += length + 8
    return "".join(parts)


def said(value: float, unit: str) -> str:
    if unit == "percentunit":
        return f"{value * 100:.3g}%"
    if unit == "s" and value >= 3600:
        return f"{value / 3600:.3g} h"
    for limit, prefix in ((2**30, "Gi"), (2**20, "Mi"), (2**10, "Ki")):
        if unit in ("bytes", "Bps") and value >= limit:
            return f"{value / limit:.3g} {prefix}B" + ("/s" if unit == "Bps" else "")
    if unit == "hertz":
        return f"{value / 1e9:.3g} GHz"
    suffix = {"bytes": " B", "Bps": " B/s", "s": " s", "cps": "/s", "celsius": " °C", "watt": " W"}
    return f"{value:.3g}{suffix.get(unit, '')}"


def text(x: float, y: float, content: str, size: int, color: str) -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" fill="{color}">{escape(content)}</text>'


if __name__ == "__main__":
    sys.stdout.write(main(*sys.argv[1:]))
