"""`otel-bitacora ship`: what the journal holds, delivered."""

from __future__ import annotations

from typing import Annotated

import typer

from .logs import Journals
from .options import Json

_DRAIN_SECONDS = 5.0

To = Annotated[
    list[str],
    typer.Option(
        "--to",
        help="Where to: otlp+http://HOST:4318, otlp+grpc://HOST:4317, kafka://HOST:9092/TOPIC, mongodb://HOST:27017/DATABASE, file:///PATH, stdout: and so on; may be repeated.",
        metavar="URL",
        show_default=False,
    ),
]


def ship(
    to: To,
    journal: Journals = None,
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
        str,
        typer.Option("--from", help="Where a new exporter begins: oldest or now.", metavar="oldest|now"),
    ] = "oldest",
    bootstrap: Annotated[
        bool,
        typer.Option(
            "--bootstrap", help="Make there what records need and isn't there: a topic, indexes, an index's template."
        ),
    ] = False,
    max_backoff: Annotated[
        float, typer.Option(min=0.0, help="The longest wait between two attempts.", metavar="SECONDS")
    ] = 60.0,
    patience: Annotated[
        float,
        typer.Option(
            min=0.0, help="With --once: how long a destination may fail before it is given up.", metavar="SECONDS"
        ),
    ] = 60.0,
    json: Json = False,
) -> None:
    """Deliver what applications log to the journal, as long as this runs; what was delivered is remembered there.

    Prints the ledger at its end: what became of every record. Ctrl-C or SIGTERM ends it, after what can be delivered in
    five seconds; the rest stays pending in the journal. Exit 1 while anything is pending after --once, 4 if that is
    because a destination can't be reached.
    """
    from .ship_running import ship_and_print

    raise typer.Exit(
        ship_and_print(
            to,
            journal,
            name=name,
            level=level,
            query=query,
            start=start,
            bootstrap=bootstrap,
            once=once,
            max_backoff_seconds=max_backoff,
            patience_seconds=patience,
            drain_seconds=_DRAIN_SECONDS,
            as_json=json,
        )
    )
