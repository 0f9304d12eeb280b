"""The shipper with Elasticsearch at the other end, which refuses everything for a while."""

from __future__ import annotations

from typing import Any

import pytest

from otel_bitacora.reporter.production.exporters import Destination, exporter_for
from otel_bitacora.reporter.production.shipper.condition import State
from otel_bitacora.reporter.production.shipper.ledger import ledger_of

from ..exporters.elasticsearches import elasticsearch, error  # noqa: TID252  # tests are no package
from .stage import Stage

BLOCKED = {"type": "cluster_block_exception", "reason": "blocked by: [FORBIDDEN/8/index write (api)]"}


@pytest.mark.parametrize("refusal", ["password", "template", "block"])
def test_a_minute_of_refusals_costs_no_record_and_all_are_there_when_it_is_over(stage: Stage, refusal: str) -> None:
    bodies = [f"message {number}" for number in range(500)]
    stage.log(*bodies)
    states = []
    with elasticsearch() as server:
        url = server.url
        right = Destination(url, headers={"authorization": "ApiKey right"}, bootstrap=True)
        exporter: Any = exporter_for(url, right)
        if refusal == "password":
            server.authorization = "ApiKey other"
        elif refusal == "block":
            server.item = lambda _uid, _document: (403, BLOCKED)
        else:
            server.otherwise = lambda request: error(404, "index_not_found_exception", "none")
        worker = stage.worker(exporter, name="es")

        def after_a_minute(_seconds: float) -> None:
            states.append(worker.condition.state)
            if stage.pace.now > 1060:
                server.authorization, server.otherwise = None, lambda _: None
                server.item = lambda _uid, _document: None

        stage.pace.on_wait = after_a_minute
        worker.run()

        ledger = ledger_of(stage.journal, "es")
        assert set(states) == {State.MISCONFIGURED}
        assert stage.pace.now > 1060
        assert (ledger.counts.delivered, ledger.counts.dead_lettered, ledger.pending) == (500, 0, 0)
        assert sorted(document["body"]["text"] for document in server.documents().values()) == sorted(bodies)
