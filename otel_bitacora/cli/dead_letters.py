"""`otel-bitacora logs dead-letters`: records that a destination refused for what is in them."""

from __future__ import annotations

from typing import Annotated

import typer

from .logs import Journals
from .options import ConfigFile, Json

app = typer.Typer(
    help="Records that a destination refused, kept with the reason.", no_args_is_help=True, rich_markup_mode=None
)

OfExporter = Annotated[
    str | None, typer.Option("--exporter", help="Only this exporter's.", metavar="NAME", show_default=False)
]
Uids = Annotated[list[str] | None, typer.Argument(help="Their uids.", metavar="UID...", show_default=False)]
Every = Annotated[bool, typer.Option("--all", help="All of them.")]


@app.command("list")
def list_all(journal: Journals = None, exporter: OfExporter = None, json: Json = False) -> None:
    """Print one line for each: when, uid, exporter, reason and body."""
    from .dead_letters_handling import print_letters
    from .logs_printing import quiet_when_closed
    from .logs_reading import present_journals

    with quiet_when_closed():
        print_letters(present_journals(journal), exporter, as_json=json)


@app.command()
def show(uid: str, journal: Journals = None, exporter: OfExporter = None) -> None:
    """Print everything that a record holds, as JSON, with the reason."""
    from .dead_letters_handling import show_letter
    from .logs_reading import present_journals

    show_letter(present_journals(journal), exporter, uid)


@app.command()
def replay(
    uids: Uids = None,
    every: Every = False,
    to: Annotated[
        str | None,
        typer.Option(help="Where to [where they were refused].", metavar="URL", show_default=False),
    ] = None,
    journal: Journals = None,
    exporter: OfExporter = None,
    config: ConfigFile = None,
    json: Json = False,
) -> None:
    """Send them once more, to where they were refused or to another place; those that arrive are dead letters no more."""
    from .dead_letters_handling import replay_letters
    from .logs_reading import present_journals

    raise typer.Exit(
        replay_letters(
            present_journals(journal), exporter, _wanted(uids, every=every), to=to, config=config, as_json=json
        )
    )


@app.command()
def drop(
    uids: Uids = None, every: Every = False, journal: Journals = None, exporter: OfExporter = None, json: Json = False
) -> None:
    """Keep them no longer. The ledger counts them as dead letters all the same."""
    from .dead_letters_handling import drop_letters
    from .logs_reading import present_journals

    drop_letters(present_journals(journal), exporter, _wanted(uids, every=every), as_json=json)


def _wanted(uids: list[str] | None, *, every: bool) -> set[str] | None:
    """Return the uids that were named; None for all."""
    if bool(uids) is every:
        raise typer.BadParameter("name uids, or say --all")
    return set(uids) if uids else None
