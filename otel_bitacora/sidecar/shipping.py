"""What the sidecar sends of the journal, if the settings name destinations for it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from otel_bitacora.errors import SettingsError
from otel_bitacora.http.app import Endpoint
from otel_bitacora.monitor.otlp.target import Target, reason_against
from otel_bitacora.reporter.production.shipper.configured import routes_of
from otel_bitacora.reporter.production.shipper.failpoints import failpoint_from
from otel_bitacora.reporter.production.shipper.metrics import ShippingCollector
from otel_bitacora.reporter.production.shipper.registry import names_in
from otel_bitacora.reporter.production.shipper.routes import exporters_endpoint
from otel_bitacora.reporter.production.shipper.run import Shipper
from otel_bitacora.reporter.production.shipper.worker import Worker
from otel_bitacora.settings import Address, Settings

_PORTS = {
    "otlp+http": ("http", 4318),
    "otlp+https": ("https", 4318),
    "otlp+grpc": ("http", 4317),
    "otlp+grpcs": ("https", 4317),
}
log = logging.getLogger("otel_bitacora.sidecar")


class Shipping:
    """Ships *journal* as the settings say; one thread for each destination, none without one."""

    def __init__(self, settings: Settings, journal: Path) -> None:
        """Raises what `routes_of` raises."""
        self._journal = journal
        self._urls = [*settings.to, *(exporter.url for exporter in settings.exporters.values())]
        self._shipper = Shipper(routes_of(settings, journal), failpoint=failpoint_from())

    @property
    def workers(self) -> Sequence[Worker]:
        return self._shipper.workers

    def collector(self) -> ShippingCollector:
        return ShippingCollector(self._journal, lambda: self.workers)

    def endpoint(self) -> Endpoint:
        return exporters_endpoint(lambda: self.workers)

    def ailments(self) -> list[str]:
        """Return what won't mend by itself, in words that anybody may read."""
        return [
            f"exporter {worker.route.name} is {worker.condition.state}"
            for worker in self.workers
            if worker.condition.is_red
        ]

    def start(self, own: Address) -> None:
        """Start to ship; *own* is the address that this program serves on.

        Raises:
            SettingsError: records would be sent to this program itself, or to a link-local address.
        """
        for url in self._urls:
            _check(url, own)
        if not self.workers:
            return
        self._journal.mkdir(mode=0o700, parents=True, exist_ok=True)
        shipped = {worker.route.name for worker in self.workers}
        for name in names_in(self._journal):
            if name not in shipped:
                log.info(
                    "%s: the exporter %s is registered and not shipped for here: what it hasn't had stays; "
                    "`otel-bitacora exporters forget %s` frees it",
                    self._journal,
                    name,
                    name,
                )
        self._shipper.start()

    def stop(self, timeout_seconds: float) -> None:
        """Send what can be sent within that time, and say what stays."""
        if not self.workers:
            return
        self._shipper.stop(timeout_seconds)
        for line in self._shipper.what_stays():
            log.info("%s", line)


def _check(url: str, own: Address) -> None:
    scheme, _, rest = url.partition("://")
    if scheme not in _PORTS:
        return
    http, port = _PORTS[scheme]
    host = urlsplit(f"{http}://{rest}")
    named = f"{http}://{rest}" if host.port else f"{http}://{host.hostname}:{port}"
    if (reason := reason_against(Target(named), own)) is not None:
        raise SettingsError(f"{url!r}: {reason}; name a receiver such as otlp+http://127.0.0.1:4318")
