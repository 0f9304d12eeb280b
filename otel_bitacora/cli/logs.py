"""`otel-bitacora logs`: what the journal holds, and whether anything is missing from it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .logs_options import Color, OneLine, Pretty, ThemeChoice, Time
from .options import ConfigFile, Json

app = typer.Typer(
    help="Read the journal that applications log to, while they do.", no_args_is_help=True, rich_markup_mode=None
)

Journals = Annotated[
    list[Path] | None,
    typer.Option(
        "--journal",
        help="The journal's directory; may be repeated. Default: BITACORA_JOURNAL_DIR, else `journal` in the state directory.",
        metavar="DIR",
        show_default=False,
        readable=False,  # who can't be read says so itself, and is no mistake in the command
    ),
]
JsonLines = Annotated[bool, typer.Option("--json", help="One JSON object a line, with everything the record holds.")]


@app.command()
def cat(
    journal: Journals = None,
    json: JsonLines = False,
    pretty: Pretty = None,
    time: Time = None,
    one_line: OneLine = None,
    theme: ThemeChoice = None,
    color: Color = None,
) -> None:
    """Print every record, one a line.

    Those of one process come exactly in the order they were logged in, those of different processes by time. Damage is
    told on stderr and is no failure: `logs verify` judges. Places in the code and threads are only in --json.
    """
    from .logs_format import printer_for
    from .logs_printing import quiet_when_closed
    from .logs_reading import present_journals, records_by_time

    printer = printer_for(json=json, pretty=pretty, time=time, one_line=one_line, theme=theme, color=color)
    directories = present_journals(journal)
    with quiet_when_closed():
        printer.print_all(records_by_time(directories, printer.tell_damage))


@app.command()
def tail(
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what is logged from now on, until Ctrl-C.")
    ] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many of the last records.", metavar="N")] = 10,
    journal: Journals = None,
    json: JsonLines = False,
    pretty: Pretty = None,
    time: Time = None,
    one_line: OneLine = None,
    theme: ThemeChoice = None,
    color: Color = None,
) -> None:
    """Print the last records, one a line; with -f also those to come, of processes yet to start too."""
    from .logs_format import printer_for
    from .logs_printing import quiet_when_closed, quiet_when_interrupted
    from .logs_reading import awaited_journals, present_journals, print_last, print_last_and_follow

    printer = printer_for(json=json, pretty=pretty, time=time, one_line=one_line, theme=theme, color=color)
    if not follow:
        with quiet_when_closed():
            print_last(present_journals(journal), lines, printer)
        return
    with quiet_when_interrupted(), quiet_when_closed():
        print_last_and_follow(awaited_journals(journal), lines, printer)


@app.command()
def query(
    text: Annotated[
        str,
        typer.Argument(
            metavar="QUERY",
            help="Such as 'level>=warn session=s-1 \"connection refused\" since=-2h'; '' is everything.",
        ),
    ],
    lines: Annotated[
        int | None,
        typer.Option("--lines", "-n", min=0, help="No more than N records.", metavar="N", show_default=False),
    ] = None,
    newest: Annotated[bool, typer.Option("--newest", "--reverse", "-r", help="The newest first.")] = False,
    progress: Annotated[
        bool, typer.Option("--progress/--no-progress", help="Show how far it is, if stderr is a terminal.")
    ] = True,
    journal: Journals = None,
    json: JsonLines = False,
    pretty: Pretty = None,
    time: Time = None,
    one_line: OneLine = None,
    theme: ThemeChoice = None,
    color: Color = None,
) -> None:
    """Print the records that a query wants, one a line, in the order of time, each as soon as it is found.

    The language is described in docs/query.md: fields (level, logger, session, attr.NAME and more) with =, !=, <, <=, >
    and >=, text in any case, since= and until=, and, or, not and parentheses. Ctrl-C ends it with what was found so far
    and exit code 130; a query that can't be read is exit code 2.
    """
    from .logs_format import printer_for
    from .logs_printing import quiet_when_closed
    from .logs_query import parsed, search_and_print
    from .logs_reading import present_journals

    printer = printer_for(json=json, pretty=pretty, time=time, one_line=one_line, theme=theme, color=color)
    wanted = parsed(text, limit=lines, newest_first=newest)
    is_complete = True  # where the reader of stdout has what it wanted
    with quiet_when_closed():
        is_complete = search_and_print(wanted, present_journals(journal), printer, shows_progress=progress)
    if not is_complete:
        raise typer.Exit(130)


@app.command()
def verify(
    journal: Journals = None,
    exporter: Annotated[
        str | None,
        typer.Option("--exporter", help="The ledger of this exporter alone.", metavar="NAME", show_default=False),
    ] = None,
    json: Json = False,
) -> None:
    """Check that nothing vanished; exit 1 if a record is missing, a sum doesn't add up, or a file couldn't be read.

    For each process: last sequence number = retired + journalled + dropped, by reason + damaged + missing. Retired is
    what was deleted as the journal's bounds demand; damaged lay where bytes of a file were changed.

    For each exporter, from where it was registered: journalled = delivered + duplicate + dead letters + filtered +
    expired + unattributed + pending.
    """
    from .logs_printing import quiet_when_closed
    from .logs_reading import present_journals
    from .logs_verify import verify_and_print

    is_whole = True  # where the reader of stdout has what it wanted
    with quiet_when_closed():
        is_whole = verify_and_print(present_journals(journal), exporter=exporter, as_json=json)
    if not is_whole:
        raise typer.Exit(1)


@app.command(name="import")
def import_(
    directory: Annotated[
        Path,
        typer.Argument(
            metavar="[DIR]", help="A project with .bitacora/records, or that directory itself.", show_default="here"
        ),
    ] = Path(),
    journal: Annotated[
        Path | None,
        typer.Option("--journal", help="The journal that they go to.", metavar="DIR", show_default=False),
    ] = None,
) -> None:
    """Take in the sessions that Bitacora's first scripts kept in .bitacora/records/*.md, each once however often it is said."""
    from .logs_import import import_records

    import_records(directory, journal)


@app.command()
def redact(
    file: Annotated[str, typer.Argument(help="The text; - is stdin.")],
    explain: Annotated[
        bool, typer.Option("--explain", help="Say where what would be replaced, and by which rule, without showing it.")
    ] = False,
) -> None:
    """Print a text as the journal would keep it, without its secrets."""
    from .logs_printing import quiet_when_closed
    from .logs_redact import explain_text, print_redacted

    with quiet_when_closed():
        (explain_text if explain else print_redacted)(file)


@app.command()
def compact(journal: Journals = None, json: Json = False) -> None:
    """Make one file of the many small ones that short-lived processes leave, and keep the journal within its bounds.

    Damaged regions are copied to quarantine/ first. Nothing that a registered exporter still needs is touched. A running
    sidecar does the same every ten minutes, but for the damage.
    """
    from .logs_compact import compact_and_print
    from .logs_reading import present_journals

    compact_and_print(present_journals(journal), as_json=json)


@app.command()
def replay(
    query: Annotated[str, typer.Argument(help="Which records, in the language of docs/query.md.")],
    to: Annotated[str, typer.Option(help="Where to, such as otlp+http://127.0.0.1:4318.", metavar="URL")],
    journal: Journals = None,
    config: ConfigFile = None,
    patience: Annotated[
        float, typer.Option(min=0.0, help="How long the destination may fail before it is given up.", metavar="SECONDS")
    ] = 60.0,
    json: Json = False,
) -> None:
    """Send records that the journal still has, delivered before or not, with a ledger of their own.

    Interrupted, or given up, the same command goes on where it was. Exit 1 while any of them is left, 4 if the destination
    can't be reached.
    """
    from .logs_reading import present_journals
    from .logs_replay import replay_and_print

    raise typer.Exit(
        replay_and_print(
            present_journals(journal), query, to=to, config=config, patience_seconds=patience, as_json=json
        )
    )
