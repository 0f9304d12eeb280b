"""`otel-bitacora dashboards export` and `rules export`: what Grafana and Prometheus load, written where they look."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from otel_bitacora.errors import BitacoraError

dashboards = typer.Typer(help="Dashboards for Grafana.", no_args_is_help=True, rich_markup_mode=None)
rules = typer.Typer(help="Alerts and recordings for Prometheus.", no_args_is_help=True, rich_markup_mode=None)

Directory = Annotated[
    Path | None, typer.Argument(help="Where to write the files; without it they are printed.", show_default=False)
]


@dashboards.callback()
@rules.callback()
def _group() -> None:
    pass  # with a callback, typer keeps the name of a group's only command


@dashboards.command("export")
def export_dashboards(directory: Directory = None) -> None:
    """Write the dashboards as Grafana imports and provisions them."""
    from otel_bitacora.ops.catalogue import catalogue
    from otel_bitacora.ops.dashboards.grafana import grafana_text
    from otel_bitacora.ops.dashboards.host import host_dashboard
    from otel_bitacora.settings import Settings
    from otel_bitacora.sidecar.sampling import select_with_own

    host = host_dashboard(catalogue(select_with_own(Settings()).collectors))
    _export({"host.json": grafana_text(host)}, directory)


@rules.command("export")
def export_rules(directory: Directory = None) -> None:
    """Write the rule files, for `rule_files` of Prometheus."""
    from otel_bitacora.ops.shipped import rule_files

    _export(rule_files(), directory)


def _export(documents: Mapping[str, str], directory: Path | None) -> None:
    """Write *documents*, by file name, into *directory* and print their paths; without one, print them."""
    for name, text in documents.items():
        if directory is None:
            typer.echo(text, nl=False)
            continue
        path = directory / name
        try:
            directory.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise BitacoraError(f"{path}: can't be written: {error.strerror}") from error
        typer.echo(path)
