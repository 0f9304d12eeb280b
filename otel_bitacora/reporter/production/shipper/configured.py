"""Routes as the settings have them: the exporters that are named there, and URLs of which nothing more is said."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from otel_bitacora.errors import SettingsError
from otel_bitacora.reporter.production.exporters import Destination, name_for
from otel_bitacora.settings import ExporterSettings, Settings
from otel_bitacora.settings.headers import parse_headers
from otel_bitacora.settings.otel_environment import logs_options

from .route import route_to
from .tail import Limits
from .worker import Route


def routes_of(settings: Settings, journal: Path, environ: Mapping[str, str] = os.environ) -> list[Route]:
    """Return a route for each exporter in *settings*, and for each URL that isn't one of theirs.

    Raises:
        SettingsError: one can't be made of what is said.
        QueryError: a query doesn't parse.
        MissingExtra: what an exporter needs isn't installed.
    """
    named = {exporter.url for exporter in settings.exporters.values()}
    routes = [route_named(name, exporter, journal) for name, exporter in settings.exporters.items()]
    routes += [
        route_to(journal, destination_of(url, environ=environ))
        for url in dict.fromkeys(settings.to)
        if url not in named
    ]
    return routes


def route_named(name: str, settings: ExporterSettings, journal: Path, **options: Any) -> Route:
    """Return the route of `[exporters.NAME]`; *options* go before what is said there. Raises as `routes_of` does."""
    said: dict[str, Any] = {
        "level": None if settings.level == "trace" else settings.level,
        "query": settings.query or None,
        "start": settings.start,
        "limits": Limits(settings.batch_records, settings.batch_bytes, settings.batch_age_seconds),
        "max_backoff_seconds": settings.max_backoff_seconds,
    }
    given = {key: value for key, value in options.items() if value is not None}
    return route_to(journal, _destination(name, settings), **(said | given))


def destination_of(url: str, *, name: str | None = None, environ: Mapping[str, str] = os.environ) -> Destination:
    """Return the destination of a URL of which nothing more is said; for OTLP, the standard variables say how.

    Raises:
        SettingsError: a variable can't be used.
    """
    chosen = name or name_for(url)
    if not url.startswith("otlp+"):
        return Destination(url, name=chosen)
    options = logs_options(environ)
    try:
        settings = ExporterSettings.model_validate({"url": url, **options})
    except ValueError as error:
        raise SettingsError(f"OTEL_EXPORTER_OTLP_*: {_words(error)}") from error
    return _destination(chosen, settings)


def _words(error: ValueError) -> str:
    problems = getattr(error, "errors", None)
    if problems is None:
        return str(error)
    return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in problems(include_input=False))


def _destination(name: str, settings: ExporterSettings) -> Destination:
    if settings.client_key_file and not settings.client_certificate_file:
        raise SettingsError(f"exporters.{name}.client_key_file: must come with client_certificate_file")
    return Destination(
        settings.url,
        name=name,
        headers=_headers(name, settings),
        compression=settings.compression,
        timeout_seconds=settings.timeout_seconds,
        certificate_file=settings.certificate_file,
        client_key_file=settings.client_key_file,
        client_certificate_file=settings.client_certificate_file,
    )


def _headers(name: str, settings: ExporterSettings) -> dict[str, str]:
    if settings.headers is not None:
        return parse_headers(settings.headers.get_secret_value())
    if settings.headers_file is None:
        return {}
    try:
        return parse_headers(settings.headers_file.read_text(encoding="utf-8").strip())
    except (OSError, ValueError) as error:
        raise SettingsError(f"exporters.{name}.headers_file = {str(settings.headers_file)!r}: {error}") from error
