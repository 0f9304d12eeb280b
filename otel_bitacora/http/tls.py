"""TLS as the web configuration asks for it, taken anew at every handshake so that certificates can be exchanged."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from otel_bitacora.errors import SettingsError
from otel_bitacora.settings.web_config import CIPHERS, TlsServerConfig

_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_VERIFICATION = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
_DEFAULT_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


class FollowingContext(ssl.SSLContext):
    """A context that does each handshake by the one that *current* returns then.

    Exchanging the certificate inside one context would be simpler, but leaves its client CAs and versions as they were.
    """

    _current: Callable[[], ssl.SSLContext]

    def __new__(cls, current: Callable[[], ssl.SSLContext]) -> FollowingContext:  # noqa: PYI034 - SSLContext's way
        self = super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)
        self._current = current
        return self

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        return self._current().wrap_bio(incoming, outgoing, server_side, server_hostname, session)


def server_context(config: TlsServerConfig) -> ssl.SSLContext:
    """Return the context that *config* asks for.

    Raises:
        SettingsError: a file can't be read, holds something else, or key and certificate don't belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version, context.maximum_version = _VERSIONS[config.min_version], _VERSIONS[config.max_version]
    named = [CIPHERS[name] for name in config.cipher_suites if name in CIPHERS]
    context.set_ciphers(":".join(named) or _DEFAULT_CIPHERS)
    if not config.prefer_server_cipher_suites:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_alpn_protocols(["http/1.1"])
    _load_certificate(context, config)
    if config.client_ca_file is not None:
        _load_client_ca(context, config.client_ca_file)
    context.verify_mode = _VERIFICATION[config.client_auth_type]
    if config.client_allowed_sans:
        context.sslobject_class = _only_names(frozenset(config.client_allowed_sans))
    return context


def _load_certificate(context: ssl.SSLContext, config: TlsServerConfig) -> None:
    for name, path in (("cert_file", config.cert_file), ("key_file", config.key_file)):
        _check_readable(name, path)
    try:
        context.load_cert_chain(config.cert_file, config.key_file, password=_no_password)
    except _Encrypted:
        raise SettingsError(
            f"key_file {config.key_file}: is encrypted; there is nobody to ask for its password"
        ) from None
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise SettingsError(f"key_file {config.key_file}: isn't the key of cert_file {config.cert_file}") from error
        raise SettingsError(
            f"cert_file {config.cert_file}, key_file {config.key_file}: not a certificate and its key in PEM"
            f" ({error.reason or 'nothing found in it'})"
        ) from error


def _load_client_ca(context: ssl.SSLContext, path: Path) -> None:
    _check_readable("client_ca_file", path)
    try:
        context.load_verify_locations(path)
    except ssl.SSLError as error:
        raise SettingsError(f"client_ca_file {path}: no certificate in PEM is in it") from error


def _check_readable(name: str, path: Path) -> None:
    try:
        path.open("rb").close()
    except OSError as error:
        raise SettingsError(f"{name} {path}: can't be read: {error.strerror}") from error


class _Encrypted(Exception):
    """The key wants a password."""


def _no_password() -> bytes:
    # Without this, OpenSSL would ask on the terminal, and wait.
    raise _Encrypted


def _only_names(allowed: frozenset[str]) -> type[ssl.SSLObject]:
    """Return the class of connections whose peer must have one of *allowed* among its alternative names."""

    class NamedPeer(ssl.SSLObject):
        def do_handshake(self) -> None:
            super().do_handshake()
            peer: dict[str, Any] | None = self.getpeercert()
            if peer is not None and not {value for _, value in peer.get("subjectAltName", ())} & allowed:
                raise ssl.SSLCertVerificationError("the client's certificate has none of client_allowed_sans")

    return NamedPeer


def expiry(config: TlsServerConfig) -> float:
    """Return when the certificate of *config* ends, in seconds since the Unix epoch.

    Found by a handshake in memory with a client that trusts it: the standard library parses no certificates.

    Raises:
        SettingsError: as `server_context`.
        ssl.SSLCertVerificationError: it has ended already, doesn't begin until later, or isn't one of a server.
    """
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _load_certificate(server, config)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.load_verify_locations(config.cert_file)
    client.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN  # its own CA isn't in the file
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server)
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    for side in (ours, theirs, ours):
        with contextlib.suppress(ssl.SSLWantReadError):
            side.do_handshake()
    found: dict[str, Any] = ours.getpeercert() or {}
    return float(ssl.cert_time_to_seconds(found["notAfter"]))
