"""What `logs import` does: old records into the journal, those that aren't there yet."""

from __future__ import annotations

import asyncio
from pathlib import Path

import typer

from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.session_events import LOGGER
from otel_bitacora.reporter.core.storage import JournalStorage
from otel_bitacora.reporter.production.sources.legacy import LegacyRecords

from .logs_printing import tell


def import_records(directory: Path, journal: Path | None) -> None:
    """Say on stdout what was taken in; end with 1 if there is nothing to be."""
    records = LegacyRecords(directory)
    files = records.files()
    if not files:
        tell(f"{records.directory} has no records: expected files such as 20240131-0900_login.md")
        raise typer.Exit(1)
    storage = JournalStorage(journal)
    known = asyncio.run(_uids_in(storage))
    taken = passed_over = 0

    def keep(entry: LogEntry) -> None:
        nonlocal taken, passed_over
        if entry.uid in known:
            passed_over += 1
            return
        storage.store(entry)
        taken += 1

    try:
        records.collect(keep)
    finally:
        storage.flush()
        storage.seal()
    already = f", {passed_over} were there already" if passed_over else ""
    typer.echo(f"{taken} events of {len(files)} files taken into {storage.directory}{already}")


async def _uids_in(storage: JournalStorage) -> set[str]:
    return {entry.uid async for entry in storage.query(f"logger={LOGGER}")}
