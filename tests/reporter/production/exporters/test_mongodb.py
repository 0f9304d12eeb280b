"""Records as documents, in a real server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pymongo import MongoClient

from otel_bitacora.reporter.core.contract import Accepted, Duplicate
from otel_bitacora.reporter.production.exporters.destination import Destination
from otel_bitacora.reporter.production.exporters.mongodb import MongoDbExporter
from otel_bitacora.reporter.production.exporters.mongodb_document import entry_of

from ...compliance import ExporterCompliance, stored  # noqa: TID252  # tests are no package
from .mongo_servers import MongoServer

BATCH = [stored(1), stored(2), stored(3)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServer]:
    running = MongoServer(tmp_path_factory.mktemp("mongo") / "data", "--enable-test-commands")
    yield running
    running.kill()


@pytest.fixture
def client(server: MongoServer) -> Iterator[MongoClient]:
    with MongoClient(server.url, serverSelectionTimeoutMS=60_000) as made:
        yield made


class TestMongoDbExporter(ExporterCompliance):
    @pytest.fixture(autouse=True)
    def _exporter(self, server: MongoServer) -> Iterator[None]:
        self.exporter = MongoDbExporter(Destination(f"{server.url}/compliance"))
        yield
        self.exporter.close()

    def make(self) -> MongoDbExporter:
        return self.exporter


def test_documents_hold_what_the_records_say_and_a_second_time_none_comes(
    server: MongoServer, client: MongoClient, tmp_path: Path
) -> None:
    exporter = MongoDbExporter(Destination(f"{server.url}/kept/mapped"))

    first = exporter.export(BATCH)
    again = exporter.export([*BATCH, stored(4)])
    exporter.close()

    assert first == [Accepted()] * 3
    assert again == [*[Duplicate()] * 3, Accepted()]
    documents = client.kept.mapped.find().sort("time")
    assert [entry_of(each) for each in documents] == [stored(number).entry() for number in (1, 2, 3, 4)]
