"""What a URL of Elasticsearch names, and who we are there: elasticsearch+http(s)://HOST:9200[/DATASET][?namespace=…|?index=dated]."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl

from otel_bitacora.errors import ReporterSettingsError
from otel_bitacora.settings.endpoint import parse_endpoint, shown_url

from .destination import Destination

PREFIX = "BITACORA_ELASTICSEARCH__"
"""Of the environment's variables for what a URL doesn't say: API_KEY, USERNAME and PASSWORD, each also as …_FILE, …"""
SCHEMES = {"elasticsearch+http": "http", "elasticsearch+https": "https"}
_PORT = 9200
_DATASET = "bitacora"
_NAMESPACE = "default"
_STREAM = re.compile(r"logs-(?P<dataset>[^-]+)\.otel-(?P<namespace>.+)")
_UNFIT = re.compile(r'[A-Z\\/*?"<>| ,#:]')
_LONGEST = 100
_FALSE, _TRUE = ("", "0", "false", "no", "off"), ("1", "true", "yes", "on")


@dataclass(frozen=True, slots=True)
class Target:
    """Where records go: into the data stream *name*, or where *is_dated* into indices *name*-YYYY.MM.DD."""

    host: str
    port: int
    is_tls: bool
    dataset: str
    namespace: str
    is_dated: bool

    @property
    def name(self) -> str:
        return self.dataset if self.is_dated else f"logs-{self.dataset}.otel-{self.namespace}"

    @property
    def pattern(self) -> str:
        """What names all that records are in, for searches and for the template."""
        return f"{self.dataset}-*" if self.is_dated else self.name


@dataclass(frozen=True, slots=True)
class Access:
    """What the requests bring along. *headers* may be secret."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    certificate_file: Path | None = None
    client_certificate_file: Path | None = None
    client_key_file: Path | None = None
    timeout_seconds: float = 10.0
    is_compressed: bool = True
    has_bootstrap: bool = False


def target_of(url: str) -> Target:
    """Return what *url* names.

    Raises:
        ReporterSettingsError: it is no such URL, holds credentials, or names a link-local address.
    """
    shown = shown_url(url)
    scheme, _, rest = url.partition("://")
    if scheme not in SCHEMES:
        raise ReporterSettingsError(f"{shown!r}: must begin with {', '.join(f'{each}://' for each in SCHEMES)}")
    try:
        parts = parse_endpoint(f"{SCHEMES[scheme]}://{rest}")
    except ValueError as error:
        said = re.sub("(?=https?://)", "elasticsearch+", str(error)).replace(":4318", ":9200")
        said = said.replace("otlp.headers is for those", f"{PREFIX}API_KEY, or USERNAME and PASSWORD, are for those")
        raise ReporterSettingsError(f"{shown!r}: {said}") from None
    said_more = dict(parse_qsl(parts.query, keep_blank_values=True))
    index, namespace = said_more.pop("index", ""), said_more.pop("namespace", _NAMESPACE)
    if said_more or index not in ("", "dated"):
        raise ReporterSettingsError(f"{shown!r}: after the ? may stand index=dated or namespace=NAME")
    dataset = parts.path.strip("/") or _DATASET
    if not index and (stream := _STREAM.fullmatch(dataset)):
        dataset, namespace = stream["dataset"], stream["namespace"]
    target = Target(
        host=parts.hostname or "",
        port=parts.port or _PORT,
        is_tls=SCHEMES[scheme] == "https",
        dataset=dataset,
        namespace=namespace,
        is_dated=bool(index),
    )
    _check_name(shown, target)
    return target


def _check_name(shown: str, target: Target) -> None:
    name = target.name
    if _UNFIT.search(name) or name.startswith(("-", "_", "+", ".")) or len(name) > 2 * _LONGEST:
        raise ReporterSettingsError(
            f"{shown!r}: {name!r} can't name an index: lower case, at most {2 * _LONGEST} letters, none of \\ / * ? \" < > | , # :"
        )
    if not target.is_dated and "-" in target.dataset:
        raise ReporterSettingsError(
            f"{shown!r}: the dataset {target.dataset!r} can't have a hyphen in the name of a data stream; with ?index=dated it may"
        )


def access_of(destination: Destination, environ: Mapping[str, str] = os.environ) -> Access:
    """Return how to ask, from *destination* and, for what that doesn't say, from `BITACORA_ELASTICSEARCH__*`.

    Raises:
        ReporterSettingsError: a variable can't be used, or a file that one names can't be read.
    """
    said = _Environment(environ)
    headers = {key.lower(): value for key, value in destination.headers.items()}
    if "authorization" not in headers and (authorization := _authorization(said)):
        headers["authorization"] = authorization
    compression = said.text("COMPRESSION") or "gzip"
    if compression not in ("gzip", "none"):
        raise ReporterSettingsError(f"{PREFIX}COMPRESSION = {compression!r}: must be gzip or none")
    if destination.compression == "zstd":
        raise ReporterSettingsError("compression = 'zstd': Elasticsearch takes gzip or none")
    return Access(
        headers=headers,
        certificate_file=destination.certificate_file or said.path("CERTIFICATE_FILE"),
        client_certificate_file=destination.client_certificate_file or said.path("CLIENT_CERTIFICATE_FILE"),
        client_key_file=destination.client_key_file or said.path("CLIENT_KEY_FILE"),
        timeout_seconds=destination.timeout_seconds,
        is_compressed=destination.compression == "gzip" or compression == "gzip",
        has_bootstrap=destination.bootstrap or said.truth("BOOTSTRAP"),
    )


def _authorization(said: _Environment) -> str:
    key, user = said.secret("API_KEY"), said.text("USERNAME")
    if key and user:
        raise ReporterSettingsError(f"{PREFIX}API_KEY and {PREFIX}USERNAME are both set: unset one")
    if key:  # as Elasticsearch gives it out, encoded; else id:key
        return f"ApiKey {base64.b64encode(key.encode()).decode() if ':' in key else key}"
    if user:
        return "Basic " + base64.b64encode(f"{user}:{said.secret('PASSWORD')}".encode()).decode()
    return ""


class _Environment:
    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def text(self, name: str) -> str:
        return self._environ.get(PREFIX + name, "").strip()

    def path(self, name: str) -> Path | None:
        return Path(found) if (found := self.text(name)) else None

    def truth(self, name: str) -> bool:
        found = self.text(name).lower()
        if found not in (*_FALSE, *_TRUE):
            raise ReporterSettingsError(f"{PREFIX}{name} = {found!r}: must be true or false")
        return found in _TRUE

    def secret(self, name: str) -> str:
        """Return what the variable says, or the file that the one with _FILE names."""
        path = self.path(f"{name}_FILE")
        if path is None:
            return self.text(name)
        try:
            return path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ReporterSettingsError(f"{PREFIX}{name}_FILE: {path} can't be read: {error}") from error
