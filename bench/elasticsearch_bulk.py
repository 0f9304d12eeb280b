"""CPU to build the body of a bulk request of 1,000 records, against `helpers.streaming_bulk` of Elasticsearch's client.

From documents that are ready, as dicts; and from records as the journal holds them, where the helper is given the time that
ours takes to parse and to map them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from contest import answer_rounds, contender, contest, need, report

COUNT = 1000
GOAL = 0.35


def stored_records() -> list[Any]:
    """Return records of a generated day, the next best to a real one."""
    import tempfile

    from otel_bitacora.reporter.core.contract import StoredRecord
    from otel_bitacora.reporter.core.journal.reader import Reader
    from otel_bitacora.reporter.core.stored import uid_of
    from otel_bitacora.reporter.core.timeline import RECORD_ONLY
    from otel_bitacora.reporter.dev.generate import JournalOutput, Plan, generate

    with tempfile.TemporaryDirectory() as folder:
        generate(Plan(seed=1, developers=1, rate=0.05), JournalOutput(Path(folder)))
        frames = list(Reader(Path(folder), kinds=RECORD_ONLY))[:COUNT]
        assert len(frames) == COUNT
        return [
            StoredRecord(uid_of(frame), frame.sequence, bytes(frame.payload), frame.scope_length, frame.resource or b"")
            for frame in frames
        ]


def ours() -> None:
    from otel_bitacora.reporter.production.exporters.elasticsearch_bulk import operations, portions
    from otel_bitacora.reporter.production.exporters.elasticsearch_payload import PayloadDocuments
    from otel_bitacora.reporter.production.exporters.elasticsearch_target import target_of

    records, documents = stored_records(), PayloadDocuments({"type": "logs"})
    target = target_of("elasticsearch+http://127.0.0.1:9200")

    def work() -> object:
        found = operations(documents, target, records, [None] * len(records))
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
    return [(record.uid, orjson.loads(documents.document(record)[1])) for record in stored_records()]


def helper() -> None:
    """What streaming_bulk does before it sends: expand each action, serialize it, and cut into chunks."""
    from elasticsearch import Elasticsearch
    from elasticsearch.helpers import streaming_bulk

    found = dicts()
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

    def work() -> None:
        bodies.clear()
        actions = ({"_op_type": "create", "_id": uid, **document} for uid, document in found)
        for _ in streaming_bulk(client, actions, chunk_size=5000, max_chunk_bytes=4 << 20):
            pass
        assert bodies

    answer_rounds(work)


def main() -> None:
    need("elasticsearch", "elasticsearch")
    command = [sys.executable, __file__]
    names = ("ours_ready", "helper", "ours")
    found = contest({name: [*command, name] for name in names})
    for name, milliseconds in found.items():
        contender(name, us_per_record=1000 * milliseconds / COUNT)
    goal = "6 bulk body of Elasticsearch vs the client's helper"
    report(goal, found["ours_ready"] / found["helper"], GOAL)
    mapping = found["ours"] - found["ours_ready"]
    report(f"{goal}, from stored records", found["ours"] / (mapping + found["helper"]), GOAL)


if __name__ == "__main__":
    {"ours": ours, "ours_ready": ours_ready, "helper": helper}.get("".join(sys.argv[1:]), main)()
