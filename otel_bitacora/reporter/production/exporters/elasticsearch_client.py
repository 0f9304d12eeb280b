"""Requests to Elasticsearch, by its own client, which is imported here alone; what an answer means is up to who asks."""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from elastic_transport import HttpHeaders, NodeConfig, TlsError, TransportError, Urllib3HttpNode
from elastic_transport.client_utils import DEFAULT, DefaultType
from elasticsearch import ApiError, Elasticsearch, UnsupportedProductError
from urllib3.connection import HTTPConnection, HTTPSConnection

from otel_bitacora.reporter.core.contract import BatchRejected, DestinationError

from .elasticsearch_target import Access, Target
from .peer import check_peer

MISCONFIGURED = frozenset((401, 403, 404, 405, 407, 415))
_POISON = frozenset((400, 413, 422))
_CONNECTION_NAME = re.compile(r"\w+(Connection|Pool)\([^)]*\): ")
_GZIP_LEVEL = 1  # the client's own, 9, costs several times the CPU for a tenth fewer bytes
_MESSAGE_LENGTH = 300
JSON, NDJSON = "application/json", "application/x-ndjson"


class _PlainConnection(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        check_peer(self.sock)


class _TlsConnection(HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        check_peer(self.sock)


class _Node(Urllib3HttpNode):
    """Compresses quickly, and keeps the server's deprecations from becoming warnings of the application."""

    def __init__(self, config: NodeConfig) -> None:
        super().__init__(config)
        # urllib3 empties its pools at exit, before the SDK flushes: who waits for a connection then waits for ever.
        self.pool.block = False
        self.pool.ConnectionCls = _TlsConnection if config.scheme == "https" else _PlainConnection

    def perform_request(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: HttpHeaders | None = None,
        request_timeout: DefaultType | float | None = DEFAULT,
    ) -> Any:
        if body and self._http_compress:
            body = gzip.compress(body, _GZIP_LEVEL, mtime=0)
            headers = HttpHeaders({**(headers or {}), "content-encoding": "gzip"})
        self._http_compress, compresses = False, self._http_compress
        try:
            answer = super().perform_request(method, target, body, headers, request_timeout)
        finally:
            self._http_compress = compresses
        answer.meta.headers.pop("warning", None)
        return answer


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Any
    retry_after_seconds: float | None = None

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300

    @property
    def reason(self) -> str:
        """What the server says went wrong, in one line."""
        error = self.body.get("error", self.body) if isinstance(self.body, Mapping) else self.body
        return reason_of(error)


class Client:
    """Asks one server, over one connection that is kept. For one thread at a time."""

    def __init__(self, target: Target, access: Access, *, shown: str) -> None:
        """Connects to nothing yet.

        Raises:
            ReporterSettingsError: a certificate can't be read.
        """
        self.shown = shown
        self._headers = access.headers
        scheme = "https" if target.is_tls else "http"
        host = f"[{target.host}]" if ":" in target.host else target.host
        files = {
            "ca_certs": access.certificate_file,
            "client_cert": access.client_certificate_file,
            "client_key": access.client_key_file,
        }
        tls: dict[str, Any] = {key: str(path) for key, path in files.items() if path is not None and target.is_tls}
        self._client = Elasticsearch(
            f"{scheme}://{host}:{target.port}",
            node_class=_Node,
            connections_per_node=1,
            http_compress=access.is_compressed,
            request_timeout=access.timeout_seconds,
            max_retries=0,
            headers={"user-agent": "otel-bitacora"},
            **tls,
        )

    def identify(self, access: Access) -> None:
        """Say from now on who *access* says that we are."""
        self._headers = access.headers

    def ask(
        self,
        method: str,
        path: str,
        *,
        body: bytes | object = None,
        params: Mapping[str, str] | None = None,
    ) -> Answer:
        """Return what the server answers, whatever its status; a body of bytes is NDJSON, other bodies are sent as JSON.

        Raises:
            DestinationError: it can't be reached, or isn't Elasticsearch.
        """
        headers = {"accept": JSON, **self._headers}
        if body is not None:
            headers["content-type"] = NDJSON if isinstance(body, bytes) else JSON
        content = body if body is None or isinstance(body, bytes) else orjson.dumps(body)
        try:
            answer = self._client.perform_request(method, path, params=params, headers=headers, body=content)
        except UnsupportedProductError as error:
            raise DestinationError(
                f"{self.shown}: what answers there isn't Elasticsearch", misconfigured=True
            ) from error
        except ApiError as error:
            return Answer(error.meta.status, error.body, _seconds(error.meta.headers.get("retry-after") or ""))
        except TransportError as error:
            raise self._unreached(error) from error
        return Answer(answer.meta.status, answer.body)

    def error(self, answer: Answer, doing: str) -> DestinationError:
        """Return what an answer that isn't good means for the whole request."""
        message = f"{self.shown}: {doing}: {answer.status}: {answer.reason}"
        if answer.status in _POISON:
            return BatchRejected(message)
        return DestinationError(
            message,
            retry_after_seconds=answer.retry_after_seconds,
            misconfigured=answer.status in MISCONFIGURED or 300 <= answer.status < 400,
        )

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _unreached(self, error: TransportError) -> DestinationError:
        for cause in error.errors:
            if isinstance(cause, DestinationError):
                return DestinationError(f"{self.shown}: {cause}", misconfigured=cause.misconfigured)
        is_tls = isinstance(error, TlsError)
        said = _CONNECTION_NAME.sub("", _line(error.message))
        return DestinationError(f"{self.shown}: {'TLS: ' if is_tls else ''}{said}", misconfigured=is_tls)


def reason_of(error: object) -> str:
    """Return type and reason of an error as Elasticsearch writes it, in one line."""
    if not isinstance(error, Mapping):
        return _line(error)
    parts = [str(error.get(key)) for key in ("type", "reason") if error.get(key)]
    cause = error.get("caused_by")
    while isinstance(cause, Mapping) and isinstance(cause.get("caused_by"), Mapping):
        cause = cause["caused_by"]
    if isinstance(cause, Mapping) and cause.get("reason"):
        parts.append(str(cause["reason"]))
    return _line(": ".join(parts) or error)


def _line(said: object) -> str:
    text = "".join(letter if letter.isprintable() else " " for letter in str(said or "nothing is said"))
    return text.strip()[:_MESSAGE_LENGTH]


def _seconds(text: str) -> float | None:
    return float(text) if text.isascii() and text.isdigit() else None
