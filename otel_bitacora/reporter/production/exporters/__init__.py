"""Exporters by the scheme of their URL, one file each; a file is loaded when a URL asks for it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import cast
from urllib.parse import urlsplit

from otel_bitacora.errors import ReporterSettingsError
from otel_bitacora.reporter.core.contract import Exporter

from .destination import Destination

__all__ = ["SCHEMES", "Destination", "exporter_for", "name_for"]

_HOMES = {
    "file": "file:FileExporter",
    "stdout": "file:StdoutExporter",
}
"""Scheme to module and what makes the exporter there of a `Destination`."""
SCHEMES = tuple(_HOMES)
_UNFIT = re.compile(r"[^A-Za-z0-9._]+")
_LONGEST_NAME = 80


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
    make = cast("Callable[[Destination], Exporter]", getattr(import_module(f".{module}", __name__), name))
    return make(destination)


def name_for(url: str) -> str:
    """Return a name made of *url*, fit for a directory and a label, without what may be secret: otlp-http-collector-4318."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    text = "-".join(part for part in (parts.scheme, host, parts.path) if part)
    return _UNFIT.sub("-", text).strip("-.")[:_LONGEST_NAME] or "exporter"
