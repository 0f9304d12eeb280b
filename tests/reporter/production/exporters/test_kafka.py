"""Records as messages, to a real broker, and to one that errs as it is told to."""

from collections.abc import Iterator

import pytest

from otel_bitacora.reporter.core.contract import Accepted
from otel_bitacora.reporter.production.exporters.destination import Destination
from otel_bitacora.reporter.production.exporters.kafka import KafkaExporter

from ...compliance import INSTANCE, ExporterCompliance, stored  # noqa: TID252  # tests are no package
from .brokers import read_topic, tansu

BATCH = [stored(1), stored(2), stored(3)]


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    with tansu() as address:
        yield address


class TestKafkaExporter(ExporterCompliance):
    @pytest.fixture(autouse=True)
    def _exporter(self, broker: str) -> Iterator[None]:
        self.exporter = KafkaExporter(Destination(f"kafka://{broker}/compliance?bootstrap=true"))
        yield
        self.exporter.close()

    def make(self) -> KafkaExporter:
        return self.exporter


def test_messages_arrive_in_order_with_key_headers_and_value(broker: str) -> None:
    exporter = KafkaExporter(Destination(f"kafka://{broker}/mapped?bootstrap=true"))

    outcomes = exporter.export(BATCH)
    exporter.close()

    assert outcomes == [Accepted()] * 3
    messages = read_topic(broker, "mapped")
    assert [message.key() for message in messages] == [b"s"] * 3
    assert dict(messages[0].headers() or ()) == {
        "log.record.uid": f"{INSTANCE}-{1:016x}".encode(),
        "content-type": b"application/x-protobuf",
    }
