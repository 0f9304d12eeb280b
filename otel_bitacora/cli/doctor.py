"""`otel-bitacora doctor`: what is wrong here, and how to mend it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from otel_bitacora.reporter.core.printable import printable

from .options import ConfigFile, Json, RootPath, StateDir, command_line
from .table import is_terminal

if TYPE_CHECKING:
    from otel_bitacora.ops.doctor_finding import Finding

_COLOURS = {"ok": typer.colors.GREEN, "warn": typer.colors.YELLOW, "fail": typer.colors.RED}


def doctor(
    config: ConfigFile = None,
    state_dir: StateDir = None,
    root_path: RootPath = None,
    to: Annotated[
        list[str] | None,
        typer.Option(
            "--to",
            help="Try this destination of records out, too, as `ship` names it; may be repeated. Those of the settings, and "
            "those that BITACORA_ELASTICSEARCH__URL, BITACORA_KAFKA__URL and BITACORA_MONGODB__URL name, are tried in any case.",
            metavar="URL",
            show_default=False,
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Check settings, permissions, port, clock, disk and destinations of records.

    A destination is tried out with a record: written, read back and removed, where it can be. Exit 1 if something fails; 3 if
    that is settings alone, 4 if it is destinations alone that can't be reached.
    """
    from otel_bitacora.errors import SettingsError
    from otel_bitacora.ops.doctor import examine, wrong_settings
    from otel_bitacora.ops.doctor_clock import ClockWatch
    from otel_bitacora.ops.doctor_destinations import destination_findings, named_destinations
    from otel_bitacora.ops.doctor_finding import exit_code
    from otel_bitacora.settings import load_settings
    from otel_bitacora.sidecar.sampling import build_sampler

    clock, settings = ClockWatch(), None
    given = command_line({"state_dir": state_dir, "monitor.root_path": root_path})
    try:
        loaded = load_settings(given, config)
        settings = loaded.settings
        sampler, _ = build_sampler(settings)
    except SettingsError as error:
        # What else is wrong depends on what was meant.
        found = list(wrong_settings(error))
    else:
        found = list(examine(loaded, sampler.tick(), clock))
        sampler.stop()
    found += destination_findings(named_destinations(to or (), settings), settings)
    if json:
        _print_json(found)
    else:
        _print(found)
    raise typer.Exit(exit_code(found))


def _print_json(found: list[Finding]) -> None:
    import orjson

    counts = {verdict: sum(one.verdict.value == verdict for one in found) for verdict in ("ok", "warn", "fail")}
    typer.echo(orjson.dumps({"findings": found, **counts}))


def _print(found: list[Finding]) -> None:
    check = ""
    for one in found:
        if one.check != check:
            check = one.check
            typer.echo(check.upper())
        verdict = one.verdict.value
        shown = typer.style(f"{verdict:4}", fg=_COLOURS[verdict]) if is_terminal() else f"{verdict:4}"
        typer.echo(f"  {shown}  {printable(one.subject)}: {printable(one.detail)}")
        if one.fix:
            typer.echo(f"        fix: {printable(one.fix)}")
