"""What an Elasticsearch answers, and what becomes of the records; the server is a strict stand-in."""

from __future__ import annotations

from typing import Any

import pytest

from otel_bitacora.errors import DestinationError
from otel_bitacora.reporter.core.contract import Accepted, Duplicate, Outcome, Rejected, StoredRecord
from otel_bitacora.reporter.production.exporters import exporter_for

from ...compliance import ExporterCompliance, stored  # noqa: TID252  # tests are no package
from .elasticsearches import Elasticsearch, Reply, elasticsearch, error, made


def kinds(outcomes: list[Outcome]) -> list[str]:
    return [type(outcome).__name__ for outcome in outcomes]


class TestElasticsearch(ExporterCompliance):
    @pytest.fixture(autouse=True)
    def serve(self, server: Elasticsearch) -> None:
        self.server = server

    def make(self) -> Any:
        return made(self.server)


def test_a_record_is_a_document_of_the_collectors_layout_in_a_data_stream(server: Elasticsearch) -> None:
    record = stored(1, event_name="e", trace_id="ab" * 16, span_id="cd" * 8, attributes={"http.status": 500})

    assert made(server).export([record]) == [Accepted()]

    (bulk,) = server.bulks()
    assert bulk.path == "/logs-bitacora.otel-default/_bulk"
    assert bulk.headers["content-encoding"] == "gzip"
    action, document = bulk.lines
    assert action == {"create": {"_id": record.uid}}
    assert document == {
        "@timestamp": "1000.000000",
        "observed_timestamp": "1000.000001",
        "data_stream": {"type": "logs", "dataset": "bitacora.otel", "namespace": "default"},
        "severity_number": 9,
        "severity_text": "INFO",
        "body": {"text": "message 1"},
        "attributes": {"http.status": 500, "log.record.uid": record.uid},
        "resource": {"attributes": {"service.name": "test"}},
        "scope": {"name": "app.web"},
        "event_name": "e",
        "trace_id": "ab" * 16,
        "span_id": "cd" * 8,
    }


def test_a_dated_index_is_that_of_the_records_own_day(server: Elasticsearch) -> None:
    day = 86_400
    made(server, "/dated/shop").export([stored(1), stored(day), stored(day - 1)])

    assert {name: len(found.documents) for name, found in server.indices.items()} == {
        "shop-1970.01.01": 2,
        "shop-1970.01.02": 1,
    }
    assert "data_stream" not in server.bulks()[0].lines[1]


def test_a_record_sent_again_is_known(server: Elasticsearch) -> None:
    exporter = made(server)
    exporter.export([stored(1)])

    assert exporter.export([stored(1), stored(2)]) == [Duplicate(), Accepted()]


def test_each_item_has_its_own_verdict(server: Elasticsearch) -> None:
    said = {
        2: (429, {"type": "es_rejected_execution_exception", "reason": "busy"}),
        3: (503, {"type": "unavailable_shards_exception", "reason": "gone"}),
        4: (403, {"type": "cluster_block_exception", "reason": "read-only"}),
        5: (404, {"type": "index_not_found_exception", "reason": "none"}),
        6: (400, {"type": "document_parsing_exception", "reason": "no", "caused_by": {"reason": "because"}}),
        7: (413, {"type": "too_large", "reason": "large"}),
        8: (201, {"failure_store": "used"}),
    }
    server.item = lambda uid, _: said.get(int(uid[-16:], 16))

    outcomes = made(server).export([stored(number) for number in range(1, 9)])

    assert kinds(outcomes) == ["Accepted", "Retry", "Retry", "Retry", "Retry", "Rejected", "Rejected", "Rejected"]
    assert outcomes[5] == Rejected("400: document_parsing_exception: no: because")


@pytest.mark.parametrize("status", [401, 403, 404, 405, 407, 415, 301])
def test_a_request_that_is_refused_as_such_costs_no_record(server: Elasticsearch, status: int) -> None:
    exporter = made(server, bootstrap=False)
    server.replies = [error(status, "security_exception", "no")]

    with pytest.raises(DestinationError, match=f"{status}: security_exception: no") as caught:
        exporter.export([stored(1), stored(2)])

    assert caught.value.misconfigured


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_busy_server_is_asked_again_when_it_says(server: Elasticsearch, status: int) -> None:
    exporter = made(server, bootstrap=False)
    server.replies = [Reply(status, "busy", {"Retry-After": "7"})]

    with pytest.raises(DestinationError) as caught:
        exporter.export([stored(1)])

    assert not caught.value.misconfigured
    assert caught.value.retry_after_seconds == 7
    assert len(server.requests) == 1


def test_without_template_nothing_is_sent_into_a_plain_index_and_nothing_is_given_up(server: Elasticsearch) -> None:
    with pytest.raises(DestinationError, match="index_not_found_exception") as caught:
        made(server, bootstrap=False).export([stored(1), stored(2)])

    assert caught.value.misconfigured
    assert server.documents() == {}


def test_a_request_that_is_too_large_is_halved_and_a_record_that_is_goes_alone(server: Elasticsearch) -> None:
    server.largest_bytes = 20_000
    records = [stored(number, body="x" * (50_000 if number == 5 else 2000)) for number in range(1, 12)]

    outcomes = made(server).export(records)

    assert kinds(outcomes) == ["Accepted"] * 4 + ["Rejected"] + ["Accepted"] * 6
    assert len(server.documents()) == 10


def test_a_large_batch_goes_in_several_requests(server: Elasticsearch) -> None:
    outcomes = made(server).export([stored(number, body="x" * 200_000) for number in range(1, 61)])

    assert kinds(outcomes) == ["Accepted"] * 60
    assert len(server.bulks()) == 3
    assert max(len(bulk.body) for bulk in server.bulks()) <= 4 << 20


def test_what_arrived_before_the_server_broke_down_is_not_sent_again(server: Elasticsearch) -> None:
    exporter = made(server)
    server.otherwise = lambda _: error(503, "down", "down") if len(server.bulks()) == 2 else None

    outcomes = exporter.export([stored(number, body="x" * 200_000) for number in range(1, 31)])

    assert set(kinds(outcomes)) == {"Accepted", "Retry"}
    assert kinds(outcomes).count("Accepted") == len(server.documents())


def test_a_record_that_is_not_otlp_is_refused_alone(server: Elasticsearch) -> None:
    broken = StoredRecord("u", 9, b"\xff\xff", 0, b"")

    assert kinds(made(server).export([stored(1), broken])) == ["Accepted", "Rejected"]


def test_what_is_not_elasticsearch_gets_nothing(server: Elasticsearch) -> None:
    server.product = "something else"

    with pytest.raises(DestinationError, match="isn't Elasticsearch") as caught:
        made(server).export([stored(1)])

    assert caught.value.misconfigured
    assert server.documents() == {}


def test_nobody_there_is_no_misconfiguration() -> None:
    with elasticsearch() as gone:
        exporter = made(gone)

    with pytest.raises(DestinationError) as caught:
        exporter.export([stored(1)])

    assert not caught.value.misconfigured


def test_the_names_of_data_streams_may_be_written_out(server: Elasticsearch) -> None:
    made(server, "/logs-shop.otel-prod").export([stored(1)])
    made(server, "/logs-stock.otel-dev").export([stored(2)])

    assert list(server.indices) == ["logs-shop.otel-prod", "logs-stock.otel-dev"]


def test_a_data_stream_that_is_made_is_rolled_over_by_the_server_where_it_can(
    server: Elasticsearch, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("BITACORA_ELASTICSEARCH__RETENTION", "30d")
    made(server).export([stored(1)])
    made(server, "/dated/x").export([stored(1)])
    server.has_lifecycles = False
    made(server, "/other").export([stored(1)])

    lifecycles = {name: template["template"].get("lifecycle") for name, template in server.templates.items()}
    assert lifecycles == {
        "otel-bitacora-logs-bitacora.otel-default": {"enabled": True, "data_retention": "30d"},
        "otel-bitacora-x": None,
        "otel-bitacora-logs-other.otel-default": None,
    }
    assert "logs-other.otel-default is not rolled over by itself" in caplog.text
    assert "older than 30d stays" in caplog.text


def test_a_template_that_is_refused_costs_no_record(server: Elasticsearch) -> None:
    server.otherwise = lambda request: error(400, "illegal", "no") if request.method == "PUT" else None

    with pytest.raises(DestinationError, match="index template otel-bitacora-logs-bitacora") as caught:
        made(server).export([stored(1)])

    assert caught.value.misconfigured
    assert server.bulks() == []


def _too_much(number: int) -> dict[str, str]:
    sizes = f"[all_bytes=0, primary_operation_bytes={number}, max_primary_bytes=600]"
    return {"type": "es_rejected_execution_exception", "reason": f"rejected execution of primary operation {sizes}"}


def test_what_the_server_will_never_have_memory_for_is_given_up_alone(server: Elasticsearch) -> None:
    """As 9.5 does: each item of a shard's share has the size of all of it."""

    def judge(request: Any) -> Reply | None:
        if not request.path.endswith("_bulk"):
            return None
        size = sum(len(line["body"]["text"]) for line in request.lines[1::2])
        refused = {"create": {"status": 429, "error": _too_much(size)}}
        return Reply(200, {"items": [refused] * (len(request.lines) // 2)}) if size > 600 else None

    server.otherwise = judge

    outcomes = made(server).export([stored(number, body="x" * (700 if number == 3 else 200)) for number in range(1, 8)])

    assert kinds(outcomes) == ["Accepted", "Accepted", "Rejected", *["Accepted"] * 4]


def test_what_it_has_no_memory_for_now_is_for_later(server: Elasticsearch) -> None:
    server.item = lambda _uid, _document: (429, _too_much(500))

    outcomes = made(server).export([stored(1), stored(2)])

    assert kinds(outcomes) == ["Retry", "Retry"]
    assert len(server.bulks()) == 1


def test_each_place_has_an_exporter_of_its_own_name() -> None:
    paths = ("", "/shop", "/logs-shop.otel-prod", "/dated/shop")

    assert len({exporter_for(f"elasticsearch+http://host:9200{path}").name for path in paths}) == len(paths)
