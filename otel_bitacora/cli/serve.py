"""`otel-bitacora serve`: the sidecar."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from otel_bitacora.errors import MissingExtra

from .options import Collect, ConfigFile, Interval, NoCollect, RootPath, StateDir, command_line, log_to_stderr


class ProcessMetricsMode(StrEnum):
    OFF = "off"
    GROUPS = "groups"
    TOP = "top"
    ALL = "all"


class OtlpProtocol(StrEnum):
    HTTP = "http/protobuf"
    GRPC = "grpc"


def serve(
    config: ConfigFile = None,
    listen: Annotated[
        str | None,
        typer.Option(help="Address and port [127.0.0.1:9464].", metavar="ADDRESS:PORT", show_default=False),
    ] = None,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(help="Host name that requests may be addressed to.", metavar="NAME", show_default=False),
    ] = None,
    web_config: Annotated[
        Path | None,
        typer.Option(
            help="TLS, users and headers, as Prometheus's exporters take them (YAML).",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Serve beyond loopback without TLS: something else encrypts.")
    ] = False,
    state_dir: StateDir = None,
    root_path: RootPath = None,
    collect: Collect = None,
    no_collect: NoCollect = None,
    interval: Interval = None,
    otlp: Annotated[
        str | None,
        typer.Option(
            help="Send metrics to this receiver of OTLP too, such as http://127.0.0.1:4318.",
            metavar="URL",
            show_default=False,
        ),
    ] = None,
    otlp_protocol: Annotated[
        OtlpProtocol | None, typer.Option(help="What the receiver speaks [http/protobuf].", show_default=False)
    ] = None,
    to: Annotated[
        list[str] | None,
        typer.Option(
            help="Send the journal's records there, such as otlp+http://127.0.0.1:4318; may be repeated.",
            metavar="URL",
            show_default=False,
        ),
    ] = None,
    process_metrics: Annotated[
        ProcessMetricsMode | None,
        typer.Option(
            help="Processes in /metrics: none, sums by executable [groups], the busiest ones, one series for each.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Watch this machine and serve what it finds: /metrics for Prometheus, JSON below /api/v1."""
    from otel_bitacora.settings import load_settings, parse_address

    log_to_stderr()
    given = command_line(
        {
            "http.listen": listen,
            "http.allowed_hosts": allowed_host,
            "http.web_config": web_config,
            "http.insecure": insecure or None,
            "state_dir": state_dir,
            "monitor.root_path": root_path,
            "monitor.collect": collect,
            "monitor.no_collect": no_collect,
            "monitor.interval_seconds": interval,
            "otlp.endpoint": otlp,
            "to": to,
            "otlp.protocol": otlp_protocol and otlp_protocol.value,
            "collectors.processes.metrics": process_metrics and process_metrics.value,
        }
    )
    settings = load_settings(given, config).settings
    try:
        from otel_bitacora.http.listen import bound_address
        from otel_bitacora.http.listen import listen as open_port
        from otel_bitacora.sidecar.build import build_sidecar
        from otel_bitacora.sidecar.run import serve as run
    except ModuleNotFoundError as error:
        raise MissingExtra(f"serve needs {error.name}", "monitor") from error
    sidecar = build_sidecar(settings)
    listener = open_port(parse_address(settings.http.listen))
    own = bound_address(listener)
    sidecar.start(own)
    base = f"{sidecar.port.scheme}://{own.to_reach}"
    # systemd keeps what a service prints: a token has no place there.
    token = "" if "JOURNAL_STREAM" in os.environ else f"?token={sidecar.port.token}"
    typer.echo(f"metrics  {base}/metrics\npage     {base}/{token}")
    run(sidecar, listener, lambda: load_settings(given, config).settings)
