"""`otel-bitacora exporters`: who is registered with a journal, and so keeps records in it."""

from __future__ import annotations

from typing import Annotated

import typer

from .logs import Journals
from .options import Json

app = typer.Typer(
    help="The exporters that a journal keeps undelivered records for.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("list")
def list_all(journal: Journals = None, json: Json = False) -> None:
    """Print what became of every record, for each exporter, how it fares, and which process ships for it."""
    from otel_bitacora.reporter.production.shipper.ledger import ledger_of
    from otel_bitacora.reporter.production.shipper.registry import names_in

    from .exporters_printing import print_exporters
    from .logs_printing import quiet_when_closed
    from .logs_reading import present_journals

    ledgers = [ledger_of(each, name) for each in present_journals(journal) for name in names_in(each)]
    with quiet_when_closed():
        print_exporters(ledgers, as_json=json)


@app.command()
def forget(
    name: Annotated[str, typer.Argument(help="The exporter's name, as `exporters list` shows it.")],
    journal: Journals = None,
    force: Annotated[bool, typer.Option("--force", help="Forget its dead letters, too.")] = False,
) -> None:
    """Let the journal keep nothing for an exporter any more. One that ships again later starts anew."""
    from otel_bitacora.reporter.production.shipper.registry import forget as forget_exporter

    from .logs_reading import present_journals

    for each in present_journals(journal):
        forget_exporter(each, name, force=force)
        typer.echo(f"{each}: {name} is forgotten")
