"""`otel-bitacora generate`: days that never were, to try things on, and a manifest of what is in them."""

from __future__ import annotations

import sys
import time
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from otel_bitacora.reporter.dev.generate import Manifest, Output, Plan


class Target(StrEnum):
    JOURNAL = "journal"
    JSONL = "jsonl"
    STDOUT = "stdout"


def generate(
    seed: Annotated[int, typer.Option(help="Another seed, other days; the same seed, the same bytes.")] = 0,
    days: Annotated[int, typer.Option(help="How many working days.")] = 1,
    developers: Annotated[int, typer.Option(help="How many people.")] = 3,
    rate: Annotated[float, typer.Option(help="Records a second of each of them at work, roughly; 1000 at most.")] = 1.0,
    incident: Annotated[
        list[str] | None,
        typer.Option(
            help="What goes wrong for one of them: disk-filling, memory-leak, flaky-test, slow-database, network-cut; "
            "may be repeated.",
            metavar="KIND",
            show_default=False,
        ),
    ] = None,
    pathological: Annotated[
        bool, typer.Option("--pathological", help="Also records that break what reads them.")
    ] = False,
    to: Annotated[
        Target, typer.Option(help="A journal, or stdout: as JSON lines, or as lines for people.")
    ] = Target.JOURNAL,
    start: Annotated[
        str, typer.Option(help="The day to begin with, in UTC: 2026-01-05, or as long ago as -7d.", metavar="TIME")
    ] = "2026-01-05",
    journal: Annotated[
        Path | None,
        typer.Option(
            help="The directory of the journal. Default: `generated` in the state directory.",
            metavar="DIR",
            show_default=False,
        ),
    ] = None,
    manifest: Annotated[
        Path | None,
        typer.Option(help="Where to write what is in the records, as JSON.", metavar="FILE", show_default=False),
    ] = None,
) -> None:
    """Make up days of development: records to try the other commands on, and a manifest of what they have to find.

    There are plans, edits, builds, tests, failures, fixes and commits, a program with visitors, and a machine that has to
    bear it. Prints how many records there are; records themselves go to stdout if asked.
    """
    from otel_bitacora.errors import JournalUnavailable
    from otel_bitacora.places import state_directory
    from otel_bitacora.reporter.core.journal.retention import list_segments

    from .logs_printing import quiet_when_closed

    if journal is not None and to is not Target.JOURNAL:
        raise typer.BadParameter(f"there is no journal with --to {to.value}", param_hint="--journal")
    plan = _plan(
        seed=seed,
        days=days,
        developers=developers,
        rate=rate,
        kinds=incident or [],
        pathological=pathological,
        start=start,
    )
    directory = (journal or state_directory() / "generated").expanduser().absolute()
    if journal is None and to is Target.JOURNAL and list_segments(str(directory)):
        raise JournalUnavailable(
            f"{directory} has records already, which no manifest would match: delete it, or say another --journal"
        )
    with quiet_when_closed():
        is_shown = sys.stderr.isatty() and (to is Target.JOURNAL or not sys.stdout.isatty())
        made = _generate(plan, _output(to, directory), with_bar=is_shown)
        if manifest is not None:
            _write(manifest, made)
        if to is Target.JOURNAL:
            typer.echo(f"{made.records} records in {directory}")


def _plan(*, kinds: list[str], start: str, **numbers: Any) -> Plan:
    """Return the plan.

    Raises:
        typer.BadParameter: something in it can't be.
    """
    from otel_bitacora.reporter.dev.generate import IncidentKind, Plan

    try:
        incidents = tuple(map(IncidentKind, kinds))
    except ValueError as exc:
        raise typer.BadParameter(f"{exc}: use {', '.join(IncidentKind)}", param_hint="--incident") from exc
    try:
        return Plan(incidents=incidents, start=_day(start), **numbers)
    except ValueError as exc:
        raise typer.BadParameter(str(exc)) from exc


def _day(text: str) -> date:
    """Return the day, in UTC, that *text* lies in: what has no offset is UTC as well, lest it depend on the machine."""
    from otel_bitacora.reporter.core.moments import parse_moment

    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return datetime.fromtimestamp(parse_moment(text, now_ns=time.time_ns()) // 10**9, UTC).date()
    return (moment.astimezone(UTC) if moment.tzinfo else moment).date()


def _output(to: Target, directory: Path) -> Output:
    from otel_bitacora.reporter.dev.generate import JournalOutput, JsonForm, LinesOutput, PlainForm

    if to is Target.JOURNAL:
        return JournalOutput(directory)
    return LinesOutput(sys.stdout.buffer, JsonForm if to is Target.JSONL else PlainForm)


def _generate(plan: Plan, output: Output, *, with_bar: bool) -> Manifest:
    """Generate, and say on stderr how long it took; *with_bar* shows there how far it is."""
    from otel_bitacora.reporter.dev.generate import generate as make

    from .logs_printing import tell

    began = time.monotonic()
    with typer.progressbar(length=plan.minutes, label="generating", file=sys.stderr, hidden=not with_bar) as bar:
        made = make(plan, output, on_minute=lambda _: bar.update(1))
    seconds = time.monotonic() - began
    tell(f"{made.records} records, {made.errors} errors, in {seconds:.1f} s: {made.records / seconds:,.0f} a second")
    return made


def _write(path: Path, made: Manifest) -> None:
    """Write the manifest.

    Raises:
        ReporterError: the file can't be written.
    """
    from otel_bitacora.errors import ReporterError

    try:
        path.expanduser().write_bytes(made.to_json())
    except OSError as exc:
        raise ReporterError(f"the manifest can't be written to {path}: {exc.strerror}") from exc
