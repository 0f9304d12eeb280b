"""Records per CPU-second into MongoDB: what the shipper does with what it has read, against a handler that buffers dicts.

The peer is what such handlers do: each record's fields as a dict, and `insert_many` when enough of them are there. CPU is the
client's alone; the server is SecantusDB.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
import time

from contest import answer_with, contender, contest


def measure(name: str, url: str) -> None:
    from stores import COUNT, as_dict, log_records, stored_records

    rounds = itertools.count()
    if name == "ours":
        from otel_bitacora.reporter.core.contract import Accepted
        from otel_bitacora.reporter.production.exporters import exporter_for

        exporter = exporter_for(f"{url}/ours")

        def ours() -> float:
            batch = stored_records(next(rounds))
            began = time.process_time()
            outcomes = exporter.export(batch)
            spent = time.process_time() - began
            assert outcomes == [Accepted()] * COUNT
            return spent * 1000

        answer_with(ours)
        return
    from pymongo import MongoClient

    collection = MongoClient(url, w="majority", journal=True).theirs.logs

    def peer() -> float:
        batch = log_records(next(rounds))
        began = time.process_time()
        inserted = collection.insert_many([as_dict(record) for record in batch], ordered=False)
        spent = time.process_time() - began
        assert len(inserted.inserted_ids) == COUNT
        return spent * 1000

    answer_with(peer)


def main() -> None:
    from stores import COUNT, secantusdb, skip_without

    skip_without("pymongo", "-e '.[mongodb]'")
    skip_without("secantus", "--group dev")

    directory = tempfile.TemporaryDirectory()
    with directory, secantusdb(directory) as port:
        url = f"mongodb://127.0.0.1:{port}"
        found = contest({name: [sys.executable, __file__, name, url] for name in ("ours", "insert_many")}, rounds=5)
    for name, milliseconds in found.items():
        contender(name, us_per_record=milliseconds * 1000 / COUNT, records_per_cpu_second=COUNT * 1000 / milliseconds)
    # No goal: the peer's documents hold half as much, neither where it was logged by whom, nor what makes them unique.
    contender("ours / insert_many", ratio=found["ours"] / found["insert_many"])


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(*sys.argv[1:])
    else:
        main()
