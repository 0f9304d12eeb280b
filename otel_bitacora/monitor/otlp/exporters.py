"""OpenTelemetry's own OTLP exporters, which the extra `otlp` brings, made to follow no redirect and to say what went
wrong: they log it, and return no more than that something did.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData

from otel_bitacora.errors import MissingExtra, SettingsError

from .outcome import Outcome
from .target import Target

if TYPE_CHECKING:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpExporter

_LARGEST_BATCH = 10_000
"""Data points in one request: about 1 MiB, as receivers over gRPC take 4 MiB at the most."""
_LOGGERS = ("opentelemetry.exporter.otlp.proto.grpc.exporter", "opentelemetry.exporter.otlp.proto.http.metric_exporter")


class Exporter(Protocol):
    """Sends metrics; what a test may put in the place of OpenTelemetry's."""

    def export(self, data: MetricsData) -> Outcome:
        """Send *data* and say what came of it; takes no longer than the target's time-out."""
        ...

    def close(self) -> None:
        """Give up what is under way, from any thread."""
        ...


def open_exporter(target: Target) -> Exporter:
    """Return the exporter for *target*; nothing is connected to so far.

    Raises:
        MissingExtra: the library isn't installed.
        SettingsError: a file that *target* names can't be read.
    """
    try:
        return _Grpc(target) if target.is_grpc else _Http(target)
    except ModuleNotFoundError as error:
        raise MissingExtra(f"sending metrics over OTLP needs {error.name}", "otlp") from error


def count_points(data: MetricsData) -> int:
    return sum(
        len(metric.data.data_points)
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    )


class _Http:
    def __init__(self, target: Target) -> None:
        from opentelemetry.exporter.otlp.proto.http import Compression  # noqa: PLC0415 - an extra
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter  # noqa: PLC0415

        from .http_session import Session  # noqa: PLC0415 - the same extra

        self._session = Session()
        self._exporter: HttpExporter = OTLPMetricExporter(
            endpoint=target.url,
            headers=dict(target.headers),
            timeout=target.timeout_seconds,
            compression=Compression.Gzip if target.is_gzip else Compression.NoCompression,
            certificate_file=_text(target.certificate_file),
            client_key_file=_text(target.client_key_file),
            client_certificate_file=_text(target.client_certificate_file),
            session=self._session,
            max_export_batch_size=_LARGEST_BATCH,
        )

    def export(self, data: MetricsData) -> Outcome:
        points = count_points(data)
        self._session.forget()
        with _heard() as said:
            is_success = _is_success(self._exporter, data)
        if is_success:
            return Outcome(points, reason=self._session.message, rejected=min(points, self._session.rejected))
        return Outcome(points, self._session.error_type or "failed", self._session.message or said.last)

    def close(self) -> None:
        self._exporter.shutdown()


class _Grpc:
    def __init__(self, target: Target) -> None:
        import grpc  # type: ignore[import-untyped]  # noqa: PLC0415 - an extra

        from .grpc_client import WatchedExporter  # noqa: PLC0415 - the same extra

        self._grpc = grpc
        is_insecure = target.url.startswith("http://")
        credentials = (
            None
            if is_insecure
            else grpc.ssl_channel_credentials(
                root_certificates=_content(target.certificate_file),
                private_key=_content(target.client_key_file),
                certificate_chain=_content(target.client_certificate_file),
            )
        )
        self._exporter = WatchedExporter(
            endpoint=target.url,
            insecure=is_insecure,
            credentials=credentials,
            headers=dict(target.headers) or None,
            timeout=target.timeout_seconds,
            compression=grpc.Compression.Gzip if target.is_gzip else grpc.Compression.NoCompression,
            max_export_batch_size=_LARGEST_BATCH,
        )

    def export(self, data: MetricsData) -> Outcome:
        points = count_points(data)
        self._exporter.forget()
        with _heard() as said:
            is_success = _is_success(self._exporter, data)
        if is_success:
            return Outcome(points, reason=self._exporter.message, rejected=min(points, self._exporter.rejected))
        codes = [one for one in said.arguments if isinstance(one, self._grpc.StatusCode)]
        return Outcome(points, codes[-1].name if codes else "failed", said.last)

    def close(self) -> None:
        self._exporter.shutdown()


def _is_success(exporter: MetricExporter, data: MetricsData) -> bool:
    return exporter.export(data) is MetricExportResult.SUCCESS


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _content(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(f"otlp: {path} can't be read: {error.strerror}") from error


class _Listener(logging.Filter):
    """Takes what the library logs in this thread, which would else be said again at every attempt."""

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.get_ident()
        self.last = ""
        self.arguments: list[Any] = []

    def filter(self, record: logging.LogRecord) -> bool:
        if record.thread != self._thread:
            return True
        self.last = record.getMessage()
        self.arguments += record.args if isinstance(record.args, tuple) else ()
        return False


@contextmanager
def _heard() -> Iterator[_Listener]:
    listener, loggers = _Listener(), [logging.getLogger(name) for name in _LOGGERS]
    for logger in loggers:
        logger.filters.insert(0, listener)  # before the library's own, which drops what it has said a moment ago
    try:
        yield listener
    finally:
        for logger in loggers:
            logger.removeFilter(listener)
