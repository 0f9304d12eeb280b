import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from otel_bitacora.errors import SettingsError
from otel_bitacora.http.tls import FollowingContext, server_context
from otel_bitacora.settings.web_config import read_web_config

Secure = Callable[..., Any]


def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext) -> ssl.SSLObject:
    """Return the client's side of a connection, without any network."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname="localhost")
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    waiting = [ours, theirs]
    for _ in range(10):
        for side in list(waiting):
            try:
                side.do_handshake()
                waiting.remove(side)
            except ssl.SSLWantReadError:
                pass
    assert not waiting
    return ours


def context_of(secured: Any) -> ssl.SSLContext:
    config = read_web_config(secured.web_config).tls_server_config
    assert config is not None
    return server_context(config)


def client_of(secured: Any, certificate: str | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=secured.ca_file)
    if certificate:
        context.load_cert_chain(secured.folder / f"{certificate}.pem", secured.folder / f"{certificate}.key")
    return context


def test_the_newest_version_is_spoken_and_http_1_is_what_is_agreed_on(secure: Secure) -> None:
    secured = secure()
    client = client_of(secured)
    client.set_alpn_protocols(["h2", "http/1.1"])

    connection = shake_hands(context_of(secured), client)

    assert (connection.version(), connection.selected_alpn_protocol()) == ("TLSv1.3", "http/1.1")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the old versions, which is the point
@pytest.mark.parametrize(
    ("version", "setting"),
    [
        (ssl.TLSVersion.TLSv1, ""),
        (ssl.TLSVersion.TLSv1_1, ""),
        (ssl.TLSVersion.TLSv1_2, "  min_version: TLS13"),
        (ssl.TLSVersion.TLSv1_3, "  max_version: TLS12"),
    ],
)
def test_other_versions_are_not_spoken(secure: Secure, version: ssl.TLSVersion, setting: str) -> None:
    secured = secure(tls=setting)
    client = client_of(secured)
    client.set_ciphers("DEFAULT:@SECLEVEL=0")
    client.minimum_version = client.maximum_version = version

    with pytest.raises(ssl.SSLError, match=r"(?i)protocol|alert"):
        shake_hands(context_of(secured), client)


def test_the_ciphers_of_tls_1_2_are_those_that_are_named(secure: Secure) -> None:
    name = "CHACHA20_POLY1305_SHA256"
    secured = secure(
        tls=f"  max_version: TLS12\n  cipher_suites: [TLS_ECDHE_ECDSA_WITH_{name}, TLS_ECDHE_RSA_WITH_{name}]"
    )

    connection = shake_hands(context_of(secured), client_of(secured))

    assert "CHACHA20-POLY1305" in connection.cipher()[0]  # type: ignore[index]


def test_a_client_needs_a_certificate_of_the_named_ca_where_one_is_required(secure: Secure) -> None:
    secured = secure(
        tls="  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n  max_version: TLS12"
    )
    secured.issue("scraper", into="client")
    stranger = ssl.create_default_context(cafile=secured.ca_file)

    assert shake_hands(context_of(secured), client_of(secured, "client")).version() == "TLSv1.2"
    with pytest.raises(ssl.SSLError):
        shake_hands(context_of(secured), stranger)


def test_a_certificate_of_another_ca_is_refused_where_one_is_verified_if_given(secure: Secure, tmp_path: Path) -> None:
    import trustme

    secured = secure(tls="  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: ca.pem\n  max_version: TLS12")
    foreign = client_of(secured)
    trustme.CA().issue_cert("scraper").configure_cert(foreign)

    assert shake_hands(context_of(secured), client_of(secured)).version() == "TLSv1.2"
    with pytest.raises(ssl.SSLError):
        shake_hands(context_of(secured), foreign)


def test_only_the_names_that_are_allowed_may_connect(secure: Secure) -> None:
    secured = secure(
        tls="  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: ca.pem\n  client_allowed_sans: [scraper]\n"
        "  max_version: TLS12"
    )
    secured.issue("scraper", into="scraper")
    secured.issue("other", into="other")

    assert shake_hands(context_of(secured), client_of(secured, "scraper"))
    with pytest.raises(ssl.SSLCertVerificationError, match="none of client_allowed_sans"):
        shake_hands(context_of(secured), client_of(secured, "other"))


def test_each_handshake_is_done_by_the_context_of_the_moment(secure: Secure) -> None:
    secured = secure()
    contexts = [context_of(secured)]
    following = FollowingContext(lambda: contexts[-1])
    first = shake_hands(following, client_of(secured)).getpeercert(binary_form=True)

    secured.issue("localhost")
    contexts.append(context_of(secured))

    assert shake_hands(following, client_of(secured)).getpeercert(binary_form=True) != first


def encrypted_key(secured: Any) -> None:
    from cryptography.hazmat.primitives import serialization

    path = secured.folder / "server.key"
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    how = serialization.BestAvailableEncryption(b"hunter2")
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, how))


def foreign_key(secured: Any) -> None:
    secured.issue("localhost", into="other")
    (secured.folder / "other.key").replace(secured.folder / "server.key")


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (encrypted_key, r"key_file .*server.key: is encrypted; there is nobody to ask"),
        (foreign_key, r"key_file .*server.key: isn't the key of cert_file .*server.pem"),
        (lambda it: (it.folder / "server.key").unlink(), r"key_file .*server.key: can't be read: No such file"),
        (lambda it: (it.folder / "server.pem").unlink(), r"cert_file .*server.pem: can't be read: No such file"),
        (lambda it: (it.folder / "server.pem").write_text("x"), r"not a certificate and its key in PEM"),
        (lambda it: (it.folder / "server.key").write_text(""), r"not a certificate and its key in PEM"),
        (lambda it: (it.folder / "ca.pem").write_text("x"), r"client_ca_file .*ca.pem: no certificate in PEM"),
        (lambda it: (it.folder / "ca.pem").unlink(), r"client_ca_file .*ca.pem: can't be read"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(secure: Secure, spoil: Callable[[Any], None], problem: str) -> None:
    secured = secure(tls="  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem")
    spoil(secured)

    with pytest.raises(SettingsError, match=problem):
        context_of(secured)
