"""URLs of Kafka's topics, as `--to` has them: kafka://[USER:PASSWORD@]HOST:9092[,HOST:9092]/TOPIC, kafka+tls:// for TLS."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast, get_args
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from otel_bitacora.errors import ReporterSettingsError
from otel_bitacora.settings.endpoint import check_brackets, ip_literal, is_link_local, shown_url, url_parts

DEFAULT_TOPIC = "otlp_logs"
"""Where a Collector's receiver of Kafka looks for logs, unless it is told otherwise."""
_DEFAULT_PORT = 9092
_BY_THE_BROKER = -1
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
_OPTIONS = ("encoding", "compression", "mechanism", "password_file", "partitions", "replicas", "bootstrap")

Encoding = Literal["protobuf", "json"]
Packing = Literal["zstd", "lz4", "gzip", "snappy", "none"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic, where its brokers are, who asks, and how records are written there."""

    brokers: tuple[tuple[str, int], ...]
    name: str
    is_tls: bool
    username: str = ""
    password: str = field(default="", repr=False)
    password_file: Path | None = None
    """Read at each connection, so that a password can be exchanged."""
    mechanism: Mechanism = "PLAIN"
    encoding: Encoding = "protobuf"
    compression: Packing = "zstd"
    partitions: int = _BY_THE_BROKER
    replicas: int = _BY_THE_BROKER
    """Of a topic that is made; -1 leaves it to the broker."""
    bootstrap: bool = False

    @property
    def servers(self) -> str:
        """The brokers as librdkafka wants them."""
        return ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.brokers)


def topic_of(url: str) -> Topic:
    """Return what *url* names: topic otlp_logs where it names none.

    Its query may say `encoding=json`, `compression=lz4`, `mechanism=SCRAM-SHA-512`, `password_file=/run/secrets/kafka`, and of
    a topic that is to be made `bootstrap=true`, `partitions=6`, `replicas=3`.

    Raises:
        ReporterSettingsError: it is no such URL, or names a link-local address.
    """
    try:
        return _topic(url_parts(url))
    except ValueError as error:
        raise ReporterSettingsError(f"{shown_url(url)!r}: {error}") from None


def _topic(parts: SplitResult) -> Topic:
    who, _, hosts = parts.netloc.rpartition("@")
    username, _, password = who.partition(":")
    name = parts.path.strip("/") or DEFAULT_TOPIC
    if not _TOPIC.fullmatch(name):
        raise ValueError(f"{name!r} is no name for a topic: letters, digits, '.', '_' and '-' are allowed")
    if parts.fragment:
        raise ValueError("a fragment means nothing here")
    options = _options(parts.query)
    password_file = options.get("password_file")
    if password_file and not username:
        raise ValueError("password_file: say whose it is, as kafka://USER@HOST")
    return Topic(
        brokers=tuple(_broker(each) for each in hosts.split(",")),
        name=name,
        is_tls=parts.scheme == "kafka+tls",
        username=unquote(username),
        password=unquote(password),
        password_file=Path(password_file) if password_file else None,
        mechanism=cast("Mechanism", _chosen(options, "mechanism", get_args(Mechanism))),
        encoding=cast("Encoding", _chosen(options, "encoding", get_args(Encoding))),
        compression=cast("Packing", _chosen(options, "compression", get_args(Packing))),
        partitions=_count(options, "partitions"),
        replicas=_count(options, "replicas"),
        bootstrap=is_true(options.get("bootstrap", "false")),
    )


def _options(query: str) -> Mapping[str, str]:
    pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    options = dict(pairs)
    if unknown := next((name for name in options if name not in _OPTIONS), None):
        raise ValueError(f"no such option {unknown!r}: there are {', '.join(_OPTIONS)}")
    if len(pairs) > len(options):
        raise ValueError("an option is given twice")
    return options


def _broker(text: str) -> tuple[str, int]:
    try:
        check_brackets(text)
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"{text!r}: {error}") from None
    if not host or port == 0:
        raise ValueError("must be kafka://HOST:9092/TOPIC, or several brokers with commas between")
    if (address := ip_literal(host)) and is_link_local(address):
        raise ValueError(f"must not be a link-local address such as {host}: cloud credentials are served there")
    return host, port or _DEFAULT_PORT


def _chosen(options: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str:
    value = options.get(name, allowed[0])
    if value not in allowed:
        raise ValueError(f"{name}={value}: must be {', '.join(allowed[:-1])} or {allowed[-1]}")
    return value


def _count(options: Mapping[str, str], name: str) -> int:
    text = options.get(name)
    if text is None:
        return _BY_THE_BROKER
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 100_000):
        raise ValueError(f"{name}={text}: must be a number from 1 on")
    return int(text)


def is_true(text: str) -> bool:
    """Return what an option says that is on or off.

    Raises:
        ValueError: it says neither.
    """
    if text.lower() not in ("true", "false"):
        raise ValueError(f"{text!r}: must be true or false")
    return text.lower() == "true"
