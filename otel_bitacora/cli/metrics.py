"""`otel-bitacora metrics`: every metric that can be published, with its names, unit and meaning."""

from __future__ import annotations

from typing import Annotated

import typer

from .options import Json
from .table import print_table


def metrics(
    markdown: Annotated[bool, typer.Option("--markdown", help="The document docs/METRICS.md.")] = False,
    json: Json = False,
) -> None:
    """List the metrics: OpenTelemetry and Prometheus name, instrument, unit, attributes, collector."""
    from otel_bitacora.ops.catalogue import catalogue, catalogue_markdown
    from otel_bitacora.settings import Settings
    from otel_bitacora.sidecar.sampling import select_with_own

    rows = catalogue(select_with_own(Settings()).collectors)
    if json:
        import orjson

        typer.echo(orjson.dumps(rows))
    elif markdown:
        typer.echo(catalogue_markdown(rows), nl=False)
    else:
        head = ("PROMETHEUS", "OPENTELEMETRY", "INSTRUMENT", "UNIT", "COLLECTOR")
        print_table(head, [(row.prometheus, row.name, row.instrument, row.unit, row.collectors) for row in rows])
