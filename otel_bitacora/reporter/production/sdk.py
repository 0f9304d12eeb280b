"""Every exporter as one of OpenTelemetry's own SDK: for applications that log by a `LoggerProvider` and keep no journal.

Behind the SDK's processors records wait in memory and end with the process; `JournalLogProcessor` and `otel-bitacora ship`
lose none.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from otel_bitacora.errors import ReporterSettingsError
from otel_bitacora.reporter.core.contract import Exporter, Outcome, Rejected, StoredRecord, Unattributed
from otel_bitacora.reporter.core.forks import PerProcess
from otel_bitacora.reporter.core.mishap import say
from otel_bitacora.reporter.core.otel import SinkExporter, SinkProcessor

from .exporters import Destination, exporter_for
from .shipper.courier import Courier
from .shipper.pace import RealPace

_OWN_LOGGERS = ("otel_bitacora.reporter.production", "elastic_transport", "elasticsearch", "pymongo", "urllib3")
_CAP_SECONDS = 5.0


class SinkLogExporter(SinkExporter):
    """Gives what it is handed to *exporter*, with new attempts for *patience_seconds*, and refused records left out.

    What was refused, or couldn't be delivered in that time, is lost and counted in *lost*; stderr says why. *redact* as in
    `ReporterSettings`. A forked child has *again* to make an exporter with connections of its own; without, it uses the
    parent's.
    """

    def __init__(
        self,
        exporter: Exporter,
        *,
        patience_seconds: float = 10.0,
        redact: bool | None = None,
        again: Callable[[], Exporter] | None = None,
    ) -> None:
        super().__init__(self._delivered, redact=redact, own_loggers=_OWN_LOGGERS)
        self.lost = 0
        first = [exporter]
        make = again or (lambda: exporter)
        self._deliveries = PerProcess(lambda: _Delivery(first.pop() if first else make(), patience_seconds))

    @property
    def exporter(self) -> Exporter:
        """The one that this process has."""
        return self._deliveries.get().exporter

    def shutdown(self) -> None:
        """End what is under way, and close the connection."""
        self._deliveries.get().end()

    def _delivered(self, records: list[StoredRecord]) -> bool:
        delivery = self._deliveries.get()
        outcomes, reason = delivery.deliver(records)
        if outcomes is None:
            return self._lose(delivery, len(records), reason)
        refused = [each for each in outcomes if isinstance(each, Rejected | Unattributed)]
        return not refused or self._lose(delivery, len(refused), refused[-1].reason)

    def _lose(self, delivery: _Delivery, count: int, reason: str) -> bool:
        self.lost += count
        say(f"{delivery.exporter.name}: {count} records are lost: {reason}")
        return False


class _Delivery:
    """What one process has: an exporter, which is for one thread at a time, and how it fares."""

    def __init__(self, exporter: Exporter, patience_seconds: float) -> None:
        self.exporter = exporter
        self._patience_seconds = patience_seconds
        self._lock = threading.Lock()
        self._pace = RealPace()
        self._reason = ""
        self._courier = Courier(
            exporter, pace=self._pace, tell=self._tell, cap_seconds=_CAP_SECONDS, patience_seconds=patience_seconds
        )

    def _tell(self, _state: object, reason: str) -> None:
        self._reason = reason or self._reason

    def deliver(self, records: list[StoredRecord]) -> tuple[list[Outcome] | None, str]:
        """Return what became of *records*, None if they couldn't be delivered in time; and the last that went wrong."""
        with self._lock:
            return self._courier.deliver(records), self._reason

    def end(self) -> None:
        self._pace.stop(self._patience_seconds)
        with self._lock:
            close = getattr(self.exporter, "close", None)
            if close is not None:
                close()


class _ByUrl(SinkLogExporter):
    """One that can be made without arguments, as `OTEL_LOGS_EXPORTER` and declarative configuration make them."""

    _VARIABLE = ""
    _URL = ""
    """Where the server is, when nobody says."""

    def __init__(
        self,
        *,
        url: str | None = None,
        bootstrap: bool = False,
        headers: Mapping[str, str] | None = None,
        certificate_file: str | os.PathLike[str] | None = None,
        timeout_seconds: float = 10.0,
        patience_seconds: float = 10.0,
        redact: bool | None = None,
    ) -> None:
        """*url* as for `otel-bitacora ship --to`, else from the environment.

        Raises:
            ReporterSettingsError: the URL or a setting can't be used.
            MissingExtra: the client isn't installed.
        """
        wanted = url or os.environ.get(self._VARIABLE, "").strip() or self._URL
        kind = self._URL.partition("://")[0].partition("+")[0]
        if wanted.partition("://")[0].partition("+")[0] != kind:
            raise ReporterSettingsError(f"{Destination(wanted).shown!r}: must be a URL of {kind}, such as {self._URL}")
        destination = Destination(
            wanted,
            headers=dict(headers or {}),
            timeout_seconds=timeout_seconds,
            certificate_file=None if certificate_file is None else Path(certificate_file),
            bootstrap=bootstrap,
        )
        super().__init__(
            exporter_for(wanted, destination),
            patience_seconds=patience_seconds,
            redact=redact,
            again=lambda: exporter_for(wanted, destination),
        )


class ElasticsearchLogExporter(_ByUrl):
    """The exporter `bitacora_elasticsearch`; who we are is in `BITACORA_ELASTICSEARCH__*`, as for every use of it."""

    _VARIABLE = "BITACORA_ELASTICSEARCH__URL"
    _URL = "elasticsearch+http://127.0.0.1:9200"


class KafkaLogExporter(_ByUrl):
    """The exporter `bitacora_kafka`."""

    _VARIABLE = "BITACORA_KAFKA__URL"
    _URL = "kafka://127.0.0.1:9092"


class MongoDbLogExporter(_ByUrl):
    """The exporter `bitacora_mongodb`."""

    _VARIABLE = "BITACORA_MONGODB__URL"
    _URL = "mongodb://127.0.0.1:27017/bitacora"


class ElasticsearchLogProcessor(SinkProcessor):
    """A batch processor that writes to Elasticsearch; arguments as `ElasticsearchLogExporter`'s *url* and *bootstrap*."""

    def __init__(self, url: str | None = None, *, bootstrap: bool = False) -> None:
        super().__init__(ElasticsearchLogExporter(url=url, bootstrap=bootstrap))


class KafkaLogProcessor(SinkProcessor):
    """A batch processor that writes to Kafka; arguments as `KafkaLogExporter`'s *url* and *bootstrap*."""

    def __init__(self, url: str | None = None, *, bootstrap: bool = False) -> None:
        super().__init__(KafkaLogExporter(url=url, bootstrap=bootstrap))
