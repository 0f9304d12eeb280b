"""What the sidecar sends over OTLP, if the settings name a receiver."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import psutil

from otel_bitacora.errors import SettingsError
from otel_bitacora.monitor.otlp.outcome import Tally
from otel_bitacora.monitor.otlp.target import Target, reason_against
from otel_bitacora.monitor.sampler import Sampler
from otel_bitacora.settings import Address

if TYPE_CHECKING:
    from otel_bitacora.monitor.otlp.pusher import Pusher

_GRPC_PORT = 4317
log = logging.getLogger("otel_bitacora.sidecar")


class Sending:
    """Sends what *sampler* publishes to *target*, and counts it in the first of *tallies*; nothing without a target."""

    def __init__(
        self,
        target: Target | None,
        tallies: Sequence[Tally],
        *,
        sampler: Sampler,
        resource: Mapping[str, str],
        processes: bool,
    ) -> None:
        self._target = target
        self._tallies = tallies
        self._sampler = sampler
        self._resource = resource
        self._processes = processes
        self._pusher: Pusher | None = None

    def start(self, own: Address) -> None:
        """Start to send; *own* is the address that this program serves on.

        Raises:
            SettingsError: nothing may be sent there, or a file that the settings name can't be read.
            MissingExtra: the exporter isn't installed.
        """
        if self._target is None:
            return
        _check(self._target, own)
        self._pusher = self._build(self._target, own)
        self._pusher.start()

    def stop(self, timeout_seconds: float) -> None:
        """Stop to send; an attempt that takes longer is left behind."""
        if self._pusher is not None:
            self._pusher.stop(timeout_seconds)

    def _build(self, target: Target, own: Address) -> Pusher:
        # OpenTelemetry's SDK is much to load where nothing is sent.
        from otel_bitacora.monitor.otlp.exporters import open_exporter  # noqa: PLC0415
        from otel_bitacora.monitor.otlp.pusher import Pusher  # noqa: PLC0415
        from otel_bitacora.monitor.otlp.translation import Translation  # noqa: PLC0415

        started_unix_nano = round(psutil.Process().create_time() * 1e9)
        translation = Translation(self._resource, started_unix_nano=started_unix_nano, processes=self._processes)
        return Pusher(
            target.name,
            open_exporter(target),
            sampler=self._sampler,
            translate=translation.metrics_data,
            tally=self._tallies[0],
            interval_seconds=target.interval_seconds,
            reason_against=lambda: reason_against(target, own),
        )


def _check(target: Target, own: Address) -> None:
    """Raise SettingsError if nothing may be sent to *target*, and warn of what is probably a slip."""
    if (reason := reason_against(target, own)) is not None:
        raise SettingsError(f"otlp.endpoint = {target.name!r}: {reason}; name a receiver such as http://127.0.0.1:4318")
    if target.host_and_port[1] == _GRPC_PORT and not target.is_grpc:
        log.warning("%s: 4317 is usually gRPC's; if it is here, say --otlp-protocol grpc", target.name)
