"""The exporter `bitacora_journal`: what the SDK's own processors hand over, and how programs ask for it by name."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import (
    BatchLogRecordProcessor,
    LogRecordExporter,
    LogRecordExportResult,
    SimpleLogRecordProcessor,
)
from opentelemetry.sdk.resources import Resource

from otel_bitacora import LogContext
from otel_bitacora.reporter.core.journal.host import HOST
from otel_bitacora.reporter.core.otel import JournalLogExporter

from ...journalled import balances, bodies, entries  # noqa: TID252  # tests are no package

PROGRAM = """
import logging
logging.getLogger("shop").warning("order %s", "A-1041", extra={"articles": 3, "session_id": "s-1"})
"""
CONFIGURATION = """
file_format: "1.0"
resource:
  attributes:
    - {name: service.name, value: shop}
logger_provider:
  processors:
    - PROCESSOR:
        exporter:
          bitacora_journal:
            journal: kept
            redact_names: [articles]
"""


def run(tmp_path: Path, **variables: str) -> None:
    """Run a program that knows nothing of us, as OpenTelemetry's own launcher starts it."""
    launcher = Path(sys.executable).with_name("opentelemetry-instrument")
    quiet = {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"}
    subprocess.run(
        [launcher, sys.executable, "-c", PROGRAM],
        env={**os.environ, **quiet, **variables},
        cwd=tmp_path,
        check=True,
        timeout=60,
    )


def test_a_program_asks_for_it_by_an_environment_variable(tmp_path: Path) -> None:
    kept = tmp_path / "kept"

    run(tmp_path, OTEL_LOGS_EXPORTER="bitacora_journal", OTEL_SERVICE_NAME="shop", BITACORA_JOURNAL_DIR=str(kept))

    (entry,) = entries(kept)
    assert (entry.body, entry.logger, entry.severity_text) == ("order A-1041", "shop", "WARN")
    assert entry.attributes == {"articles": 3, "session_id": "s-1"}
    assert entry.resource["service.name"] == "shop"
    assert balances(kept)[0].last_sequence == 1


@pytest.mark.parametrize("processor", ["simple", "batch"])
def test_a_declarative_configuration_names_it_with_its_settings(tmp_path: Path, processor: str) -> None:
    (tmp_path / "otel.yaml").write_text(CONFIGURATION.replace("PROCESSOR", processor))

    run(tmp_path, OTEL_CONFIG_FILE="otel.yaml")

    (entry,) = entries(tmp_path / "kept")
    assert entry.body == "order A-1041"
    assert entry.attributes == {"articles": "[REDACTED]", "session_id": "s-1"}
    assert entry.resource["service.name"] == "shop"


def test_the_declarative_configuration_that_is_shipped_works(tmp_path: Path, root: Path) -> None:
    kept = tmp_path / "kept"

    run(tmp_path, OTEL_CONFIG_FILE=str(root / "config" / "otel-declarative.yaml"), BITACORA_JOURNAL_DIR=str(kept))

    (entry,) = entries(kept)
    assert entry.body == "order A-1041"
    assert entry.resource["service.name"] == "my-service"


@pytest.fixture
def exporter(directory: Path) -> JournalLogExporter:
    return JournalLogExporter(journal=directory)


def provider_of(processor: SimpleLogRecordProcessor | BatchLogRecordProcessor) -> LoggerProvider:
    provider = LoggerProvider(Resource({"service.name": "shop"}), shutdown_on_exit=False)
    provider.add_log_record_processor(processor)
    return provider


def test_behind_the_simple_processor_a_record_is_kept_when_its_call_returns(
    directory: Path, exporter: JournalLogExporter
) -> None:
    provider = provider_of(SimpleLogRecordProcessor(exporter))

    provider.get_logger("shop").emit(body="one")

    assert bodies(directory) == ["one"]
    provider.shutdown()


def test_behind_the_batch_processor_records_are_kept_at_its_flush_without_the_flushing_thread_s_context(
    directory: Path, exporter: JournalLogExporter
) -> None:
    provider = provider_of(BatchLogRecordProcessor(exporter, schedule_delay_millis=3_600_000))
    for number in range(700):
        provider.get_logger("shop").emit(body=number)

    with LogContext(session_id="another's"):
        assert provider.force_flush()
    provider.shutdown()

    found = entries(directory)
    assert [entry.body for entry in found] == list(range(700))
    assert all(not entry.attributes for entry in found)


class Collecting(LogRecordExporter):
    """Keeps what it is handed."""

    def __init__(self) -> None:
        self.batch: list = []

    def export(self, batch) -> LogRecordExportResult:
        self.batch += batch
        return LogRecordExportResult.SUCCESS

    def shutdown(self) -> None:
        pass

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return True


def test_a_batch_of_which_a_record_is_lost_counts_as_failed(
    directory: Path, exporter: JournalLogExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    collecting = Collecting()
    provider = provider_of(SimpleLogRecordProcessor(collecting))
    for body in ("one", "two"):
        provider.get_logger("shop").emit(body=body)

    assert exporter.export(collecting.batch) is LogRecordExportResult.SUCCESS
    monkeypatch.setattr(type(collecting.batch[1].log_record), "event_name", property(lambda _: 1 / 0), raising=False)
    del collecting.batch[0].log_record.__dict__["event_name"]
    assert exporter.export(collecting.batch) is LogRecordExportResult.FAILURE
    exporter.shutdown()

    assert bodies(directory) == ["one", "two"]
    assert balances(directory)[0].tombstoned == {"failed": 2}


def test_a_batch_that_the_disk_refuses_and_memory_can_t_hold_counts_as_failed(
    directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    exporter, collecting = JournalLogExporter(journal=directory, memory_bytes=0), Collecting()
    provider_of(SimpleLogRecordProcessor(collecting)).get_logger("shop").emit(body="one")

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "refused by the test")

    for call in ("open", "write"):
        monkeypatch.setattr(HOST, call, refuse, raising=False)

    assert exporter.export(collecting.batch) is LogRecordExportResult.FAILURE
    assert exporter.stats().counts.dropped == {"memory_full": 1}
    assert str(directory) in capsys.readouterr().err
