"""OTLP over gRPC: one unary call per batch, with grpcio, which the extra `otlp` brings, and no stub: the bytes are there.

What a status means is from the OpenTelemetry specification, "Failures", but for one thing: what it calls not retryable
for good is told apart here into a batch that is at fault, and a setting that is, for which no record may be given up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # protobuf brings no types
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

from otel_bitacora.errors import ReporterSettingsError
from otel_bitacora.reporter.core.contract import BatchRejected, DestinationError, Outcome, StoredRecord

from .destination import Destination, name_for
from .otlp_answer import outcomes_of
from .otlp_probe import probe
from .otlp_request import export_request
from .otlp_url import receiver_of
from .peer import check_address
from .probe import Step

_METHOD = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
_DETAILS = "grpc-status-details-bin"
_MISCONFIGURED = frozenset(
    (
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.NOT_FOUND,
    )
)
# What the libraries of gRPC say by themselves, before a receiver sees the request: Go, Python, Java and Rust.
_POISON = {
    grpc.StatusCode.RESOURCE_EXHAUSTED: ("larger than max",),
    grpc.StatusCode.INTERNAL: ("unmarshalling request", "deserializing request", "rotobuf"),
}
_COMPRESSIONS = {"none": grpc.Compression.NoCompression, "gzip": grpc.Compression.Gzip}
_MESSAGE_LENGTH = 200
_OPTIONS = [
    ("grpc.enable_http_proxy", 0),
    ("grpc.enable_retries", 0),
    ("grpc.max_send_message_length", -1),
    # The shipper backs off by itself: a connection that it asks for is tried at once.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.use_local_subchannel_pool", 1),  # a new channel has a connection of its own
]


class OtlpGrpcExporter:
    """Sends to one receiver, over one channel that is kept while it answers. For one thread at a time."""

    ordered = False

    def __init__(self, destination: Destination) -> None:
        """Connects to nothing yet.

        Raises:
            ReporterSettingsError: the URL is none of OTLP/gRPC, the compression none that gRPC has, or a file can't be read.
        """
        self.name = destination.name or name_for(destination.url)
        self._receiver = receiver = receiver_of(destination.url)
        self._shown = destination.shown
        if destination.compression not in _COMPRESSIONS:
            raise ReporterSettingsError(
                f"{self._shown}: compression {destination.compression!r}: gRPC has none or gzip"
            )
        self._compression = _COMPRESSIONS[destination.compression]
        self._credentials = _credentials(destination) if receiver.is_tls else None
        self._connect()
        self._metadata = tuple((key.lower(), value) for key, value in destination.headers.items())
        self._timeout_seconds = destination.timeout_seconds

    def export(self, batch: Sequence[StoredRecord]) -> list[Outcome]:
        """Send *batch* as one call.

        Raises:
            BatchRejected: the receiver refused it for what is in it.
            DestinationError: it couldn't be reached, is busy, or refuses every call.
        """
        check_address(self._receiver.host, self._receiver.port)
        try:
            answer = self._call(
                export_request(batch), timeout=self._timeout_seconds, metadata=self._metadata, wait_for_ready=False
            )
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                # The library would stay with a connection that nothing comes out of any more, for as long as TCP does.
                self.close()
                self._connect()
            raise self._error(error) from error
        return outcomes_of(answer, len(batch))

    def probe(self, now_unix_nano: int) -> Iterator[Step]:
        """Yield what comes of trying it out with a canary, until something fails."""
        return probe(self.export, self._shown, now_unix_nano)

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()

    def _connect(self) -> None:
        host, port = self._receiver.host, self._receiver.port
        target = f"{f'[{host}]' if ':' in host else host}:{port}"
        self._channel = (
            grpc.insecure_channel(target, options=_OPTIONS, compression=self._compression)
            if self._credentials is None
            else grpc.secure_channel(target, self._credentials, options=_OPTIONS, compression=self._compression)
        )
        self._call: Callable[..., bytes] = self._channel.unary_unary(_METHOD)

    def _error(self, error: Any) -> DestinationError:
        code, said = error.code(), _printable(error.details() or "")
        message = f"{self._shown}: {code.name}: {said!r}" if said else f"{self._shown}: {code.name}"
        if code is grpc.StatusCode.INVALID_ARGUMENT or any(words in said for words in _POISON.get(code, ())):
            return BatchRejected(message)
        is_tls = code is grpc.StatusCode.UNAVAILABLE and _is_about_tls(said)
        return DestinationError(
            message, retry_after_seconds=_retry_delay(error), misconfigured=is_tls or code in _MISCONFIGURED
        )


def _credentials(destination: Destination) -> Any:
    return grpc.ssl_channel_credentials(
        root_certificates=_content(destination.certificate_file),
        private_key=_content(destination.client_key_file),
        certificate_chain=_content(destination.client_certificate_file),
    )


def _content(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        raise ReporterSettingsError(f"{path} can't be read: {error.strerror}") from error


def _retry_delay(error: Any) -> float | None:
    """Return the seconds that a `RetryInfo` in the status asks for."""
    for key, value in error.trailing_metadata() or ():
        if key != _DETAILS:
            continue
        try:
            for detail in status_pb2.Status.FromString(value).details:
                info = error_details_pb2.RetryInfo()
                if detail.Unpack(info):
                    return max(0.0, float(info.retry_delay.ToMilliseconds()) / 1000)
        except DecodeError:
            return None
    return None


def _is_about_tls(said: str) -> bool:
    """Return whether a failed connection is one of TLS, of which the library says no more than words."""
    return any(word in said for word in ("SSL", "TLS", "handshake", "certificate", "CERTIFICATE"))


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)[:_MESSAGE_LENGTH].strip()
