"""`otel-bitacora components`: what is installed, and what of it works here."""

from __future__ import annotations

import typer

from .options import ConfigFile, Json, RootPath, command_line
from .table import print_table


def components(config: ConfigFile = None, root_path: RootPath = None, json: Json = False) -> None:
    """List the collectors and the sources of events with what they find here, the optional parts with what they need."""
    from otel_bitacora.ops.components import collector_components, event_components, extra_components
    from otel_bitacora.settings import load_settings
    from otel_bitacora.sidecar.sampling import build_sampler

    settings = load_settings(command_line({"monitor.root_path": root_path}), config).settings
    sampler, _ = build_sampler(settings)
    collectors, extras = collector_components(sampler.tick()), extra_components()
    sampler.stop()
    events = event_components(settings)
    if json:
        import orjson

        typer.echo(orjson.dumps({"collectors": collectors, "events": events, "extras": extras}))
        return
    rows = [(one.name, one.group, one.origin, one.health, str(one.metrics), one.detail) for one in collectors]
    print_table(("COLLECTOR", "GROUP", "FROM", "STATE", "METRICS", ""), rows)
    typer.echo()
    print_table(("EVENTS", "STATE", ""), [(one.name, one.health, one.detail) for one in events])
    typer.echo()
    found = [(one.name, "installed" if one.is_installed else "missing", one.detail) for one in extras]
    print_table(("EXTRA", "STATE", ""), found)
