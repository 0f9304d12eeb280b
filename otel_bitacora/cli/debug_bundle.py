"""What `debug bundle` gathers, lists, asks and writes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from otel_bitacora.errors import SettingsError
from otel_bitacora.http.token import state_directory
from otel_bitacora.ops.debug.bundle import Document, documents, write
from otel_bitacora.ops.doctor import examine, wrong_settings
from otel_bitacora.ops.doctor_clock import ClockWatch
from otel_bitacora.ops.doctor_finding import Finding
from otel_bitacora.places import journal_directory
from otel_bitacora.settings import Loaded, Settings, load_settings
from otel_bitacora.sidecar.sampling import build_sampler

from .logs_printing import tell
from .options import command_line


def make_documents(
    journals: Sequence[Path] | None, config: Path | None, state_dir: Path | None, *, records: int
) -> list[Document]:
    """Return what the bundle will hold, after having looked at this machine once."""
    clock = ClockWatch()
    given = command_line({"state_dir": state_dir})
    wrong: list[Finding] = []
    try:
        loaded = load_settings(given, config)
        sampler, _ = build_sampler(loaded.settings)
    except SettingsError as error:
        # Then a report is wanted most; all else is looked at as if nothing were set but where things are.
        wrong = list(wrong_settings(error))
        loaded = Loaded(Settings(**given), {}, config, ())
        sampler, _ = build_sampler(loaded.settings)
    settings = loaded.settings
    own = journal_directory(settings.journal_dir) if settings.journal_dir else state_directory(settings) / "journal"
    try:
        snapshot = sampler.tick()
        findings = wrong or list(examine(loaded, snapshot, clock))
        return documents(loaded, snapshot, findings, list(journals or [own]), records=records)
    finally:
        sampler.stop()


def list_and_write(file: Path, found: Sequence[Document], *, must_ask: bool) -> None:
    """List *found* on stderr, ask if somebody is there to answer, and write it; the path goes to stdout.

    Raises:
        typer.Exit: the answer was no.
        BitacoraError: it can't be written.
    """
    tell(f"{file} will hold:")
    for document in found:
        typer.echo(f"  {document.name:16} {len(document.content):>9,} bytes  {document.about}", err=True)
    if must_ask and sys.stdin.isatty() and not typer.confirm("Write it?", err=True):
        raise typer.Exit(1)
    write(file, found)
    typer.echo(file)
