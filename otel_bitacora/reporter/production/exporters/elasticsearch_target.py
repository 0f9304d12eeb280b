"""URLs of Elasticsearch, as `--to` has them: elasticsearch+http(s)://[USER[:PASSWORD]@]HOST:9200[/DATASET]."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, unquote

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
_AGE = re.compile(r"[1-9]\d*[dh]")
_LONGEST = 100
_OPTIONS = "after the ? may stand bootstrap=true, password_file=PATH or api_key_file=PATH"
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
    username: str = ""
    password: str = field(default="", repr=False)
    password_file: Path | None = None
    api_key_file: Path | None = None
    bootstrap: bool = False

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
    retention: str = ""
    """How long a data stream that we make keeps records, as Elasticsearch writes it (30d); empty: for ever."""


def target_of(url: str) -> Target:
    """Return what *url* names: the data stream of the dataset bitacora where it names none.

    Its path may be `/DATASET`, `/logs-DATASET.otel-NAMESPACE`, or `/dated/INDEX` for an index for each day; its query may say
    `bootstrap=true`, and `api_key_file=` or `password_file=`.

    Raises:
        ReporterSettingsError: it is no such URL, or names a link-local address.
    """
    shown = shown_url(url)
    scheme, _, rest = url.partition("://")
    if scheme not in SCHEMES:
        raise ReporterSettingsError(f"{shown!r}: must begin with {', '.join(f'{each}://' for each in SCHEMES)}")
    place, slash, path = rest.partition("/")
    place, question, query = place.partition("?") if not slash else (place, "", "")
    who, _, place = place.rpartition("@")
    username, _, password = who.partition(":")
    try:
        parts = parse_endpoint(f"{SCHEMES[scheme]}://{place}{slash}{path}{question}{query}")
    except ValueError as error:
        said = re.sub("(?=https?://)", "elasticsearch+", str(error)).replace(":4318", ":9200")
        raise ReporterSettingsError(f"{shown!r}: {said}") from None
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    bootstrap = options.pop("bootstrap", "false")
    files = {name: Path(options.pop(name)) for name in ("password_file", "api_key_file") if options.get(name)}
    if options or bootstrap not in ("true", "false"):
        raise ReporterSettingsError(f"{shown!r}: {_OPTIONS}")
    # What tells one place from another is in the path: exporters are named by it, and it is shown.
    *kind, dataset = parts.path.strip("/").split("/")
    namespace, is_dated = _NAMESPACE, kind == ["dated"]
    if kind and not is_dated:
        raise ReporterSettingsError(f"{shown!r}: the path is /DATASET, /logs-DATASET.otel-NAMESPACE or /dated/INDEX")
    dataset = dataset or _DATASET
    if not is_dated and (stream := _STREAM.fullmatch(dataset)):
        dataset, namespace = stream["dataset"], stream["namespace"]
    target = Target(
        host=parts.hostname or "",
        port=parts.port or _PORT,
        is_tls=SCHEMES[scheme] == "https",
        dataset=dataset,
        namespace=namespace,
        is_dated=is_dated,
        username=unquote(username),
        password=unquote(password),
        bootstrap=bootstrap == "true",
        **files,
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
            f"{shown!r}: the dataset {target.dataset!r} can't have a hyphen in the name of a data stream; behind /dated/ it may"
        )


def access_of(destination: Destination, environ: Mapping[str, str] = os.environ) -> Access:
    """Return how to ask, from *destination* and its URL and, for what these don't say, from `BITACORA_ELASTICSEARCH__*`.

    Raises:
        ReporterSettingsError: a variable can't be used, or a file that one names can't be read.
    """
    said, target = _Environment(environ), target_of(destination.url)
    headers = {key.lower(): value for key, value in destination.headers.items()}
    if "authorization" not in headers and (authorization := _authorization(target, said)):
        headers["authorization"] = authorization
    compression = said.text("COMPRESSION") or "gzip"
    if compression not in ("gzip", "none"):
        raise ReporterSettingsError(f"{PREFIX}COMPRESSION = {compression!r}: must be gzip or none")
    if destination.compression == "zstd":
        raise ReporterSettingsError("compression = 'zstd': Elasticsearch takes gzip or none")
    retention = said.text("RETENTION")
    if retention and not _AGE.fullmatch(retention):
        raise ReporterSettingsError(f"{PREFIX}RETENTION = {retention!r}: must be a number of d or h, such as 30d")
    return Access(
        headers=headers,
        certificate_file=destination.certificate_file or said.path("CERTIFICATE_FILE"),
        client_certificate_file=destination.client_certificate_file or said.path("CLIENT_CERTIFICATE_FILE"),
        client_key_file=destination.client_key_file or said.path("CLIENT_KEY_FILE"),
        timeout_seconds=destination.timeout_seconds,
        is_compressed=destination.compression == "gzip" or compression == "gzip",
        has_bootstrap=said.truth("BOOTSTRAP") or destination.bootstrap or target.bootstrap,
        retention=retention,
    )


def _authorization(target: Target, said: _Environment) -> str:
    if target.api_key_file:
        return _api_key(_read_secret(target.api_key_file, "api_key_file"))
    if target.username:
        kept = target.password_file
        return _basic(target.username, _read_secret(kept, "password_file") if kept else target.password)
    key, user = said.secret("API_KEY"), said.text("USERNAME")
    if key and user:
        raise ReporterSettingsError(f"{PREFIX}API_KEY and {PREFIX}USERNAME are both set: unset one")
    if key:
        return _api_key(key)
    return _basic(user, said.secret("PASSWORD")) if user else ""


def _api_key(key: str) -> str:
    """Return the header for a *key* as Elasticsearch gives it out, encoded; or as ID:KEY."""
    return f"ApiKey {base64.b64encode(key.encode()).decode() if ':' in key else key}"


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _read_secret(path: Path, name: str) -> str:
    """Return what is in the file that *name* names, without blanks around it."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ReporterSettingsError(f"{name}: {path} can't be read: {error}") from error


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
        return self.text(name) if path is None else _read_secret(path, f"{PREFIX}{name}_FILE")
