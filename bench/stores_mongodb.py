"""Records per CPU-second into MongoDB: what the shipper does with what it has read, against a handler that buffers dicts.

The peers are what such handlers do: a dict of each record, and `insert_many` when enough of them are there. `same` holds what
our documents hold, Resource and uid included; `plain` the record's own fields, half as much, and each is as often there as it was
sent. `log4mongo` is the buffered handler of PyPI's log4mongo (`pip install log4mongo` for it to take part), whose documents are
like the plain ones. CPU is the client's alone; the server is SecantusDB.
"""

from __future__ import annotations

import itertools
import logging
import sys
import tempfile
import time
import warnings
from importlib.util import find_spec

from contest import answer_with, contender, contest, report

GOAL = "CPU per record into MongoDB, against pymongo with documents that hold as much"
_INSTANCE = "0123456789abcdef" * 2


def measure(name: str, url: str) -> None:
    warnings.simplefilter("ignore", DeprecationWarning)  # of peers
    from stores import COUNT, as_dict, as_document, log_records, stored_records

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

    if name == "log4mongo":
        from log4mongo.handlers import BufferedMongoHandler

        handler = BufferedMongoHandler(
            host=url,
            buffer_size=COUNT,
            buffer_periodical_flush_timing=None,
            buffer_early_flush_level="CRITICAL",  # its own default is no name of a level, and fails
            w="majority",
            journal=True,
        )

        def handle() -> float:
            batch = log_records(next(rounds))
            began = time.process_time()
            for record in batch:
                handler.handle(record)
            spent = time.process_time() - began
            assert not handler.buffer
            return spent * 1000

        answer_with(handle)
        return
    collection = MongoClient(url, w="majority", journal=True).theirs[name]

    def documents(batch: list[logging.LogRecord], first: int) -> list[dict[str, object]]:
        if name == "plain":
            return [as_dict(record) for record in batch]
        return [as_document(record, f"{_INSTANCE}-{first + number:016x}") for number, record in enumerate(batch)]

    def peer() -> float:
        number = next(rounds)
        batch = log_records(number)
        began = time.process_time()
        inserted = collection.insert_many(documents(batch, number * COUNT), ordered=False)
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
        names = ["ours", "same", "plain", *(["log4mongo"] if find_spec("log4mongo") else [])]
        found = contest({name: [sys.executable, __file__, name, url] for name in names}, rounds=7)
    for name, milliseconds in found.items():
        contender(name, us_per_record=milliseconds * 1000 / COUNT, records_per_cpu_second=COUNT * 1000 / milliseconds)
    report(GOAL, found["ours"] / found["same"], 1.0)
    contender("ours / plain", ratio=found["ours"] / found["plain"])


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(*sys.argv[1:])
    else:
        main()
