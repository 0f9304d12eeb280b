"""OTLP over HTTP: one POST of protobuf per batch, with urllib3, which the extra `otlp` brings.

What an answer means is from the OpenTelemetry specification, "OTLP/HTTP Response", but for one thing: what it calls not
retryable for good is told apart here into a batch that is at fault (400, 413, 422), and a setting that is (401, 403, 404,
405, 407, 415, redirects, TLS), for which no record may be given up.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import urllib3
import zstandard
from urllib3.connection import HTTPConnection, HTTPSConnection

from otel_bitacora.reporter.core.contract import BatchRejected, DestinationError, Outcome, StoredRecord

from .destination import Destination, name_for
from .otlp_answer import PROTOBUF, outcomes_of, refusal_of
from .otlp_probe import probe
from .otlp_request import export_request
from .otlp_url import receiver_of
from .peer import check_peer
from .probe import Step

_POISON = frozenset((400, 413, 422))
_MISCONFIGURED = frozenset((401, 403, 404, 405, 407, 415))
_GZIP_LEVEL = _ZSTD_LEVEL = 1  # higher ones cost several times the CPU for a tenth fewer bytes
_LARGEST_ANSWER = 1 << 16
_MESSAGE_LENGTH = 200
_POOL_NAME = re.compile(r"^\w+(Connection|Pool)\([^)]*\): ")


class _PlainConnection(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        check_peer(self.sock)


class _TlsConnection(HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        check_peer(self.sock)


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class OtlpHttpExporter:
    """Sends to one receiver, over one connection that is kept. For one thread at a time."""

    ordered = False

    def __init__(self, destination: Destination) -> None:
        """Raises ReporterSettingsError for a URL that is none of OTLP/HTTP; connects to nothing yet."""
        self.name = destination.name or name_for(destination.url)
        receiver = receiver_of(destination.url)
        self._path = receiver.path
        self._shown = destination.shown
        self._compression = destination.compression
        self._zstd = zstandard.ZstdCompressor(level=_ZSTD_LEVEL)
        self._headers = {
            "Content-Type": PROTOBUF,
            "User-Agent": "otel-bitacora",
            **({} if destination.compression == "none" else {"Content-Encoding": destination.compression}),
            **destination.headers,
        }
        timeout = urllib3.Timeout(total=destination.timeout_seconds)
        if receiver.is_tls:
            self._pool: urllib3.HTTPConnectionPool = _TlsPool(
                receiver.host,
                receiver.port,
                timeout=timeout,
                maxsize=1,
                cert_reqs="CERT_REQUIRED",
                ca_certs=_text(destination.certificate_file),
                cert_file=_text(destination.client_certificate_file),
                key_file=_text(destination.client_key_file),
            )
        else:
            self._pool = _PlainPool(receiver.host, receiver.port, timeout=timeout, maxsize=1)

    def export(self, batch: Sequence[StoredRecord]) -> list[Outcome]:
        """Send *batch* as one request.

        Raises:
            BatchRejected: the receiver refused it for what is in it.
            DestinationError: it couldn't be reached, is busy, or refuses every request.
        """
        status, headers, body = self._post(self._packed(export_request(batch)))
        if 200 <= status < 300:
            return outcomes_of(body, len(batch), _content_type(headers))
        raise self._error(status, headers, body)

    def probe(self, now_unix_nano: int) -> Iterator[Step]:
        """Yield what comes of trying it out with a canary, until something fails."""
        return probe(self.export, self._shown, now_unix_nano)

    def close(self) -> None:
        """Close the connection."""
        self._pool.close()

    def _packed(self, body: bytes) -> bytes:
        if self._compression == "gzip":
            return gzip.compress(body, _GZIP_LEVEL, mtime=0)
        return self._zstd.compress(body) if self._compression == "zstd" else body

    def _post(self, body: bytes) -> tuple[int, urllib3.HTTPHeaderDict, bytes]:
        try:
            answer = self._pool.urlopen(
                "POST",
                self._path,
                body=body,
                headers=self._headers,
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
            content = answer.read(_LARGEST_ANSWER)
            if answer.read(1):
                answer.close()  # who says so much isn't worth reading to the end
            answer.release_conn()
        except urllib3.exceptions.SSLError as error:
            raise DestinationError(f"{self._shown}: TLS: {_reason(error)}", misconfigured=True) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise DestinationError(f"{self._shown}: {_reason(error)}") from error
        return answer.status, answer.headers, content

    def _error(self, status: int, headers: urllib3.HTTPHeaderDict, body: bytes) -> DestinationError:
        if 300 <= status < 400:
            where = headers.get("Location", "nowhere").partition("?")[0][:_MESSAGE_LENGTH]
            return DestinationError(
                f"{self._shown}: {status} to {where!r}: redirects are not followed; name that URL if it is right",
                misconfigured=True,
            )
        said = refusal_of(body, _content_type(headers))[:_MESSAGE_LENGTH]
        message = f"{self._shown}: {status}: {said!r}" if said else f"{self._shown}: {status}"
        if status in _POISON:
            return BatchRejected(message)
        return DestinationError(
            message, retry_after_seconds=retry_after(headers), misconfigured=status in _MISCONFIGURED
        )


def retry_after(headers: urllib3.HTTPHeaderDict, *, now: datetime | None = None) -> float | None:
    """Return the seconds that `Retry-After` asks for, as a number or as a date; None if it says nothing that is either."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:  # "-0000", which says that it is UTC
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())


def _content_type(headers: urllib3.HTTPHeaderDict) -> str:
    return headers.get("Content-Type", "").partition(";")[0].strip().lower()


def _text(path: object) -> str | None:
    return None if path is None else str(path)


def _reason(error: BaseException) -> str:
    """Return what went wrong without the name of the pool's class, which urllib3 puts before it."""
    reason = str(getattr(error, "reason", None) or error)
    return _POOL_NAME.sub("", reason) or type(error).__name__
