"""Exporters by the scheme of their URL, one file each; a file is loaded when a URL asks for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import cast

from otel_bitacora.errors import MissingExtra, ReporterSettingsError
from otel_bitacora.reporter.core.contract import Exporter

from .destination import Destination, name_for

__all__ = ["SCHEMES", "Destination", "exporter_for", "name_for"]

_HOMES = {
    "otlp+http": "otlp_http:OtlpHttpExporter",
    "otlp+https": "otlp_http:OtlpHttpExporter",
    "otlp+grpc": "otlp_grpc:OtlpGrpcExporter",
    "otlp+grpcs": "otlp_grpc:OtlpGrpcExporter",
    "kafka": "kafka:KafkaExporter",
    "kafka+tls": "kafka:KafkaExporter",
    "mongodb": "mongodb:MongoDbExporter",
    "mongodb+srv": "mongodb:MongoDbExporter",
    "elasticsearch+http": "elasticsearch:ElasticsearchExporter",
    "elasticsearch+https": "elasticsearch:ElasticsearchExporter",
    "file": "file:FileExporter",
    "stdout": "file:StdoutExporter",
}
"""Scheme to module and what makes the exporter there of a `Destination`."""
_EXTRAS = {
    "otlp_http": "otlp",
    "otlp_grpc": "otlp",
    "kafka": "kafka",
    "mongodb": "mongodb",
    "elasticsearch": "elasticsearch",
}
SCHEMES = tuple(_HOMES)


def exporter_for(url: str, settings: Destination | None = None) -> Exporter:
    """Return the exporter that *url* names by its scheme, named and told the rest by *settings*.

    What it holds open is let go of by its `close()`, if it has one. One that has a true `ordered` is given records in
    their order alone: after a failure again from the first on that hasn't arrived.

    Raises:
        ReporterSettingsError: there is no such exporter, or it can't be made of what is said.
        MissingExtra: what it needs isn't installed.
    """
    scheme, colon, _ = url.partition(":")
    home = _HOMES.get(scheme) if colon else None
    if home is None:
        known = ", ".join(f"{each}:" for each in SCHEMES)
        raise ReporterSettingsError(f"{Destination(url).shown!r} names no destination for records: use {known}")
    module, _, name = home.partition(":")
    destination = replace(settings or Destination(url), url=url)
    if not destination.name:
        destination = replace(destination, name=name_for(url))
    try:
        make = cast("Callable[[Destination], Exporter]", getattr(import_module(f".{module}", __name__), name))
    except ModuleNotFoundError as error:
        raise MissingExtra(f"sending to {scheme}: needs {error.name}", _EXTRAS[module]) from error
    return make(destination)
