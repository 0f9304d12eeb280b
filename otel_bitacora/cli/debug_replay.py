"""What `debug replay` starts and prints."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from otel_bitacora.errors import MissingExtra
from otel_bitacora.ops.debug.replay import AT_ONCE, Kind, bundled_records, paced
from otel_bitacora.reporter.core.stored import moment_of

from .logs_format import printer_for
from .logs_printing import quiet_when_closed, quiet_when_interrupted
from .logs_reading import present_journals, records_by_time


def replay_host(path: Path, given: Mapping[str, Any], config: Path | None, speed: float) -> None:
    """Serve the host recorded in *path* until interrupted, and print where."""
    from otel_bitacora.monitor.recorded.host import RecordedHost
    from otel_bitacora.settings import load_settings, parse_address

    settings = load_settings(given, config).settings
    with RecordedHost(path) as host:
        sampler = host.sampler(settings)
        try:
            from otel_bitacora.http.listen import bound_address, listen
            from otel_bitacora.http.port import secure_port
            from otel_bitacora.ops.debug.serving import serve_recording
        except ModuleNotFoundError as error:
            raise MissingExtra(f"debug replay of a host needs {error.name}", "monitor") from error
        port = secure_port(settings)
        listener = listen(parse_address(settings.http.listen))
        base = f"{port.scheme}://{bound_address(listener).to_reach}"
        typer.echo(f"metrics  {base}/metrics\npage     {base}/?token={port.token}")
        sys.stdout.flush()
        serve_recording(host, sampler, settings=settings, port=port, listener=listener, speed=speed)


def replay_records(path: Path, kind: Kind, speed: float, *, as_json: bool) -> None:
    """Print the records of a journal or a bundle, each in its time."""
    with quiet_when_closed(), quiet_when_interrupted():
        if kind is Kind.BUNDLE:
            for _, line in paced(bundled_records(path), lambda record: record[0], speed):
                sys.stdout.buffer.write(line + b"\n")
                sys.stdout.buffer.flush()
            return
        printer = printer_for(json=as_json)
        frames = records_by_time(present_journals([path]), printer.tell_damage)
        if speed == AT_ONCE:
            printer.print_all(frames)
            return
        for frame in paced(frames, moment_of, speed):
            printer.print_all([frame])
