"""What `logs compact` does and prints."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import orjson
import typer

from otel_bitacora.errors import JournalUnavailable
from otel_bitacora.reporter.core.config import ReporterSettings
from otel_bitacora.reporter.core.journal import keep_house


def compact_and_print(journals: Iterable[Path], *, as_json: bool) -> None:
    """Keep each journal in order and print what was done.

    Raises:
        JournalUnavailable: a journal isn't ours to change, or another process is keeping it in order.
    """
    settings = ReporterSettings.load()
    for journal in journals:
        done = keep_house(
            journal, max_bytes=settings.max_bytes, max_age_seconds=settings.max_age_seconds, look_for_damage=True
        )
        if done is None:
            raise JournalUnavailable(f"{journal} is being kept in order by another process: nothing is left to do")
        if as_json:
            typer.echo(orjson.dumps({"journal": str(journal), "done": done}))
            continue
        typer.echo(
            f"{journal}: {len(done.merged)} merged, {len(done.deleted)} over the bounds, {len(done.removed)} half-made, "
            f"{len(done.quarantined)} damaged regions put aside"
        )
