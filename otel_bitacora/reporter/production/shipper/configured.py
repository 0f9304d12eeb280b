"""Routes as the settings have them: the exporters that are named there, and URLs of which nothing more is said."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from otel_bitacora.errors import SettingsError
from otel_bitacora.reporter.production.exporters import Destination, name_for
from otel_bitacora.settings import ExporterSettings, Settings
from otel_bitacora.settings.headers import headers_of
from otel_bitacora.settings.otel_environment import logs_options

from .route import route_to
from .tail import Limits
from .worker import Route


def routes_of(settings: Settings, journal: Path) -> list[Route]:
    """Return a route for each exporter in *settings*, and for each URL that isn't one of theirs.

    Raises:
        SettingsError: one can't be made of what is said.
        QueryError: a query doesn't parse.
        MissingExtra: what an exporter needs isn't installed.
    """
    if not settings.exporters and not settings.to:
        return []
    return chosen_routes(settings, journal, urls=())


def chosen_routes(
    settings: Settings, journal: Path, *, urls: Sequence[str], name: str | None = None, **options: Any
) -> list[Route]:
    """Return the routes that a command line chooses: its URLs, the exporter called *name*, or all that the settings have.

    *options* go before what the settings say; None stands for what wasn't given.

    Raises:
        SettingsError: nothing is chosen; else as `routes_of`.
    """
    given = {key: value for key, value in options.items() if value is not None}
    known = settings.exporters.get(name) if name else None
    if known is not None and name is not None:
        told = known.model_copy(update={"url": urls[0]}) if urls else known
        return [route_named(name, told, journal, **given)]
    if name and not urls:
        raise SettingsError(f"--name {name}: the settings have no [exporters.{name}]; say --to URL")
    routes = [route_to(journal, destination_of(url, name=name), **given) for url in dict.fromkeys(urls)]
    if not urls:
        routes = [route_named(each, exporter, journal, **given) for each, exporter in settings.exporters.items()]
        named = {exporter.url for exporter in settings.exporters.values()}
        routes += [route_to(journal, destination_of(url), **given) for url in settings.to if url not in named]
    if not routes:
        raise SettingsError(
            "nowhere to send to: say --to URL, such as otlp+http://127.0.0.1:4318, or [exporters.NAME] url"
        )
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
    return route_to(journal, destination_named(name, settings), **(said | options))


def settings_for(settings: Settings, url: str, name: str) -> Settings:
    """Return *settings* with an exporter called *name*, if one of theirs sends to *url*: with its headers and certificates."""
    same = [exporter for exporter in settings.exporters.values() if exporter.url == url]
    if not same:
        return settings
    return settings.model_copy(update={"exporters": {name: same[0].model_copy(update={"level": "trace"})}})


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
    return destination_named(chosen, settings)


def _words(error: ValueError) -> str:
    problems = getattr(error, "errors", None)
    if problems is None:
        return str(error)
    return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in problems(include_input=False))


def destination_named(name: str, settings: ExporterSettings) -> Destination:
    """Return the destination of `[exporters.NAME]`.

    Raises:
        SettingsError: what is said there can't be used.
    """
    if settings.client_key_file and not settings.client_certificate_file:
        raise SettingsError(f"exporters.{name}.client_key_file: must come with client_certificate_file")
    return Destination(
        settings.url,
        name=name,
        headers=headers_of(settings, f"exporters.{name}"),
        compression=settings.compression,
        timeout_seconds=settings.timeout_seconds,
        certificate_file=settings.certificate_file,
        client_key_file=settings.client_key_file,
        client_certificate_file=settings.client_certificate_file,
        bootstrap=settings.bootstrap,
    )
