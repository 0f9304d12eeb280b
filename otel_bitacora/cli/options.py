"""Options that several commands share, and how they become settings."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="Settings file (TOML).", metavar="FILE", show_default=False)
]
RootPath = Annotated[
    Path | None, typer.Option(help="Where the root of the watched host is mounted.", metavar="DIR", show_default=False)
]
StateDir = Annotated[Path | None, typer.Option(help="Where the token is kept.", metavar="DIR", show_default=False)]
Collect = Annotated[
    list[str] | None, typer.Option(help="Only this collector; may be repeated.", metavar="NAME", show_default=False)
]
NoCollect = Annotated[
    list[str] | None, typer.Option(help="Not this collector; may be repeated.", metavar="NAME", show_default=False)
]
Interval = Annotated[
    float | None, typer.Option(help="Seconds between two samples.", metavar="SECONDS", show_default=False)
]
Json = Annotated[bool, typer.Option("--json", help="JSON for machines.")]


def command_line(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given options, by dotted key, nested as the settings file is; what wasn't given is left out."""
    nested: dict[str, Any] = {}
    for key, value in values.items():
        if value is None or value == []:
            continue
        *sections, name = key.split(".")
        section = nested
        for part in sections:
            section = section.setdefault(part, {})
        section[name] = value
    return nested


def log_to_stderr(level: int = logging.INFO) -> None:
    """Send what this program has to say to stderr: stdout is for results."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("otel_bitacora")
    logger.addHandler(handler)
    logger.setLevel(level)
    # A warning of the server's is ours to show as well.
    logging.getLogger("uvicorn.error").addHandler(handler)
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
