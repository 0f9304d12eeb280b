"""Goal 14: ship a backlog from the journal to OTLP/HTTP, against OpenTelemetry's exporter fed the same records.

Records per CPU second of the whole process: this project reads its files, checks each record, builds the requests, posts
them and keeps its checkpoint; the peer has its records in memory and only encodes and posts them, 512 at a time. And goal
15: what a record costs to ship doesn't grow with the backlog, 10,000 to `--records`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from contest import answer_with, contender, contest, need, report
from shipping import fill, peer_batches, ship
from sink import sink
from slope_records import slope

FEW = 10_000
OURS, PEER = "bitacora", "otel OTLPLogExporter"


def ship_journal(journal: str, url: str, count: int) -> Callable[[], float]:
    """Return what ships the whole *journal* for an exporter of its own each time, in CPU microseconds a record."""
    number = 0

    def once() -> float:
        nonlocal number
        number += 1
        began = time.process_time_ns()
        delivered = ship(Path(journal), url, f"round-{number}")
        spent = time.process_time_ns() - began
        if delivered != count:
            raise SystemExit(f"{delivered} of {count} records were delivered")
        return spent / count / 1e3

    return once


def export_by_peer(url: str, count: int) -> Callable[[], float]:
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.sdk._logs.export import LogRecordExportResult  # noqa: TID251  # the peer

    exporter, batches = OTLPLogExporter(endpoint=url), peer_batches(count)

    def once() -> float:
        began = time.process_time_ns()
        results = {exporter.export(batch) for batch in batches}
        spent = time.process_time_ns() - began
        if results != {LogRecordExportResult.SUCCESS}:
            raise SystemExit("a batch of the peer failed")
        return spent / count / 1e3

    return once


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    wanted = parser.parse_args()
    need("opentelemetry.exporter.otlp.proto.http", "monitor,otlp")
    with tempfile.TemporaryDirectory(prefix="bitacora-bench-") as place, sink() as url:
        few, many = Path(place, "few"), Path(place, "many")
        fill(few, FEW)
        fill(many, wanted.records)
        commands = {
            OURS: [sys.executable, __file__, "ours", many, url, wanted.records],
            f"{OURS}, {FEW} records": [sys.executable, __file__, "ours", few, url, FEW],
            PEER: [sys.executable, __file__, "peer", "", url, wanted.records],
        }
        found = contest(commands, rounds=wanted.rounds, warm_up=1)
    for name, microseconds in found.items():
        contender(name, us_per_record=microseconds, records_per_cpu_second=1e6 / microseconds)
    costs = {FEW: found[f"{OURS}, {FEW} records"] * FEW, wanted.records: found[OURS] * wanted.records}
    report(
        f"14 CPU to ship {wanted.records:,} records from the journal vs OTel's exporter",
        found[OURS] / found[PEER],
        1 / 8,
        times=round(found[PEER] / found[OURS], 2),
    )
    report(f"15 slope of shipping, records {FEW:,} to {wanted.records:,}", slope(costs), 1.1)


if __name__ == "__main__":
    if len(sys.argv) > 4 and sys.argv[1] == "ours":
        answer_with(ship_journal(sys.argv[2], sys.argv[3], int(sys.argv[4])))
    elif len(sys.argv) > 4 and sys.argv[1] == "peer":
        answer_with(export_by_peer(sys.argv[3], int(sys.argv[4])))
    else:
        main()
