"""Whether a storage gives the same answers as the journal, for records and questions of every kind."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from otel_bitacora.reporter.core.contract import LogStorage
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.query import Query
from otel_bitacora.reporter.core.storage import JournalStorage
from otel_bitacora.reporter.dev.generate import JournalOutput, Plan, generate

from ...core.full_journals import entries  # noqa: TID252  # tests are no package

SERVICES = ("shop", "stock", "7")


def odd_entries(count: int) -> list[LogEntry]:
    """Return records with everything that a record can hold."""
    chance = random.Random(11)
    found = [
        replace(
            entry,
            uid=f"{7:032x}-{number:016x}",
            observed_unix_nano=entry.timestamp_unix_nano + number,
            resource={"service.name": chance.choice(SERVICES)},
        )
        for number, entry in enumerate(entries(chance, count))
    ]
    return [*found, *(replace(found[0], uid=f"{8:032x}-{at:016x}", **more) for at, more in enumerate(_ODDITIES))]


_ODDITIES: tuple[dict[str, object], ...] = (
    {"timestamp_unix_nano": 0},
    {"timestamp_unix_nano": 2**64 - 1, "trace_flags": 1},
    {"attributes": {"": 1, "a..b": 2, "n\0l": 3, " ": {"": b"x"}, "http.status": 1e300, "url": -0.0}},
    {"attributes": {"http.status": 2**53 + 1, "url": "x" * 9000, "status": [1.5, "x", {"a": [None]}]}},
    {"body": "x" * 9000 + "refused", "severity_number": 25},
    {"body": {"": {"\0": 1}}, "scope_attributes": {"a": b"b"}, "scope_version": "1", "schema_url": "s"},
    {"resource": {"service.name": ["shop", 7], "b": b"x"}},
    {"attributes": {"exception.message": 7, "exception.stacktrace": "Refused\n" * 2000}},
)


def generated_entries(folder: Path) -> list[LogEntry]:
    """Return a generated day, pathological records included."""
    generate(Plan(seed=3, developers=2, rate=0.003, pathological=True), JournalOutput(folder))
    return answers(JournalStorage(folder), Query())


async def _store(storage: LogStorage, found: Sequence[LogEntry]) -> None:
    for entry in found:
        await storage.store_log(entry)


def store_all(storage: LogStorage, found: Sequence[LogEntry]) -> None:
    asyncio.run(_store(storage, found))


def answers(storage: LogStorage, query: Query | str) -> list[LogEntry]:
    async def ask() -> list[LogEntry]:
        return [entry async for entry in storage.query(query)]  # type: ignore[arg-type]

    return asyncio.run(ask())


def assert_agrees(storage: LogStorage, model: LogStorage, query: Query) -> None:
    """Compare all that is found; of records of one moment the order is nobody's business, and with it a limit's choice."""
    everything = replace(query, limit=None)
    ours, theirs = answers(storage, everything), answers(model, everything)

    assert sorted(map(repr, ours)) == sorted(map(repr, theirs))
    assert list(map(_moment, ours)) == list(map(_moment, theirs))
    if query.limit is not None:
        assert list(map(_moment, answers(storage, query))) == list(map(_moment, ours))[: query.limit]


def _moment(entry: LogEntry) -> int:
    return entry.timestamp_unix_nano or entry.observed_unix_nano
