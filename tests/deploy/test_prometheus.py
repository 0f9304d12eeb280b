"""Prometheus's own tool judges the scrape configuration and the rules, and tries each alert."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from otel_bitacora.cli.app import app
from otel_bitacora.ops.catalogue import catalogue
from otel_bitacora.settings import Settings
from otel_bitacora.sidecar.sampling import select_with_own

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
RULES = ROOT / "config/rules"


def rules() -> list[dict[str, Any]]:
    return [
        rule
        for file in RULES.glob("*.yaml")
        for group in yaml.safe_load(file.read_text())["groups"]
        for rule in group["rules"]
    ]


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    if shutil.which("promtool") is None:
        reason = "promtool isn't installed (Debian's package `prometheus`)"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    return subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False)


def test_prometheus_accepts_the_configuration_with_its_rules() -> None:
    told = promtool("check", "config", ROOT / "deploy/prometheus/prometheus.yml")

    assert told.returncode == 0, told.stdout + told.stderr
    assert f"{len(rules())} rules found" in told.stdout


def test_each_alert_fires_when_it_should_and_not_before() -> None:
    told = promtool("test", "rules", HERE / "host_rules_test.yaml")

    assert told.returncode == 0, told.stdout + told.stderr


def test_no_alert_is_untried() -> None:
    tried: dict[str, set[bool]] = {}
    for test in yaml.safe_load((HERE / "host_rules_test.yaml").read_text())["tests"]:
        for one in test["alert_rule_test"]:
            tried.setdefault(one["alertname"], set()).add(bool(one["exp_alerts"]))

    assert tried == {rule["alert"]: {True, False} for rule in rules() if "alert" in rule}


def test_rules_ask_for_metrics_and_labels_of_the_catalogue(selectors: Callable[[str], list[Any]]) -> None:
    labels = {row.prometheus: set(row.labels) for row in catalogue(select_with_own(Settings()).collectors)}
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    known = labels | {"up": {"job"}} | {name: {"system_filesystem_mode"} for name in recorded}

    for rule in rules():
        asked = selectors(rule["expr"])
        assert asked
        for selector in asked:
            assert {matcher.name for matcher in selector.matchers.matchers} <= known[selector.name], rule


def test_alerts_say_how_bad_it_is_where_and_what() -> None:
    for rule in rules():
        if "alert" in rule:
            assert rule["labels"]["severity"] in {"warning", "critical"}
            assert "{{ $labels.instance }}" in rule["annotations"]["summary"]
            assert rule["annotations"]["description"].endswith(".")


def test_the_rules_come_with_the_program(tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["rules", "export", str(tmp_path)])

    assert (told.exit_code, told.stdout) == (0, f"{tmp_path}/host.yaml\n")
    assert (tmp_path / "host.yaml").read_text() == (RULES / "host.yaml").read_text()
    assert (ROOT / "deploy/prometheus/rules/host.yaml").samefile(RULES / "host.yaml")
