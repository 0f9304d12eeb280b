"""The dashboard as Grafana wants it, and asking for nothing that isn't published."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from otel_bitacora.cli.app import app
from otel_bitacora.ops.catalogue import CatalogueRow, catalogue
from otel_bitacora.ops.dashboards.grafana import grafana_json
from otel_bitacora.ops.dashboards.host import host_dashboard
from otel_bitacora.ops.dashboards.panels import Dashboard, Look, Metrics, Panel, Query, Row
from otel_bitacora.settings import Settings
from otel_bitacora.sidecar.sampling import select_with_own

Selectors = Callable[[str], list[Any]]
ROOT = Path(__file__).parent.parent.parent
# The ids that Grafana's list of units has (packages/grafana-data/src/valueFormats/categories.ts), of those we use.
GRAFANA_UNITS = {
    *("percentunit", "bytes", "Bps", "celsius", "hertz", "volt", "watt", "rotrpm", "s", "cps", "short", "dBm")
}


@pytest.fixture(scope="module")
def rows() -> list[CatalogueRow]:
    return catalogue(select_with_own(Settings()).collectors)


@pytest.fixture(scope="module")
def model(rows: list[CatalogueRow]) -> dict[str, Any]:
    return grafana_json(host_dashboard(rows))


def panels(model: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every panel, those of closed rows too, and no rows."""
    for panel in model["panels"]:
        if panel["type"] == "row":
            yield from panel["panels"]
        else:
            yield panel


def expressions(model: dict[str, Any]) -> list[str]:
    return [target["expr"] for panel in panels(model) for target in panel["targets"]]


def test_ids_are_unique_and_panels_do_not_overlap(model: dict[str, Any]) -> None:
    everything = [*model["panels"], *(inner for panel in model["panels"] for inner in panel.get("panels", ()))]

    ids = [panel["id"] for panel in everything]
    assert len(set(ids)) == len(ids)
    for shown in (model["panels"], *(panel["panels"] for panel in model["panels"] if panel.get("panels"))):
        cells = [cell for panel in shown for cell in cells_of(panel["gridPos"])]
        assert len(set(cells)) == len(cells)


def cells_of(place: dict[str, int]) -> list[tuple[int, int]]:
    assert 0 <= place["x"] < place["x"] + place["w"] <= 24
    return [(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])]


def test_a_closed_row_holds_its_panels_and_an_open_one_is_followed_by_them(model: dict[str, Any]) -> None:
    found = [panel for panel in model["panels"] if panel["type"] == "row"]

    assert {row["collapsed"] for row in found} == {True, False}
    assert all(bool(row["panels"]) is row["collapsed"] for row in found)


def test_panels_have_what_grafana_asks_for(model: dict[str, Any]) -> None:
    for panel in panels(model):
        assert panel["type"] in {"timeseries", "stat"}
        assert panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"] in GRAFANA_UNITS
        steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        assert steps[0]["value"] is None
        references = [target["refId"] for target in panel["targets"]]
        assert references
        assert len(set(references)) == len(references)


def test_every_variable_that_is_used_is_defined(model: dict[str, Any]) -> None:
    defined = {variable["name"] for variable in model["templating"]["list"]}

    used = set(re.findall(r"\$\{?(\w+)", json.dumps(model))) - {"__rate_interval"}

    assert used == defined == {"datasource", "job", "instance"}


def test_titles_are_unique(model: dict[str, Any]) -> None:
    titles = [panel["title"] for panel in panels(model)]

    assert len(set(titles)) == len(titles)


def test_queries_ask_for_metrics_and_labels_of_the_catalogue(
    model: dict[str, Any], rows: list[CatalogueRow], selectors: Selectors
) -> None:
    labels = {row.prometheus: {*row.labels, "job", "instance"} for row in rows}

    for expression in expressions(model):
        asked = selectors(expression)
        assert asked, expression
        for selector in asked:
            names = {matcher.name for matcher in selector.matchers.matchers}
            assert {"job", "instance"} <= names <= labels[selector.name], expression


def test_every_collector_of_the_monitor_has_a_panel(
    model: dict[str, Any], rows: list[CatalogueRow], selectors: Selectors
) -> None:
    asked = {selector.name for expression in expressions(model) for selector in selectors(expression)}

    shown = {name for row in rows if row.prometheus in asked for name in row.collectors.split(", ")}

    assert shown == {name for row in rows for name in row.collectors.split(", ")}


def test_counters_are_shown_as_rates_and_nothing_else_is(
    model: dict[str, Any], rows: list[CatalogueRow], selectors: Selectors
) -> None:
    counters = {row.prometheus for row in rows if row.instrument == "counter"}

    for expression in expressions(model):
        rated = set(re.findall(r"rate\((\w+)", expression))
        asked = {selector.name for selector in selectors(expression)}
        absolute = {"hw_errors_total"}  # errors of a disk's whole life, most of them before anybody looked
        assert asked & counters - absolute == rated


def test_a_metric_or_a_label_that_does_not_exist_is_no_query(rows: list[CatalogueRow]) -> None:
    metrics = Metrics(rows)

    with pytest.raises(KeyError, match=r"system\.cpu\.tme"):
        metrics.select("system.cpu.tme")
    with pytest.raises(ValueError, match=r'can\'t be asked for cpu\.mod="idle": it has cpu\.mode'):
        metrics.select("system.cpu.time", 'cpu.mod="idle"')
    with pytest.raises(ValueError, match="no counter"):
        metrics.rate("system.memory.usage")
    with pytest.raises(ValueError, match=r"system\.uptime has no cpu\.mode"):
        metrics.by("system.uptime", "cpu.mode")


def test_panels_flow_from_left_to_right_and_rows_start_below_what_is_open() -> None:
    lines = [Panel(f"p{number}", (Query("up"),), "1") for number in range(6)]
    number = Panel("n", (Query("up"),), "s", Look.NUMBER, warn_at=-0.1)
    rows = (Row("a", tuple(lines)), Row("b", (lines[0],), is_open=False), Row("c", (*lines[:4], number)))

    model = grafana_json(Dashboard("u", "t", rows))

    places = [tuple(panel["gridPos"].values()) for panel in model["panels"]]
    assert places == [
        *((0, 0, 24, 1), (0, 1, 8, 8), (8, 1, 8, 8), (16, 1, 8, 8), (0, 9, 8, 8), (8, 9, 8, 8), (16, 9, 8, 8)),
        (0, 17, 24, 1),
        *((0, 18, 24, 1), (0, 19, 6, 8), (6, 19, 6, 8), (12, 19, 6, 8), (18, 19, 6, 8), (0, 27, 3, 4)),
    ]
    assert [panel["id"] for panel in model["panels"]] == [*range(1, 9), *range(10, 16)]
    assert model["panels"][-1]["fieldConfig"]["defaults"]["thresholds"]["steps"][1] == {"color": "green", "value": 0.1}


def test_the_command_writes_the_file_that_is_in_deploy(tmp_path: Path) -> None:
    printed = CliRunner().invoke(app, ["dashboards", "export"])
    written = CliRunner().invoke(app, ["dashboards", "export", str(tmp_path / "new")])

    assert (printed.exit_code, written.exit_code) == (0, 0)
    assert written.stdout == f"{tmp_path}/new/host.json\n"
    expected = (ROOT / "deploy/grafana/dashboards/host.json").read_text()
    assert printed.stdout == (tmp_path / "new/host.json").read_text() == expected


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    told = CliRunner().invoke(app, ["rules", "export", str(tmp_path / "file")])

    assert told.exit_code != 0
    assert "file/host.yaml: can't be written" in str(told.exception)
