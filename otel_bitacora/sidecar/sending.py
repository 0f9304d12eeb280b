"""What the sidecar sends over OTLP, as the settings ask for it."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import psutil

from otel_bitacora.errors import SettingsError
from otel_bitacora.monitor.otlp.exporters import open_exporter
from otel_bitacora.monitor.otlp.outcome import Tally
from otel_bitacora.monitor.otlp.pusher import Pusher
from otel_bitacora.monitor.otlp.target import Target, reason_against
from otel_bitacora.monitor.otlp.translation import Translation
from otel_bitacora.monitor.sampler import Sampler
from otel_bitacora.settings import Address

_GRPC_PORT = 4317
log = logging.getLogger("otel_bitacora.sidecar")


def build_pusher(
    target: Target, own: Address, *, sampler: Sampler, resource: Mapping[str, str], tally: Tally, processes: bool
) -> Pusher:
    """Return what sends to *target*; *own* is the address that this program serves on.

    Raises:
        SettingsError: nothing may be sent there, or a file that the settings name can't be read.
        MissingExtra: the exporter isn't installed.
    """
    if (reason := reason_against(target, own)) is not None:
        raise SettingsError(f"otlp.endpoint = {target.name!r}: {reason}; name a receiver such as http://127.0.0.1:4318")
    if target.host_and_port[1] == _GRPC_PORT and not target.is_grpc:
        log.warning("%s: 4317 is usually gRPC's; if it is here, say --otlp-protocol grpc", target.name)
    translation = Translation(resource, started_unix_nano=_started_unix_nano(), processes=processes)
    return Pusher(
        target.name,
        open_exporter(target),
        sampler=sampler,
        translate=translation.metrics_data,
        tally=tally,
        interval_seconds=target.interval_seconds,
        reason_against=lambda: reason_against(target, own),
    )


def _started_unix_nano() -> int:
    return round(psutil.Process().create_time() * 1e9)
