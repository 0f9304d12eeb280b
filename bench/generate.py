"""The generator: records a second into a journal and as JSON lines, against the handler that logs the same records.

Each contender makes the same days in a process of its own. The handler's turn is what logging them costs a program: every
record a `logging.LogRecord` with the same text, level, logger and attributes, made before the clock starts. Its journal waits
for the disk at errors, as always; the generator's doesn't. That is no CPU, which is what is compared.
"""

from __future__ import annotations

import argparse
import io
import logging
import shutil
import sys
import tempfile
import time
from pathlib import Path

from contest import answer_with, contender, contest, report

from otel_bitacora import BitacoraHandler
from otel_bitacora.reporter.core.journal.reader import Reader
from otel_bitacora.reporter.core.level import python_level
from otel_bitacora.reporter.core.names import PROMOTED
from otel_bitacora.reporter.core.stored import FrameDecoder
from otel_bitacora.reporter.dev.generate import JournalOutput, JsonForm, LinesOutput, Output, PlainForm, Plan, generate

TARGET = 1.0
GOAL_RECORDS_PER_SECOND = 100_000
OURS, PEER = "generate --to journal", "BitacoraHandler, the same records"
SHORT = {name: key for key, name in PROMOTED.items()}
PLACES = frozenset(
    {"code.file.path", "code.function.name", "code.line.number", "thread.name", "bitacora.message.template"}
)


def into_journal(plan: Plan, place: str) -> float:
    return timed(plan, JournalOutput(Path(place, "journal")))


def into_json(plan: Plan, _: str) -> float:
    return timed(plan, LinesOutput(io.BytesIO(), JsonForm))


def into_plain(plan: Plan, _: str) -> float:
    return timed(plan, LinesOutput(io.BytesIO(), PlainForm))


def timed(plan: Plan, output: Output) -> float:
    """Return the CPU microseconds of a record, all that generating takes included."""
    began = time.process_time_ns()
    manifest = generate(plan, output)
    return (time.process_time_ns() - began) / manifest.records / 1e3


def handled(plan: Plan, place: str) -> float:
    """Return the CPU microseconds that the handler takes for one of the same records."""
    generate(plan, JournalOutput(Path(place, "made")))
    decoder, records = FrameDecoder(), []
    for frame in Reader(Path(place, "made")):
        if frame.kind == 1:
            entry = decoder.entry(frame)
            record = logging.LogRecord(
                entry.logger, python_level(entry.severity_number), "/srv/shop/x.py", 1, entry.body, None, None, "x"
            )
            extra = {SHORT.get(key, key): value for key, value in entry.attributes.items() if key not in PLACES}
            record.__dict__.update(extra)
            records.append(record)
    handler = BitacoraHandler(journal=Path(place, "handled"), service_name="bench")
    began = time.process_time_ns()
    for record in records:
        handler.handle(record)
    taken = time.process_time_ns() - began
    handler.close()
    return taken / len(records) / 1e3


CONTENDERS = {
    OURS: into_journal,
    "generate --to jsonl": into_json,
    "generate --to stdout": into_plain,
    PEER: handled,
}


def answer(name: str, rate: float) -> None:
    seed = iter(range(1 << 30))

    def once() -> float:
        place = tempfile.mkdtemp(prefix="bitacora-bench-")
        try:
            return CONTENDERS[name](Plan(seed=next(seed), rate=rate), place)
        finally:
            shutil.rmtree(place)

    answer_with(once)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--rate", type=float, default=1.0, help="as generate's own: 1, the default, makes 110,000 records"
    )
    parser.add_argument("--contender", choices=CONTENDERS)
    given = parser.parse_args()
    if given.contender:
        answer(given.contender, given.rate)
        return
    commands = {name: [sys.executable, __file__, "--contender", name, "--rate", given.rate] for name in CONTENDERS}
    found = contest(commands, rounds=given.rounds, warm_up=1)
    for name, microseconds in found.items():
        contender(name, us_per_record=microseconds, records_per_second=1e6 / microseconds)
    rates = {name: 1e6 / microseconds for name, microseconds in found.items()}
    report(
        f"generate at least {GOAL_RECORDS_PER_SECOND} records a second into a journal",
        GOAL_RECORDS_PER_SECOND / rates[OURS],
        TARGET,
        vs_handler=round(found[OURS] / found[PEER], 3),
    )


if __name__ == "__main__":
    main()
