"""URLs of OTLP's receivers, as `--to` has them: otlp+http://HOST:4318, otlp+grpc://HOST:4317, with https and grpcs for TLS."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlunsplit

from otel_bitacora.errors import ReporterSettingsError
from otel_bitacora.settings.endpoint import parse_endpoint, shown_url

LOGS_PATH = "v1/logs"
_HTTP_PORT, _GRPC_PORT = 4318, 4317
_FORM = {
    "otlp+http": ("http", _HTTP_PORT),
    "otlp+https": ("https", _HTTP_PORT),
    "otlp+grpc": ("http", _GRPC_PORT),
    "otlp+grpcs": ("https", _GRPC_PORT),
}


@dataclass(frozen=True, slots=True)
class Receiver:
    """*path* is empty for gRPC; for HTTP it has a query, if the URL has one."""

    host: str
    port: int
    is_tls: bool
    is_grpc: bool
    path: str


def receiver_of(url: str) -> Receiver:
    """Return what *url* names; over HTTP, /v1/logs is added to a URL that doesn't end with it.

    Raises:
        ReporterSettingsError: it is no such URL, holds credentials, or names a link-local address.
    """
    scheme, _, rest = url.partition("://")
    if scheme not in _FORM:
        raise ReporterSettingsError(f"{shown_url(url)!r}: must begin with {', '.join(f'{form}://' for form in _FORM)}")
    http, port = _FORM[scheme]
    try:
        parts = parse_endpoint(f"{http}://{rest}")
    except ValueError as error:
        said = re.sub("(?=https?://)", "otlp+", str(error)).replace("otlp.headers", "headers")
        raise ReporterSettingsError(f"{shown_url(url)!r}: {said}") from None
    is_grpc = port == _GRPC_PORT
    if is_grpc and (parts.path not in ("", "/") or parts.query):
        raise ReporterSettingsError(f"{shown_url(url)!r}: gRPC's receivers have no path")
    return Receiver(
        host=parts.hostname or "",
        port=parts.port or port,
        is_tls=http == "https",
        is_grpc=is_grpc,
        path="" if is_grpc else _path(parts.path, parts.query),
    )


def _path(path: str, query: str) -> str:
    path = path.rstrip("/")
    if not path.endswith(f"/{LOGS_PATH}"):
        path = f"{path}/{LOGS_PATH}"
    return urlunsplit(("", "", path, query, ""))
