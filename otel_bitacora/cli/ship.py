"""`otel-bitacora ship`: what the journal holds, delivered."""

from __future__ import annotations

from typing import Annotated

import typer

from .logs import Journals
from .options import ConfigFile, Json

To = Annotated[
    list[str] | None,
    typer.Option(
        "--to",
        help="Where to: otlp+http://HOST:4318, otlp+grpc://HOST:4317, kafka://HOST:9092/TOPIC, "
        "elasticsearch+http://HOST:9200, mongodb://HOST:27017/DATABASE, file:///PATH, stdout: and so on; may be repeated.",
        metavar="URL",
        show_default=False,
    ),
]


def ship(
    to: To = None,
    journal: Journals = None,
    config: ConfigFile = None,
    once: Annotated[bool, typer.Option("--once", help="End when everything is delivered; exit 0 only then.")] = False,
    name: Annotated[
        str | None,
        typer.Option(help="The exporter's name [made of the URL].", metavar="NAME", show_default=False),
    ] = None,
    level: Annotated[
        str | None, typer.Option(help="Only records from this level on.", metavar="LEVEL", show_default=False)
    ] = None,
    query: Annotated[
        str | None, typer.Option(help="Only records that this query wants.", metavar="QUERY", show_default=False)
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from", help="Where a new exporter begins: oldest or now [oldest].", metavar="WHERE", show_default=False
        ),
    ] = None,
    bootstrap: Annotated[
        bool,
        typer.Option(
            "--bootstrap", help="Make there what records need and isn't there: a topic, indexes, an index's template."
        ),
    ] = False,
    max_backoff: Annotated[
        float | None,
        typer.Option(
            min=0.0, help="The longest wait between two attempts [60].", metavar="SECONDS", show_default=False
        ),
    ] = None,
    patience: Annotated[
        float,
        typer.Option(
            min=0.0, help="With --once: how long a destination may fail before it is given up.", metavar="SECONDS"
        ),
    ] = 60.0,
    json: Json = False,
) -> None:
    """Deliver what applications log to the journal, as long as this runs; what was delivered is remembered there.

    Without --to, to the exporters in the settings; with the --name of one of them, as it is said there.

    Prints the ledger at its end: what became of every record. Ctrl-C or SIGTERM ends it, after what can be delivered in
    five seconds; the rest stays pending in the journal. Exit 1 while anything is pending after --once, 4 if that is
    because a destination can't be reached.
    """
    if name is not None and len(to or ()) > 1:
        raise typer.BadParameter("it names one exporter: give --to once", param_hint="--name")
    from otel_bitacora.reporter.production.shipper.configured import chosen_routes
    from otel_bitacora.settings import load_settings

    from .logs_reading import present_journals
    from .options import log_to_stderr
    from .ship_running import ship_and_print

    settings = load_settings(config=config).settings
    log_to_stderr()
    routes = [
        route
        for directory in present_journals(journal)
        for route in chosen_routes(
            settings,
            directory,
            urls=to or (),
            name=name,
            level=level,
            query=query,
            start=start,
            bootstrap=bootstrap or None,
            max_backoff_seconds=max_backoff,
            patience_seconds=patience if once else None,
            waits_for_lease=False,
        )
    ]
    raise typer.Exit(ship_and_print(routes, once=once, as_json=json))
