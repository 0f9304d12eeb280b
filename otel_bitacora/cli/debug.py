"""`otel-bitacora debug`: take from a machine what is needed to look at it elsewhere, and play it again there."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from .options import Collect, ConfigFile, Json, NoCollect, RootPath, command_line

app = typer.Typer(
    help="Record a host, bundle what a bug report needs, and play both again.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
def record(
    directory: Annotated[Path, typer.Argument(help="Where to; made, or empty.", metavar="DIR")],
    samples: Annotated[int, typer.Option(min=1, help="How many moments to record.")] = 1,
    interval: Annotated[float, typer.Option(min=0.1, help="Seconds between two.", metavar="SECONDS")] = 5.0,
    config: ConfigFile = None,
    root_path: RootPath = None,
    collect: Collect = None,
    no_collect: NoCollect = None,
    json: Json = False,
) -> None:
    """Record the files that the collectors read of this machine.

    Replaced are the names of host, users, servers and private folders, addresses (IP, MAC), serial numbers, UUIDs, the
    machine id and every argument of a command line; environments are never read. Look through it before you pass it on.
    """
    from otel_bitacora.ops.debug.recording import record_host
    from otel_bitacora.settings import load_settings

    given = command_line({"monitor.root_path": root_path, "monitor.collect": collect, "monitor.no_collect": no_collect})
    settings = load_settings(given, config).settings
    found = record_host(directory, settings, samples=samples, interval_seconds=interval)
    if json:
        import orjson

        typer.echo(orjson.dumps(found, default=str))
        return
    # Of many processes the same file can't be read, nor could the collector: it is said once.
    alike = Counter((re.sub(r"/\d+(?=/|$)", "/*", path), reason) for path, reason in found.left_out.items())
    for (path, reason), count in sorted(alike.items()):
        typer.echo(f"left out: {path}{f' ({count} times)' if count > 1 else ''}: {reason}", err=True)
    replaced = ", ".join(f"{count} {kind}" for kind, count in sorted(found.replaced.items()))
    typer.echo(f"{found.directory}: {found.files} files, {found.moments} moments; replaced: {replaced or 'nothing'}")
