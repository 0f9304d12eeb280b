"""The root of the command line. A command's module is imported when the command runs, not before."""

from __future__ import annotations

from typing import Annotated

import typer

from otel_bitacora import __version__

from . import (
    components,
    config,
    dead_letters,
    debug,
    doctor,
    exporters,
    exports,
    generate,
    logs,
    metrics,
    serve,
    session,
    ship,
    snapshot,
)

app = typer.Typer(
    name="otel-bitacora",
    help="Watches a developer's machine and keeps its logs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(serve.serve)
app.command()(ship.ship)
app.command()(snapshot.snapshot)
app.command()(metrics.metrics)
app.command()(components.components)
app.command()(doctor.doctor)
app.command()(generate.generate)
app.add_typer(config.app, name="config")
app.add_typer(exports.dashboards, name="dashboards")
app.add_typer(exports.rules, name="rules")
app.add_typer(session.app, name="session")
app.add_typer(logs.app, name="logs")
app.add_typer(debug.app, name="debug")
logs.app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(exporters.app, name="exporters")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"otel-bitacora {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass
