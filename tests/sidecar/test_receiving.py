"""A real sidecar takes records of OTLP's own exporter, and `logs cat` shows them."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest


def test_records_of_opentelemetrys_exporter_are_read_back(start: Callable[..., Any], tmp_path: Path) -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="the extra otlp isn't installed")
    from opentelemetry._logs import LogRecord, SeverityNumber  # noqa: TID251  # the SDK is the sender here
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.sdk._logs import LoggerProvider  # noqa: TID251  # the SDK is the sender here
    from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor  # noqa: TID251  # the SDK is the sender here
    from opentelemetry.sdk.resources import Resource

    sidecar = start(BITACORA_JOURNAL_DIR=str(tmp_path / "journal"))
    exporter = OTLPLogExporter(f"{sidecar.url}/v1/logs", headers={"Authorization": f"Bearer {sidecar.token}"})
    provider = LoggerProvider(Resource({"service.name": "elsewhere"}))
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    provider.get_logger("lab", "2.0").emit(
        LogRecord(body="hello", severity_number=SeverityNumber.WARN, attributes={"answer": 42})
    )
    provider.shutdown()

    (record,) = kept(tmp_path / "journal")
    assert (record["body"], record["severity_number"], record["attributes"]["answer"]) == ("hello", 13, 42)
    assert record["resource"]["service.name"] == "elsewhere"
    assert record["scope"]["name"] == "lab"


def test_without_the_token_nothing_is_taken(start: Callable[..., Any], tmp_path: Path) -> None:
    sidecar = start(BITACORA_JOURNAL_DIR=str(tmp_path / "journal"))

    answer = httpx.post(f"{sidecar.url}/v1/logs", content=b"", headers={"Content-Type": "application/x-protobuf"})

    assert answer.status_code == 401
    assert kept(tmp_path / "journal") == []


def kept(journal: Path) -> list[dict[str, Any]]:
    """Return what `logs cat` shows."""
    shown = subprocess.run(
        [sys.executable, "-m", "otel_bitacora", "logs", "cat", "--json", "--journal", journal],
        check=False,
        capture_output=True,
        text=True,
    ).stdout
    return [json.loads(line) for line in shown.splitlines()]


def test_a_log_file_is_followed_and_goes_on_after_a_restart(start: Callable[..., Any], tmp_path: Path) -> None:
    file, journal = tmp_path / "bitacora.log", tmp_path / "journal"
    options = {"BITACORA_JOURNAL_DIR": str(journal), "BITACORA_SOURCES__FILES": str(file)}
    file.write_text('{"timestamp": "2026-01-02T03:04:05Z", "level": "INFO", "fields": {"message": "one"}}\n')
    sidecar = start(**options)
    until(lambda: len(kept(journal)) == 1)
    sidecar.stop()
    file.rename(tmp_path / "bitacora.log.1")
    file.write_text("two\n")

    start(**options)
    until(lambda: len(kept(journal)) == 2)

    one, two = kept(journal)
    assert (one["body"], one["severity_text"], one["resource"]["service.name"]) == ("one", "INFO", "bitacora")
    assert (two["body"], two["attributes"]["log.file.path"]) == ("two", str(file))
    assert one["uid"] != two["uid"]


def until(is_so: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 120  # only against a hang
    while not is_so():
        assert time.monotonic() < give_up
        time.sleep(0.05)
