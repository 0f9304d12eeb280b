"""From what people write to a route: a URL, a level, a query, where to start."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast, get_args

from otel_bitacora.errors import ReporterSettingsError
from otel_bitacora.reporter.core.level import LogLevel
from otel_bitacora.reporter.core.query_text import parse_query
from otel_bitacora.reporter.production.exporters import Destination, exporter_for

from .backoff import CAP_SECONDS
from .registry import Start
from .tail import Limits
from .wanted import Wanted
from .worker import Route


def route_to(
    journal: Path,
    destination: Destination,
    *,
    level: str | None = None,
    query: str | None = None,
    start: str = "oldest",
    limits: Limits | None = None,
    max_backoff_seconds: float = CAP_SECONDS,
    patience_seconds: float | None = None,
    waits_for_lease: bool = True,
    bootstrap: bool = False,
) -> Route:
    """Return the route from *journal* to *destination*, after a look that it can be made.

    Raises:
        ReporterSettingsError: there is no such destination, level or start.
        QueryError: the query doesn't parse.
        MissingExtra: what the exporter needs isn't installed.
    """
    if start not in get_args(Start):
        raise ReporterSettingsError(f"from = {start!r}: must be oldest or now")
    try:
        severity = int(LogLevel.parse(level)) if level else 0
    except ValueError as error:
        raise ReporterSettingsError(f"level = {level!r}: {error}") from error
    if bootstrap:
        destination = replace(destination, bootstrap=True)
    made = exporter_for(destination.url, destination)
    close = getattr(made, "close", None)
    if close is not None:
        close()
    return Route(
        journal=journal,
        name=destination.name,
        make_exporter=lambda: exporter_for(destination.url, destination),
        destination=destination.shown,
        start=cast("Start", start),
        wanted=Wanted(severity_floor=severity, query=parse_query(query) if query else None),
        query=query or "",
        limits=limits or Limits(),
        max_backoff_seconds=max_backoff_seconds,
        patience_seconds=patience_seconds,
        waits_for_lease=waits_for_lease,
    )
