"""The web configuration: TLS, users and headers, in the YAML that Prometheus's exporters share (exporter-toolkit)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from otel_bitacora.errors import MissingExtra, SettingsError

from .load import in_our_words

try:
    import yaml
except ImportError:  # pragma: no cover - tried by tests/installs
    yaml = None  # type: ignore[assignment]

HEADERS: Mapping[str, tuple[str, ...]] = {
    "Content-Security-Policy": (),
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
}
"""The headers that may be set, each with the values that it may have; none listed: any."""

CIPHERS: Mapping[str, str] = {
    f"TLS_ECDHE_{key}_WITH_{suite}": f"ECDHE-{key}-{openssl}"
    for key in ("ECDSA", "RSA")
    for suite, openssl in (
        ("AES_128_GCM_SHA256", "AES128-GCM-SHA256"),
        ("AES_256_GCM_SHA384", "AES256-GCM-SHA384"),
        ("CHACHA20_POLY1305_SHA256", "CHACHA20-POLY1305"),
        ("CHACHA20_POLY1305", "CHACHA20-POLY1305"),  # its older name
    )
}
"""Suites of TLS 1.2 with forward secrecy and authenticated encryption, by the format's names and by OpenSSL's."""
_ALWAYS_ON = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")  # of TLS 1.3

# 128 bits of salt fill 21 characters and two bits of the next one: with others set, the library raises at each login.
_BCRYPT = re.compile(r"\$2[aby]\$(?P<cost>\d\d)\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}")
_COSTS = range(4, 19)  # each step doubles the time: 10 takes some 70 ms, 18 some 18 s

_NOT_HERE = {
    "tls_server_config.cert": "give it as a file, in cert_file",
    "tls_server_config.key": "give it as a file, in key_file",
    "tls_server_config.client_ca": "give it as a file, in client_ca_file",
    "tls_server_config.curve_preferences": "OpenSSL's own choice of curves is used",
    "rate_limit": "requests are not limited by rate here",
}
"""Keys of the format that this program has no use for, and what to do about it."""


def _is_known_cipher(name: str) -> str:
    if name not in CIPHERS and name not in _ALWAYS_ON:
        raise ValueError(f"{name!r} is not offered; there are {', '.join(CIPHERS)}")
    return name


def _are_headers(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if name not in HEADERS:
            raise ValueError(f"{name!r} can't be set; there are {', '.join(HEADERS)}")
        allowed = HEADERS[name]
        if value and allowed and value not in allowed:
            raise ValueError(f"{name} must be {' or '.join(allowed)}, not {value!r}")
        if not value.isascii() or not value.isprintable():
            raise ValueError(f"{name} must be printable ASCII")
    return {name: value for name, value in headers.items() if value}


def _are_users(users: dict[str, SecretStr]) -> dict[str, SecretStr]:
    for name, secret in users.items():
        if not name or ":" in name:
            raise ValueError(f"{name!r} can't be a user's name: it must not be empty or hold a colon")
        match = _BCRYPT.fullmatch(secret.get_secret_value())
        if match is None:
            raise ValueError(f"the password of {name!r} must be hashed by bcrypt, as `htpasswd -nBC 10 ''` does")
        if int(match["cost"]) not in _COSTS:
            raise ValueError(f"the hash of {name!r} must have a cost from {_COSTS[0]} to {_COSTS[-1]}")
    return users


class _Section(BaseModel):
    # Values aren't shown: some are secrets, and a file of secrets is no place to quote from.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, coerce_numbers_to_str=True)


class TlsServerConfig(_Section):
    """What the server proves, and what it wants proved. Paths are relative to the file that names them."""

    cert_file: Path
    key_file: Path
    client_auth_type: Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"] = "NoClientCert"
    client_ca_file: Path | None = None
    client_allowed_sans: tuple[str, ...] = ()
    min_version: Literal["TLS12", "TLS13"] = "TLS12"
    max_version: Literal["TLS12", "TLS13"] = "TLS13"
    cipher_suites: tuple[Annotated[str, AfterValidator(_is_known_cipher)], ...] = ()
    prefer_server_cipher_suites: bool = True

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that it names."""
        return (self.cert_file, self.key_file, *((self.client_ca_file,) if self.client_ca_file else ()))


class HttpServerConfig(_Section):
    http2: bool = True
    """Taken for the sake of files that are shared with exporters: HTTP/1.1 is what is spoken here."""
    headers: Annotated[dict[str, str], AfterValidator(_are_headers)] = Field(default_factory=dict)


class WebConfig(_Section):
    """The whole file; every part of it may be missing."""

    tls_server_config: TlsServerConfig | None = None
    http_server_config: HttpServerConfig = HttpServerConfig()
    basic_auth_users: Annotated[dict[str, SecretStr], AfterValidator(_are_users)] = Field(default_factory=dict)

    @property
    def hashes(self) -> dict[str, str]:
        """Each user's bcrypt hash. A secret: not for messages."""
        return {name: secret.get_secret_value() for name, secret in self.basic_auth_users.items()}


def read_web_config(path: Path) -> WebConfig:
    """Return what *path* says.

    Raises:
        SettingsError: it can't be read or isn't what it should be; each problem names the file and the key.
        MissingExtra: there is nothing to read YAML with.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{path}: can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: not UTF-8") from error
    found = _parse(text, path)
    if not isinstance(found, dict):
        raise SettingsError(f"{path}: must hold tls_server_config, http_server_config or basic_auth_users")
    try:
        # A key with nothing behind it is as good as none.
        config = WebConfig.model_validate({key: value for key, value in found.items() if value is not None})
    except ValidationError as error:
        raise SettingsError(*_problems(error, path)) from None
    _check_client_certificates(config.tls_server_config, path)
    return _with_directory(config, path.absolute().parent)


def _parse(text: str, path: Path) -> object:
    if yaml is None:
        raise MissingExtra("a web configuration is YAML", "monitor")
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            return {}
        if twice := next(_said_twice(node), None):
            raise SettingsError(f"{path}: {twice}")
        return loader.construct_document(node)
    except yaml.YAMLError as error:
        # Its own message quotes the line, which may hold a secret.
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise SettingsError(
            f"{path}: not YAML{where}: {getattr(error, 'problem', None) or 'it ends too soon'}"
        ) from None


def _said_twice(node: Any) -> Iterator[str]:
    """Find keys that stand twice in one mapping: the second would hide the first."""
    if not isinstance(node, yaml.MappingNode):
        return
    seen = set()
    for key, value in node.value:
        if key.value in seen:
            yield f"{key.value} is there twice (again in line {key.start_mark.line + 1})"
        seen.add(key.value)
        yield from _said_twice(value)


def _problems(error: ValidationError, path: Path) -> Iterator[str]:
    for problem in error.errors(include_url=False, include_input=False):
        key = ".".join(map(str, problem["loc"]))
        if problem["type"] == "extra_forbidden":
            reason = f"not supported here: {_NOT_HERE[key]}" if key in _NOT_HERE else f"no such key; {_known(key)}"
            yield f"{path}: {key}: {reason}"
        elif problem["type"] == "missing":
            yield f"{path}: {key}: is missing"
        else:
            yield f"{path}: {key}: {in_our_words(problem['msg'])}"


def _known(key: str) -> str:
    sections: dict[str, type[BaseModel]] = {
        "tls_server_config": TlsServerConfig,
        "http_server_config": HttpServerConfig,
    }
    section, dot, _ = key.partition(".")
    model = sections.get(section, WebConfig) if dot else WebConfig
    return f"there are {', '.join(model.model_fields)}"


def _check_client_certificates(tls: TlsServerConfig | None, path: Path) -> None:
    if tls is None:
        return
    is_asked = tls.client_auth_type != "NoClientCert"
    if is_asked and tls.client_ca_file is None:
        raise SettingsError(f"{path}: tls_server_config.client_auth_type: {tls.client_auth_type} needs client_ca_file")
    if not is_asked and (tls.client_ca_file or tls.client_allowed_sans):
        raise SettingsError(
            f"{path}: tls_server_config.client_auth_type: must be RequireAndVerifyClientCert (or VerifyClientCertIfGiven)"
            " where client_ca_file or client_allowed_sans is given"
        )
    if tls.min_version > tls.max_version:
        raise SettingsError(f"{path}: tls_server_config.max_version: must not be below min_version")


def _with_directory(config: WebConfig, directory: Path) -> WebConfig:
    """Return *config* with paths that no longer depend on where this program runs."""
    tls = config.tls_server_config
    if tls is None:
        return config
    named = {name: getattr(tls, name) for name in ("cert_file", "key_file", "client_ca_file")}
    absolute = {name: directory / path for name, path in named.items() if path is not None}
    return config.model_copy(update={"tls_server_config": tls.model_copy(update=absolute)})
