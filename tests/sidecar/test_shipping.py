"""`serve --to URL` ships the journal, says how it fares, and stops in time."""

import json
import logging
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from otel_bitacora.reporter.handler import BitacoraHandler

EXPORTER = "archive"


@pytest.fixture
def log(tmp_path: Path):
    handler = BitacoraHandler(journal=tmp_path / "journal", service_name="shop")
    logger = logging.Logger("app.web")  # noqa: LOG001  # no other test hears of it
    logger.addHandler(handler)
    yield logger
    handler.close()


def ship(start, tmp_path: Path, out: Path, **environment: str):
    config = tmp_path / "config.toml"
    config.write_text(f'[exporters.{EXPORTER}]\nurl = "{out.as_uri()}"\n')
    return start(
        "--config", str(config), "--interval", "0.2", BITACORA_JOURNAL_DIR=str(tmp_path / "journal"), **environment
    )


def value(text: str, name: str, **labels: str) -> float:
    wanted = [f'{key}="{each}"' for key, each in labels.items()]
    (line,) = [
        line for line in text.splitlines() if line.startswith(name + "{") and all(each in line for each in wanted)
    ]
    return float(line.rsplit(" ", 1)[1])


def test_records_arrive_and_the_ledger_is_in_the_metrics_and_the_api(start, tmp_path, log) -> None:
    out = tmp_path / "out.jsonl"
    for number in range(3):
        log.info("message %d", number)
    sidecar = ship(start, tmp_path, out)

    delivered = f'bitacora_exporter_records_total{{exporter="{EXPORTER}",outcome="delivered"}} 3'
    text = sidecar.until("/metrics", lambda text: delivered in text)
    (found,) = sidecar.api("exporters")["exporters"]

    assert value(text, "bitacora_exporter_lag_records", exporter=EXPORTER) == 0
    assert value(text, "bitacora_exporter_state", exporter=EXPORTER, state="ok") == 1
    assert (found["name"], found["state"], found["delivered"], found["pending"]) == (EXPORTER, "ok", 3, 0)
    assert found["destination"] == out.as_uri()
    assert sidecar.get("/healthz").text == "ok\n"
    assert len(json.loads(out.read_bytes().splitlines()[0])["resourceLogs"]) == 1


def test_a_misconfigured_destination_is_red_and_everything_stays_and_is_told_at_the_end(start, tmp_path, log) -> None:
    log.info("kept")
    sidecar = ship(start, tmp_path, tmp_path / "nowhere" / "out")

    sidecar.until("/healthz", lambda text: text == f"red\nexporter {EXPORTER} is misconfigured\n")
    text = sidecar.until("/metrics", lambda text: 'state="misconfigured"} 1' in text)
    (found,) = sidecar.api("exporters")["exporters"]
    code, errors = sidecar.stop()

    assert value(text, "bitacora_exporter_lag_records", exporter=EXPORTER) == 1
    assert value(text, "bitacora_exporter_lag_size_bytes", exporter=EXPORTER) > 0
    assert (found["is_red"], found["pending"]) == (True, 1)
    assert "No such file" in found["reason"]
    assert code == 0
    assert f"{EXPORTER}: 1 records stay in" in errors


def test_what_is_wrong_with_a_destination_ends_the_start(start, tmp_path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        own = f"127.0.0.1:{probe.getsockname()[1]}"
    for url in ("pigeon://home", "otlp+http://169.254.169.254:4318", f"otlp+http://{own}"):
        command = [
            sys.executable,
            "-m",
            "otel_bitacora",
            "serve",
            "--state-dir",
            str(tmp_path),
            "--listen",
            own,
            "--to",
            url,
        ]
        result = subprocess.run(command, capture_output=True, timeout=60, check=False)
        assert result.returncode == 3, result.stderr
        assert url.encode() in result.stderr
