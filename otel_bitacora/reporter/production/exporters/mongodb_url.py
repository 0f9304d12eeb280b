"""URLs of MongoDB's own form, mongodb://[USER:PASSWORD@]HOST:27017/DATABASE[/COLLECTION]?…, and what we add to their options."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlunsplit

from pymongo import MongoClient
from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri

from otel_bitacora.errors import DestinationError, ReporterSettingsError
from otel_bitacora.settings.endpoint import ip_literal, is_link_local, url_parts

from .destination import Destination
from .peer import check_address

DEFAULT_DATABASE, DEFAULT_COLLECTION = "bitacora", "logs"
_DEFAULT_KEEP_DAYS = 90
_DEFAULT_PORT = 27017
_OURS = frozenset(("collection", "keep_days", "bootstrap", "password_file"))
_COMPRESSORS = {"gzip": "zlib", "zstd": "zstd"}
_IS_SRV = "mongodb+srv"


@dataclass(frozen=True, slots=True)
class Target:
    """A collection, and how it is reached."""

    url: str = field(repr=False)
    """As pymongo wants it, which may hold a password."""
    hosts: tuple[tuple[str, int], ...]
    """Empty where DNS is to say which they are."""
    database: str
    collection: str
    keep_days: int
    bootstrap: bool
    password_file: Path | None
    options: dict[str, Any]

    def connect(self) -> MongoClient[dict[str, Any]]:
        """Return a client, which connects when it is asked for something.

        Raises:
            DestinationError: a host stands for a link-local address, the password can't be read, or an option can't be used.
        """
        for host, port in self.hosts:
            check_address(host, port)
        options = dict(self.options)
        if self.password_file is not None:
            try:
                options["password"] = self.password_file.read_text(encoding="utf-8").strip()
            except (OSError, ValueError) as error:
                raise DestinationError(f"password_file={self.password_file}: {error}", misconfigured=True) from error
            options["username"] = unquote(url_parts(self.url).netloc.rpartition("@")[0].partition(":")[0])
        try:
            return MongoClient(self.url, connect=False, **options)
        except (PyMongoError, OSError) as error:
            raise DestinationError(f"MongoDB's options: {error}", misconfigured=True) from error


def target_of(destination: Destination) -> Target:
    """Return what the URL names: database bitacora and collection logs where it doesn't say.

    Our options are `collection`, `keep_days` (of the index that lets records expire; 0: for ever), `bootstrap` and
    `password_file`; all others are MongoDB's own.

    Raises:
        ReporterSettingsError: it is no such URL, or names a link-local address.
    """
    try:
        return _target(destination)
    except (ValueError, PyMongoError) as error:
        raise ReporterSettingsError(f"{destination.shown!r}: {error}") from None


def _target(destination: Destination) -> Target:
    if destination.headers:
        raise ValueError("headers are for HTTP; say the user in the URL")
    parts = url_parts(destination.url)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    ours = {key: value for key, value in pairs if key in _OURS}
    theirs = [(key, value) for key, value in pairs if key not in _OURS]
    database, _, collection = unquote(parts.path).strip("/").partition("/")
    database = database or DEFAULT_DATABASE
    netloc, password_file = parts.netloc, ours.get("password_file")
    if password_file and ("@" not in netloc or ":" in netloc.rpartition("@")[0]):
        raise ValueError("password_file: say whose it is, and no other password, as mongodb://USER@HOST")
    return Target(
        url=urlunsplit((parts.scheme, netloc, f"/{database}", urlencode(theirs), "")),
        hosts=_hosts(parts.scheme, netloc, theirs),
        database=database,
        collection=collection or ours.get("collection") or DEFAULT_COLLECTION,
        keep_days=_days(ours.get("keep_days")),
        bootstrap=destination.bootstrap or _is_true(ours.get("bootstrap", "false")),
        password_file=Path(password_file) if password_file else None,
        options=_options(destination, {key.lower() for key, _ in theirs}),
    )


def _hosts(scheme: str, netloc: str, options: list[tuple[str, str]]) -> tuple[tuple[str, int], ...]:
    if scheme == _IS_SRV:
        return ()
    hosts = netloc.rpartition("@")[2]
    found = parse_uri(f"{scheme}://{hosts}/?{urlencode(options)}", default_port=_DEFAULT_PORT)["nodelist"]
    for host, _ in found:
        if (address := ip_literal(host)) and is_link_local(address):
            raise ValueError(f"must not be a link-local address such as {host}: cloud credentials are served there")
    return tuple((host, port or _DEFAULT_PORT) for host, port in found)


def _options(destination: Destination, said: set[str]) -> dict[str, Any]:
    """Return what the client is told beside the URL, where that doesn't say otherwise."""
    milliseconds = round(destination.timeout_seconds * 1000)
    options: dict[str, Any] = {
        "appname": "otel-bitacora",
        "serverSelectionTimeoutMS": milliseconds,
        "connectTimeoutMS": milliseconds,
        "socketTimeoutMS": milliseconds,
        "w": "majority",
        "journal": True,  # a record counts as delivered when the server survives losing power with it
    }
    certificates = {
        "tlsCAFile": destination.certificate_file,
        "tlsCertificateKeyFile": destination.client_certificate_file,
    }
    if destination.client_key_file not in (None, destination.client_certificate_file):
        raise ValueError("client_key_file: MongoDB's client wants key and certificate in one file")
    if destination.compression != "none":
        options["compressors"] = _COMPRESSORS[destination.compression]
    options |= {key: str(path) for key, path in certificates.items() if path is not None}
    return {key: value for key, value in options.items() if key.lower() not in said}


def _days(text: str | None) -> int:
    if text is None:
        return _DEFAULT_KEEP_DAYS
    if not (text.isascii() and text.isdigit() and int(text) <= 20_000):
        raise ValueError(f"keep_days={text}: must be a number of days, or 0 for ever")
    return int(text)


def _is_true(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(f"bootstrap={text}: must be true or false")
    return text.lower() == "true"
