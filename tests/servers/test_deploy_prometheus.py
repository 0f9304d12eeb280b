"""What is in deploy/, in a real Prometheus that scrapes real sidecars, of this machine and of recorded ones."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
import yaml

pytestmark = pytest.mark.servers
ROOT = Path(__file__).parent.parent.parent
MAY_BE_EMPTY = {"Time of an operation", "Units that have failed", "Disks that are not well"}
"""Panels that show only what is done just then, or is out of the ordinary."""
NEEDS_MORE = {
    *("Failed units", "Units by state", "Units that have failed", "Restarts"),  # systemd
    *("GPU in use", "GPU memory", "GPU power", "GPU clocks held down"),  # a GPU
    *("Disks that are not well", "Endurance left", "Errors counted by disks"),  # disks that smartctl may ask
    *("Events of the host", "Data points sent over OTLP"),  # something to happen, and a receiver
    *("Log records delivered", "Behind with log records"),  # a destination
}
"""Panels whose collectors may have nothing to tell, here and on the recorded machines."""
RECORDED = [ROOT / "tests/fixtures/hosts" / name for name in ("laptop", "server")]


@pytest.fixture
def sidecars(tmp_path: Path) -> Iterator[list[subprocess.Popen[str]]]:
    """Sidecars of this machine, of a recorded laptop (sensors, battery, wireless) and a recorded server (wired)."""
    command = [sys.executable, "-m", "otel_bitacora", "serve", "--listen", "127.0.0.1:0", "--interval", "0.5"]
    # Slow collectors are read every 30 s, and the use of a link is what has changed between two readings.
    environment = {**os.environ, "BITACORA_COLLECTORS__INTERFACES__INTERVAL_SECONDS": "0.5"}
    processes = [
        subprocess.Popen(
            [*command, "--state-dir", str(tmp_path / f"state{number}"), *more],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for number, more in enumerate([[], *(["--root-path", str(root)] for root in RECORDED)])
    ]
    yield processes
    for process in processes:
        process.terminate()
        process.communicate(timeout=30)


@pytest.fixture
def targets(sidecars: list[subprocess.Popen[str]]) -> list[str]:
    found = []
    for process in sidecars:
        assert process.stdout is not None
        found.append(process.stdout.readline().split()[1].removeprefix("http://").removesuffix("/metrics"))
    return found


@pytest.fixture(params=["go", "debian"])
def prometheus(
    request: pytest.FixtureRequest, tmp_path: Path, targets: list[str], start_server: Callable[..., str]
) -> str:
    """A Prometheus with deploy/prometheus/prometheus.yml, which scrapes and judges every second."""
    config = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(ROOT / "deploy/prometheus" / one) for one in config["rule_files"]]
    assert config["scrape_configs"][0]["static_configs"] == [{"targets": ["127.0.0.1:9464"]}]
    config["scrape_configs"][0]["static_configs"] = [{"targets": targets}]
    file = tmp_path / "deploy.yml"
    file.write_text(yaml.safe_dump(config))
    return start_server("prometheus", PROMETHEUS_CONFIG=str(file), PROMETHEUS_FLAVOUR=request.param)


def until(ask: Callable[[], Any], what: str) -> Any:
    """Return what *ask* finds, as soon as it finds something."""
    give_up = time.monotonic() + 120  # only against a hang
    while time.monotonic() < give_up:
        if found := ask():
            return found
        time.sleep(0.1)
    raise AssertionError(f"Prometheus has nothing of {what}")


def query(prometheus: str, expression: str) -> list[dict[str, Any]]:
    answer = httpx.get(f"{prometheus}/api/v1/query", params={"query": expression}, timeout=30).json()
    assert answer["status"] == "success", f"{expression}: {answer}"
    return list(answer["data"]["result"])


def rules(prometheus: str) -> dict[str, dict[str, Any]]:
    groups = httpx.get(f"{prometheus}/api/v1/rules", timeout=30).json()["data"]["groups"]
    return {rule["name"]: rule for group in groups for rule in group["rules"]}


def test_every_rule_is_evaluated_without_a_fault_and_a_dead_sidecar_raises_its_alert(
    prometheus: str, sidecars: list[subprocess.Popen[str]], targets: list[str]
) -> None:
    recorded = [name for name, rule in rules(prometheus).items() if rule["type"] == "recording"]
    for name in recorded:
        until(lambda name=name: query(prometheus, name), name)
    healths = until(
        lambda: (seen := rules(prometheus)) and all(one["health"] != "unknown" for one in seen.values()) and seen,
        "rules",
    )

    sidecars[0].kill()
    alert = until(lambda: rules(prometheus)["HostDown"]["alerts"], "HostDown")

    assert {name: one.get("lastError", "") for name, one in healths.items() if one["health"] != "ok"} == {}
    assert len(recorded) == 5
    assert [(one["labels"]["instance"], one["state"]) for one in alert] == [(targets[0], "pending")]


def test_no_alert_is_raised_over_a_clock_that_is_right(prometheus: str, targets: list[str]) -> None:
    record = "instance:bitacora_newest_reading_age:seconds"

    ages = until(lambda: len(found := query(prometheus, record)) == len(targets) and found, record)

    assert all(-5 < float(one["value"][1]) < 60 for one in ages)
    assert rules(prometheus)["HostClockDiffers"]["alerts"] == []


def dashboard_queries() -> list[tuple[str, str]]:
    """Return title and expression of each query in the dashboard's file."""
    found: list[tuple[str, str]] = []
    for panel in json.loads((ROOT / "deploy/grafana/dashboards/host.json").read_text())["panels"]:
        for one in [panel, *panel.get("panels", ())]:
            found += [(one["title"], target["expr"]) for target in one.get("targets", ())]
    return found


def test_every_query_of_the_dashboard_has_data_where_its_metric_is(prometheus: str, targets: list[str]) -> None:
    asked: dict[str, str] = {}
    shown: set[str] = set()
    for target in targets:
        names = published(prometheus, target)
        for title, expression in dashboard_queries():
            concrete = expression.replace("$job", "bitacora").replace("$instance", target)
            concrete = concrete.replace("$__rate_interval", "10s")
            if set(re.findall(r"(\w+)\{", concrete)) <= names:
                shown.add(title)
                asked[concrete] = title

    empty = dict(asked)
    give_up = time.monotonic() + 120  # only against a hang
    while set(empty.values()) - MAY_BE_EMPTY and time.monotonic() < give_up:
        empty = {one: title for one, title in empty.items() if not query(prometheus, one)}
        time.sleep(0.2)

    assert {one: title for one, title in empty.items() if title not in MAY_BE_EMPTY} == {}
    absent = {title for title, _ in dashboard_queries()} - shown
    sys.stderr.write(f"panels without hardware or systemd to tell of on any machine: {', '.join(sorted(absent))}\n")
    assert absent <= NEEDS_MORE


def published(prometheus: str, target: str) -> set[str]:
    """Return the names of all that was scraped of *target* over several samples: some values are of the time between two."""
    several = f'bitacora_sidecar_uptime_seconds{{instance="{target}"}} > 5'
    until(lambda: query(prometheus, several), several)
    match = {"match[]": f'{{instance="{target}"}}'}
    return set(httpx.get(f"{prometheus}/api/v1/label/__name__/values", params=match, timeout=30).json()["data"])
