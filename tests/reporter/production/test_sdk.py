"""Exporters as the SDK's own: by hand, by an environment variable, by a declarative configuration."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource

from otel_bitacora import LogContext
from otel_bitacora.errors import ReporterSettingsError
from otel_bitacora.reporter.core.contract import Accepted, BatchRejected, DestinationError
from otel_bitacora.reporter.production.exporters import SCHEMES
from otel_bitacora.reporter.production.sdk import (
    ElasticsearchLogExporter,
    ElasticsearchLogProcessor,
    KafkaLogExporter,
    MongoDbLogExporter,
    SinkLogExporter,
)

from .exporters.elasticsearches import Elasticsearch, elasticsearch
from .shipper.stage import ScriptedExporter

CONFIGURATION = """
file_format: "1.0"
resource:
  attributes:
    - {name: service.name, value: shop}
logger_provider:
  processors:
    - PROCESSOR:
        exporter:
          bitacora_elasticsearch: {url: "URL", bootstrap: true}
"""
PROGRAM = """
import logging
logging.getLogger("shop").warning("order %s", "A-1041", extra={"articles": 3, "password": "hunter2"})
"""


@pytest.fixture
def server() -> Iterator[Elasticsearch]:
    with elasticsearch() as running:
        yield running


def provider_of(processor: Any) -> LoggerProvider:
    provider = LoggerProvider(Resource({"service.name": "shop"}), shutdown_on_exit=False)
    provider.add_log_record_processor(processor)
    return provider


def emit(exporter: SinkLogExporter, *bodies: object, logger: str = "shop") -> None:
    provider = provider_of(BatchLogRecordProcessor(exporter, schedule_delay_millis=3_600_000))
    for body in bodies:
        provider.get_logger(logger).emit(body=body)
    provider.shutdown()


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


def test_a_program_asks_for_it_by_environment_variables(tmp_path: Path, server: Elasticsearch) -> None:
    run(
        tmp_path,
        OTEL_LOGS_EXPORTER="bitacora_elasticsearch",
        OTEL_SERVICE_NAME="shop",
        BITACORA_ELASTICSEARCH__URL=server.url,
        BITACORA_ELASTICSEARCH__BOOTSTRAP="true",
    )

    ((uid, document),) = server.documents().items()
    assert document["body"] == {"text": "order A-1041"}
    assert document["attributes"] == {"articles": 3, "password": "[REDACTED]", "log.record.uid": uid}
    assert document["resource"]["attributes"]["service.name"] == "shop"


@pytest.mark.parametrize("processor", ["simple", "batch"])
def test_a_declarative_configuration_names_it_with_its_settings(
    tmp_path: Path, server: Elasticsearch, processor: str
) -> None:
    text = CONFIGURATION.replace("PROCESSOR", processor).replace("URL", server.url)
    (tmp_path / "otel.yaml").write_text(text)

    run(tmp_path, OTEL_CONFIG_FILE="otel.yaml")

    assert [document["body"] for document in server.documents().values()] == [{"text": "order A-1041"}]


@pytest.mark.parametrize(
    ("name", "kind", "scheme"),
    [
        ("bitacora_elasticsearch", ElasticsearchLogExporter, "elasticsearch+http"),
        ("bitacora_kafka", KafkaLogExporter, "kafka"),
        ("bitacora_mongodb", MongoDbLogExporter, "mongodb"),
    ],
)
def test_entry_points_can_be_made_without_arguments(name: str, kind: type, scheme: str) -> None:
    (found,) = entry_points(group="opentelemetry_logs_exporter", name=name)
    assert found.load() is kind
    assert scheme in SCHEMES

    made = found.load()()

    assert made.exporter.name
    made.shutdown()


def test_a_url_of_another_kind_is_refused() -> None:
    with pytest.raises(ReporterSettingsError, match="must be a URL of elasticsearch"):
        ElasticsearchLogExporter(url="kafka://host:9092")


def test_the_processor_adds_what_the_context_says_when_a_record_is_made(server: Elasticsearch) -> None:
    provider = provider_of(ElasticsearchLogProcessor(server.url, bootstrap=True))

    with LogContext(session_id="s-1"):
        provider.get_logger("shop").emit(body="one", attributes={"a": 1})
    provider.shutdown()

    (document,) = server.documents().values()
    uid = document["attributes"].pop("log.record.uid")
    assert document["attributes"] == {"bitacora.session.id": "s-1", "a": 1}
    assert uid in server.documents()


def test_a_destination_that_errs_is_tried_again_with_the_same_records() -> None:
    scripted = ScriptedExporter(DestinationError("busy", retry_after_seconds=0.01))

    emit(SinkLogExporter(scripted), "one", "two")

    assert scripted.calls == [["one", "two"]] * 2
    assert scripted.taken == ["one", "two"]


def test_what_is_refused_is_lost_alone_counted_and_said(capfd: pytest.CaptureFixture[str]) -> None:
    def judge(batch: Any) -> Any:
        if any(record.entry().body == "poison" for record in batch):
            raise BatchRejected("400: poison")
        return [Accepted()] * len(batch)

    scripted = ScriptedExporter()
    scripted.otherwise = judge
    exporter = SinkLogExporter(scripted)

    emit(exporter, "one", "poison", "two")

    assert scripted.taken == ["one", "two"]
    assert exporter.lost == 1
    assert "scripted: 1 records are lost: 400: poison" in capfd.readouterr().err


def test_a_destination_that_is_gone_for_good_costs_the_batch_and_no_more(capfd: pytest.CaptureFixture[str]) -> None:
    scripted = ScriptedExporter()
    scripted.otherwise = DestinationError("gone")
    exporter = SinkLogExporter(scripted, patience_seconds=0)

    emit(exporter, "one", "two")

    assert exporter.lost == 2
    assert scripted.is_closed
    assert "2 records are lost: gone" in capfd.readouterr().err


def test_what_the_delivery_itself_logs_is_not_delivered() -> None:
    scripted = ScriptedExporter()

    emit(SinkLogExporter(scripted), "POST /_bulk", logger="elastic_transport.transport")

    assert scripted.calls == []


def test_under_a_root_logger_at_debug_it_does_not_feed_itself(server: Elasticsearch) -> None:
    from opentelemetry.sdk._logs import LoggingHandler

    exporter = ElasticsearchLogExporter(url=server.url, bootstrap=True)
    provider = provider_of(SimpleLogRecordProcessor(exporter))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        handler = LoggingHandler(logger_provider=provider)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        logging.getLogger("shop").warning("one")
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    provider.shutdown()

    assert [document["body"] for document in server.documents().values()] == [{"text": "one"}]
    assert len(server.bulks()) == 1
