"""The pipelines in deploy/otel-collector, in a real Collector."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

pytestmark = pytest.mark.servers
ROOT = Path(__file__).parent.parent.parent
PIPELINES = ROOT / "deploy/otel-collector"
Start = Callable[..., str]


def send_log(url: str, text: str) -> None:
    request = ExportLogsServiceRequest()
    record = request.resource_logs.add().scope_logs.add().log_records.add()
    record.body.string_value = text
    headers = {"Content-Type": "application/x-protobuf"}
    answer = httpx.post(f"{url}/v1/logs", content=request.SerializeToString(), headers=headers, timeout=30)
    assert answer.status_code == 200, answer.text


def bodies(file: Path) -> list[str]:
    """Return the bodies of the log records in *file*."""
    requests = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    return [body for request in requests for body in _bodies(request)]


def _bodies(request: dict[str, Any]) -> list[str]:
    scopes = [scope for resource in request["resourceLogs"] for scope in resource["scopeLogs"]]
    return [record["body"]["stringValue"] for scope in scopes for record in scope["logRecords"]]


def test_the_file_agent_has_written_what_it_says_has_arrived(start_server: Start, tmp_path: Path) -> None:
    url = start_server("otelcol", OTELCOL_CONFIG=str(PIPELINES / "agent-file.yaml"))

    send_log(url, "hello")
    metric = {"name": "system.uptime", "unit": "s", "gauge": {"dataPoints": [{"asDouble": 1.5}]}}
    metrics = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}
    answer = httpx.post(f"{url}/v1/metrics", json=metrics, timeout=30)

    assert bodies(tmp_path / "otelcol/logs.jsonl") == ["hello"]
    assert answer.status_code == 200
    assert "system.uptime" in (tmp_path / "otelcol/metrics.jsonl").read_text()


def test_the_forwarding_agent_keeps_what_it_cannot_send_through_its_own_crash(
    start_server: Start, tmp_path: Path
) -> None:
    script = ROOT / "tests/servers/otelcol.sh"
    far = start_server("otelcol", folder="far")
    subprocess.run([script, "stop", tmp_path / "far"], check=True, timeout=60)
    agent: dict[str, str] = {"OTELCOL_CONFIG": str(PIPELINES / "agent-forward.yaml"), "OTELCOL_TO": far}

    near = start_server("otelcol", folder="near", **agent)
    send_log(near, "while the other end was down")
    subprocess.run([script, "kill", tmp_path / "near"], check=True, timeout=60)
    assert start_server("otelcol", folder="far") == far
    near = start_server("otelcol", folder="near", **agent)
    send_log(near, "after the crash")

    give_up = time.monotonic() + 120  # only against a hang
    arrived: list[str] = []
    while time.monotonic() < give_up and len(arrived) < 2:
        time.sleep(0.1)
        arrived = bodies(tmp_path / "far/logs.jsonl")
    assert sorted(arrived) == ["after the crash", "while the other end was down"]
