"""What the sidecar says is in the journal, as any program's records are."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from otel_bitacora.sidecar.own_log import LOGGERS, OwnLog

Start = Callable[..., Any]
EVENT = "bitacora.host.filesystem.nearly_full"
EVERY_FILE_SYSTEM = {"BITACORA_EVENTS__FILE_SYSTEMS": "true", "BITACORA_EVENTS__FILE_SYSTEM_RATIO": "0.000001"}


def cat(journal: Path) -> list[dict[str, Any]]:
    """Return what `logs cat --json` prints."""
    command = [sys.executable, "-m", "otel_bitacora", "logs", "cat", "--json", "--journal", str(journal)]
    told = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return [json.loads(line) for line in told.stdout.splitlines()]


def until_recorded(sidecar: Any) -> None:
    recorded = f'bitacora_event_outcome="recorded",event_name="{EVENT}"'
    sidecar.until("/metrics", lambda text: recorded in text)


def test_an_event_of_the_host_is_a_record_of_the_journal(start: Start, tmp_path: Path) -> None:
    sidecar = start("--interval", "0.5", **EVERY_FILE_SYSTEM)
    until_recorded(sidecar)

    records = cat(tmp_path / "state/journal")  # while the sidecar runs

    code, errors = sidecar.stop()
    found = next(one for one in records if one["event_name"] == EVENT)
    assert (found["scope"]["name"], found["severity_text"]) == ("otel_bitacora.monitor", "WARN")
    assert found["resource"]["service.name"] == "otel-bitacora"
    assert str(found["body"]) in errors
    assert code == 0


def test_it_can_be_turned_off(start: Start, tmp_path: Path) -> None:
    sidecar = start("--interval", "0.5", BITACORA_KEEP_OWN_LOG="false", **EVERY_FILE_SYSTEM)
    until_recorded(sidecar)

    sidecar.stop()

    assert not (tmp_path / "state/journal").exists()


def test_a_journal_that_cannot_be_opened_is_told_once_and_stops_nothing(start: Start, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    sidecar = start("--interval", "0.5", BITACORA_JOURNAL_DIR=str(tmp_path / "file"), **EVERY_FILE_SYSTEM)
    until_recorded(sidecar)

    code, errors = sidecar.stop()

    assert code == 0
    assert errors.count(str(tmp_path / "file")) == 1
    assert "isn't kept in the journal" in errors


def test_so_is_a_setting_of_the_reporter_that_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("BITACORA_REPORTER__SYNC", "sometimes")
    own = OwnLog(tmp_path / "journal", {})

    own.start()
    own.stop()

    assert "BITACORA_REPORTER__SYNC" in caplog.text


def test_nothing_is_left_behind_and_each_record_is_kept_once(tmp_path: Path) -> None:
    before = {name: list(logging.getLogger(name).handlers) for name in LOGGERS}
    own = OwnLog(tmp_path / "journal", {"service.name": "otel-bitacora", "service.instance.id": "stable"})
    own.start()
    own.start()

    logging.getLogger("otel_bitacora.http").warning("one")
    own.stop()
    logging.getLogger("otel_bitacora.http").warning("two")

    (record,) = cat(tmp_path / "journal")
    assert record["body"] == "one"
    assert record["resource"]["service.instance.id"] != "stable"
    assert {name: list(logging.getLogger(name).handlers) for name in LOGGERS} == before


def test_what_delivery_says_is_not_delivered(tmp_path: Path) -> None:
    own = OwnLog(tmp_path / "journal", {})
    own.start()

    logging.getLogger("otel_bitacora.reporter.production.shipper.worker").warning("refused")
    logging.getLogger("otel_bitacora.sidecar").warning("kept")
    own.stop()

    assert [record["body"] for record in cat(tmp_path / "journal")] == ["kept"]
