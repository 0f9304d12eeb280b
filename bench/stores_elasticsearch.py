"""Records per CPU-second into Elasticsearch: what the shipper does with what it has read, against the client's helper.

The peer is what one writes oneself: a dict of each record, with what our documents hold, Resource and uid included, given to
`helpers.bulk` of a client that compresses as ours does. PyPI's elasticsearch-logging-handler takes part where it is installed
(`pip install elasticsearch-logging-handler pytz`): less in its documents, and lost where a request fails. CPU is the client's
alone; the server says `created` to everything, as a real one's verdicts look.
"""

from __future__ import annotations

import gzip
import itertools
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec

from contest import answer_with, contender, contest, report
from stores import COUNT, Server, as_document, log_records, skip_without, stored_records

GOAL = "CPU per record into Elasticsearch, against the client's helper with documents that hold as much"
_INSTANCE = "0123456789abcdef" * 2
_INFO = b'{"name":"bench","version":{"number":"9.5.3","build_flavor":"default"},"tagline":"You Know, for Search"}'


class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._say(_INFO)

    def do_POST(self) -> None:
        body = self._body()
        kind = b"index" if body.startswith(b'{"index"') else b"create"
        item = b'{"%b":{"_id":"1","status":201}}' % kind
        self._say(b'{"errors":false,"took":1,"items":[%b]}' % b",".join([item] * (body.count(b"\n") // 2)))

    def do_PUT(self) -> None:
        self.do_POST()

    def log_message(self, *_: object) -> None:
        pass

    def _body(self) -> bytes:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        return gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body

    def _say(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("x-elastic-product", "Elasticsearch")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def ours(url: str) -> Callable[[int], float]:
    from otel_bitacora.reporter.core.contract import Accepted
    from otel_bitacora.reporter.production.exporters import exporter_for

    exporter = exporter_for(f"elasticsearch+{url}/ours")

    def send(number: int) -> float:
        batch = stored_records(number)
        began = time.process_time()
        outcomes = exporter.export(batch)
        spent = time.process_time() - began
        assert outcomes == [Accepted()] * COUNT
        return spent

    return send


def helper(url: str) -> Callable[[int], float]:
    from elasticsearch import Elasticsearch, helpers

    client = Elasticsearch(url, http_compress=True)

    def send(number: int) -> float:
        batch = log_records(number)
        began = time.process_time()
        documents = (as_document(record, f"{_INSTANCE}-{at:016x}") for at, record in enumerate(batch, number * COUNT))
        actions = ({"_op_type": "create", "_id": each.pop("_id"), "_source": each} for each in documents)
        created, _ = helpers.bulk(client, actions, index="theirs", chunk_size=COUNT)
        spent = time.process_time() - began
        assert created == COUNT
        return spent

    return send


def handler(url: str) -> Callable[[int], float]:
    from elasticsearch import helpers
    from elasticsearch_logging_handler import ElasticHandler

    made = ElasticHandler(url, "theirs", flush_period=0.1)
    sent, bulk = threading.Semaphore(0), helpers.bulk

    def bulk_and_say(client: object, actions: list[object], **more: object) -> object:
        done = bulk(client, actions, **more)
        sent.release(len(actions))
        return done

    helpers.bulk = bulk_and_say  # which is how it sends, in threads of its own

    def send(number: int) -> float:
        batch = log_records(number)
        began = time.process_time()
        for record in batch:
            made.handle(record)
        for _ in batch:
            sent.acquire()
        return time.process_time() - began

    return send


CONTENDERS = {"ours": ours, "helper": helper, "elasticsearch-logging-handler": handler}
NEEDS = {"elasticsearch-logging-handler": "elasticsearch_logging_handler"}


def measure(name: str, url: str) -> None:
    logging.getLogger("elastic_transport").setLevel(logging.ERROR)
    send, rounds = CONTENDERS[name](url), itertools.count()
    answer_with(lambda: send(next(rounds)) * 1000)
    os._exit(0)


def main() -> None:
    skip_without("elasticsearch", "-e '.[elasticsearch]'")
    names = [name for name in CONTENDERS if name not in NEEDS or find_spec(NEEDS[name])]
    with Server([sys.executable, __file__, "--serve", "PORT"]) as port:
        url = f"http://127.0.0.1:{port}"
        found = contest({name: [sys.executable, __file__, name, url] for name in names})
    for name, milliseconds in found.items():
        contender(name, us_per_record=milliseconds * 1000 / COUNT, records_per_cpu_second=COUNT * 1000 / milliseconds)
    report(GOAL, found["ours"] / found["helper"], 1.0)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Answers).serve_forever()
    elif len(sys.argv) > 1:
        measure(*sys.argv[1:])
    else:
        main()
