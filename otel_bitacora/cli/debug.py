"""`otel-bitacora debug`: take from a machine what is needed to look at it elsewhere, and play it again there."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from .options import Collect, ConfigFile, Json, NoCollect, RootPath, StateDir, command_line, log_to_stderr

app = typer.Typer(
    help="Record a host, bundle what a bug report needs, and play both again.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
def record(
    directory: Annotated[Path, typer.Argument(help="Where to; made, or empty.")],
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


@app.command()
def bundle(
    file: Annotated[Path, typer.Argument(help="Where to, such as bundle.tar.gz.")],
    records: Annotated[int, typer.Option(min=0, help="The last N records as well, redacted.", metavar="N")] = 0,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    journal: Annotated[
        list[Path] | None,
        typer.Option(help="A journal's directory; may be repeated.", metavar="DIR", show_default=False),
    ] = None,
    config: ConfigFile = None,
    state_dir: StateDir = None,
) -> None:
    """Make an archive for a bug report, after having listed what is inside: settings without secrets, components, findings, sums.

    Names and addresses of this host are replaced. No record is in it, unless --records says so.
    """
    from .debug_bundle import list_and_write, make_documents

    documents = make_documents(journal, config, state_dir, records=records)
    list_and_write(file, documents, must_ask=not yes)


@app.command()
def replay(
    path: Annotated[Path, typer.Argument(help="A recorded host, a journal's directory, or a bundle.")],
    speed: Annotated[str, typer.Option(help="1x, 10x, any other factor, or max.")] = "1x",
    listen: Annotated[
        str | None,
        typer.Option(help="Address and port for a recorded host.", metavar="ADDRESS:PORT", show_default=False),
    ] = None,
    config: ConfigFile = None,
    json: Annotated[bool, typer.Option("--json", help="Records as JSON lines; those of a bundle always are.")] = False,
) -> None:
    """Play what was recorded: a host into /metrics, the records of a journal or a bundle to stdout."""
    from otel_bitacora.ops.debug.replay import Kind, kind_of, parse_speed

    from .debug_replay import replay_host, replay_records

    try:
        factor = parse_speed(speed)
    except ValueError as error:
        raise typer.BadParameter(f"{speed!r}: say 1x, 10x, another factor, or max", param_hint="--speed") from error
    kind = kind_of(path)
    if kind is Kind.HOST:
        log_to_stderr()
        replay_host(path, command_line({"http.listen": listen}), config, factor)
    else:
        replay_records(path, kind, factor, as_json=json)
