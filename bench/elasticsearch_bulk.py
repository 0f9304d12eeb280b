"""CPU to build the body of a bulk request of 1,000 records, against `helpers.streaming_bulk` of Elasticsearch's client.

From documents that are ready, as dicts (`ours_ready`, `helper`); and from records as the journal holds them, whose like one
has from any receiver of OTLP (`ours`, `helper_stored`). For these the peer does what one would write today: parse with
opentelemetry-proto's classes, make a dict of each record in the Collector's layout, a resource's once, and give it to the helper.
Each round has other records. CMRESHandler 1.0.0 of PyPI, a handler, can't take part: it imports what elasticsearch-py gave up in 8.
"""

from __future__ import annotations

import functools
import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from contest import answer_rounds, contender, contest, need, report

COUNT = 1000
ROUNDS, WARM_UP = 11, 2
GOAL = 0.35


def batches() -> Iterator[list[Any]]:
    """Yield batches of records of generated days, the next best to real ones."""
    import tempfile

    from otel_bitacora.reporter.core.contract import StoredRecord
    from otel_bitacora.reporter.core.journal.reader import Reader
    from otel_bitacora.reporter.core.stored import uid_of
    from otel_bitacora.reporter.core.timeline import RECORD_ONLY
    from otel_bitacora.reporter.dev.generate import JournalOutput, Plan, generate

    with tempfile.TemporaryDirectory() as folder:
        generate(Plan(seed=1, developers=2, rate=0.5), JournalOutput(Path(folder)))
        found = [
            StoredRecord(uid_of(frame), frame.sequence, bytes(frame.payload), frame.scope_length, frame.resource or b"")
            for frame in itertools.islice(Reader(Path(folder), kinds=RECORD_ONLY), ROUNDS * COUNT)
        ]
    assert len(found) == ROUNDS * COUNT
    return itertools.cycle([found[at : at + COUNT] for at in range(0, len(found), COUNT)])


def ours() -> None:
    from otel_bitacora.reporter.production.exporters.elasticsearch_bulk import operations, portions
    from otel_bitacora.reporter.production.exporters.elasticsearch_payload import PayloadDocuments
    from otel_bitacora.reporter.production.exporters.elasticsearch_target import target_of

    rounds, documents = batches(), PayloadDocuments({"type": "logs"})
    target = target_of("elasticsearch+http://127.0.0.1:9200")

    def work() -> object:
        found = operations(documents, target, next(rounds), [None] * COUNT)
        return [b"".join([operation.data for operation in part]) for part in portions(found, 4 << 20)]

    answer_rounds(work)


def ours_ready() -> None:
    import orjson

    from otel_bitacora.reporter.production.exporters.elasticsearch_bulk import Operation, creation, portions

    found = dicts()

    def work() -> object:
        made = [Operation(index, creation(uid, orjson.dumps(document))) for index, (uid, document) in enumerate(found)]
        return [b"".join([operation.data for operation in part]) for part in portions(made, 4 << 20)]

    answer_rounds(work)


def dicts() -> list[tuple[str, dict[str, Any]]]:
    import orjson

    from otel_bitacora.reporter.production.exporters.elasticsearch_document import Documents

    documents = Documents({"type": "logs"})
    return [(record.uid, orjson.loads(documents.document(record)[1])) for record in next(batches())]


def helper() -> None:
    found = dicts()
    answer_rounds(lambda: stream(iter(found)))


def helper_stored() -> None:
    from mapped import Mapper

    rounds, mapper = batches(), Mapper()
    answer_rounds(lambda: stream((record.uid, mapper.document(record)) for record in next(rounds)))


@functools.cache
def streaming() -> Callable[[Iterator[Any]], None]:
    """Return what streaming_bulk does before it sends: expand each action, serialize it, and cut into chunks."""
    from elasticsearch import Elasticsearch
    from elasticsearch.helpers import streaming_bulk

    client = Elasticsearch("http://127.0.0.1:9200")
    bodies: list[object] = []

    class Answer:
        def __init__(self, body: dict[str, Any]) -> None:
            self.body = body

        def __getitem__(self, key: str) -> Any:
            return self.body[key]

    def bulk(*_: object, operations: list[Any], **__: object) -> Any:
        # The client joins the lines into one body; what the server would answer costs nothing here.
        bodies.append(client.transport.serializers.dumps(operations, mimetype="application/x-ndjson"))
        return Answer({"items": []})

    client.bulk = bulk  # type: ignore[method-assign]
    client.options = lambda **_: client  # type: ignore[method-assign,assignment,return-value]

    def work(found: Iterator[Any]) -> None:
        bodies.clear()
        actions = ({"_op_type": "create", "_id": uid, "_source": document} for uid, document in found)
        for _ in streaming_bulk(client, actions, chunk_size=5000, max_chunk_bytes=4 << 20):
            pass
        assert bodies

    return work


def stream(found: Iterator[Any]) -> None:
    streaming()(found)


def main() -> None:
    need("elasticsearch", "elasticsearch")
    command = [sys.executable, __file__]
    found = contest({name: [*command, name] for name in CONTENDERS}, rounds=ROUNDS - WARM_UP, warm_up=WARM_UP)
    for name, milliseconds in found.items():
        contender(name, us_per_record=1000 * milliseconds / COUNT)
    goal = "6 bulk body of Elasticsearch vs the client's helper"
    report(goal, found["ours_ready"] / found["helper"], GOAL)
    report(f"{goal}, from stored records", found["ours"] / found["helper_stored"], GOAL)
    # More than is asked: we parse, and the helper doesn't.
    contender("ours / helper", ratio=found["ours"] / found["helper"])


CONTENDERS = {"ours_ready": ours_ready, "helper": helper, "ours": ours, "helper_stored": helper_stored}

if __name__ == "__main__":
    CONTENDERS.get("".join(sys.argv[1:]), main)()
