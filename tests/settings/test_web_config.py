from pathlib import Path

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bitacora.errors import SettingsError
from otel_bitacora.settings.web_config import _BCRYPT, HEADERS, read_web_config

HASH = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "web.yml"


def test_a_file_as_exporters_take_it_is_read_whole(path: Path) -> None:
    path.write_text(
        "tls_server_config:\n  cert_file: server.crt\n  key_file: /keys/server.key\n"
        "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n  min_version: TLS13\n"
        "  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_AES_128_GCM_SHA256]\n"
        "http_server_config:\n  http2: false\n  headers:\n    X-Frame-Options: deny\n    X-XSS-Protection: 0\n"
        "    Content-Security-Policy: ''\n"
        f"basic_auth_users:\n  alice: {HASH}\n"
    )

    config = read_web_config(path)

    assert config.tls_server_config is not None
    assert config.tls_server_config.files == (
        path.parent / "server.crt",
        Path("/keys/server.key"),
        path.parent / "ca.pem",
    )
    assert config.tls_server_config.min_version == "TLS13"
    assert config.http_server_config.headers == {"X-Frame-Options": "deny", "X-XSS-Protection": "0"}
    assert config.hashes == {"alice": HASH}


@pytest.mark.parametrize("text", ["", "# nothing\n", "tls_server_config:\nbasic_auth_users:\n"])
def test_a_part_that_is_empty_is_as_good_as_none(path: Path, text: str) -> None:
    path.write_text(text)

    config = read_web_config(path)

    assert (config.tls_server_config, config.hashes, config.http_server_config.headers) == (None, {}, {})


TLS = "tls_server_config:\n  cert_file: a\n  key_file: b\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("tls_config: {}", r"tls_config: no such key; there are tls_server_config, http_server_config, basic_auth_use"),
        (TLS + "  certfile: c", r"tls_server_config.certfile: no such key; there are cert_file, key_file, client_auth"),
        (TLS + "  curve_preferences: [X25519]", r"curve_preferences: not supported here: OpenSSL's own choice"),
        (TLS + "  client_ca: x", r"tls_server_config.client_ca: not supported here: give it as a file, in client_ca_"),
        ("rate_limit: {burst: 1}", r"rate_limit: not supported here"),
        ("tls_server_config:\n  cert_file: a", r"tls_server_config.key_file: is missing"),
        (TLS + "  min_version: TLS11", r"tls_server_config.min_version: must be 'TLS12' or 'TLS13'"),
        (TLS + "  min_version: TLS13\n  max_version: TLS12", r"max_version: must not be below min_version"),
        (
            TLS + "  cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]",
            r"cipher_suites.0: 'TLS_RSA_WITH_RC4_128_SHA' is not off",
        ),
        (TLS + "  client_auth_type: RequireAnyClientCert", r"client_auth_type: must be 'NoClientCert', 'VerifyClientC"),
        (TLS + "  client_auth_type: RequireAndVerifyClientCert", r"RequireAndVerifyClientCert needs client_ca_file"),
        (TLS + "  client_ca_file: c", r"client_auth_type: must be RequireAndVerifyClientCert"),
        (TLS + "  client_allowed_sans: [c]", r"client_auth_type: must be RequireAndVerifyClientCert"),
        (
            "http_server_config:\n  headers:\n    Server: x",
            r"http_server_config.headers: 'Server' can't be set; there ",
        ),
        (
            "http_server_config:\n  headers:\n    X-Frame-Options: maybe",
            r"X-Frame-Options must be deny or sameorigin, n",
        ),
        ('http_server_config:\n  headers:\n    Content-Security-Policy: "a\\r\\nb"', r"must be printable ASCII"),
        ("basic_auth_users: [a]", r"basic_auth_users: must be a valid dictionary"),
        (f'basic_auth_users:\n  "a:b": {HASH}', r"basic_auth_users: 'a:b' can't be a user's name"),
        (f"basic_auth_users:\n  a: {HASH.replace('zoub', 'zozb')}", r"the password of 'a' must be hashed by bcrypt"),
        (f"basic_auth_users:\n  a: {HASH.replace('$10$', '$31$')}", r"'a' must have a cost from 4 to 18"),
        (
            "basic_auth_users:\n  a: b\nbasic_auth_users:\n  c: d",
            r"basic_auth_users is there twice \(again in line 3\)",
        ),
        ("basic_auth_users:\n  a: b\n  a: c", r"a is there twice \(again in line 3\)"),
        ("- a", r"must hold tls_server_config"),
        ("a: [b", r"not YAML in line 2"),
        ("a: !!python/object:os.system x", r"not YAML in line 1: could not determine a constructor"),
    ],
)
def test_what_is_wrong_names_the_file_and_the_key(path: Path, text: str, problem: str) -> None:
    path.write_text(text + "\n")

    with pytest.raises(SettingsError, match=problem) as caught:
        read_web_config(path)

    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "basic_auth_users:\n  a: hunter2-in-plain",
        "basic_auth_users:\n  a: [hunter2]",
        "basic_auth_users:\n  a: 'hunter2\n",
        "basic_auth_users: {a: hunter2, a: hunter2}",
        "basic_auth_users:\n  a: \thunter2",
        "tls_server_config:\n  key: hunter2",
        f"basic_auth_users:\n  a: {HASH}hunter2",
    ],
)
def test_a_secret_is_in_no_message(path: Path, text: str) -> None:
    path.write_text(text)

    with pytest.raises(SettingsError) as caught:
        read_web_config(path)

    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(caught.value.__cause__)
    assert HASH not in str(caught.value)


@given(st.text("./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", min_size=53, max_size=53))
def test_a_hash_that_is_taken_is_one_that_can_be_checked(tail: str) -> None:
    hashed = f"$2y$04${tail}"

    is_taken = _BCRYPT.fullmatch(hashed) is not None

    try:
        bcrypt.checkpw(b"x", hashed.encode())
    except ValueError:
        assert not is_taken
    else:
        assert is_taken


def test_hashes_are_not_in_the_configurations_repr(path: Path) -> None:
    path.write_text(f"basic_auth_users:\n  a: {HASH}\n")

    config = read_web_config(path)

    assert HASH not in repr(config)
    assert HASH not in str(config.model_dump(mode="json"))


def test_a_file_that_is_not_there_says_so(path: Path) -> None:
    with pytest.raises(SettingsError, match=r"web.yml: can't be read: No such file"):
        read_web_config(path)


def test_bytes_that_are_no_text_say_so(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(SettingsError, match=r"web.yml: not UTF-8"):
        read_web_config(path)


keys = st.sampled_from(["tls_server_config", "basic_auth_users", "cert_file", "headers", "a", *HEADERS]) | st.text(
    max_size=5
)
trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)


@given(tree=trees, text=st.text(max_size=60))
def test_any_other_file_is_refused_in_our_words(
    tmp_path_factory: pytest.TempPathFactory, tree: object, text: str
) -> None:
    import yaml

    path = tmp_path_factory.mktemp("web") / "web.yml"
    refusals = []
    for content in (yaml.safe_dump(tree), text):
        path.write_text(content, encoding="utf-8")
        try:
            read_web_config(path)
        except SettingsError as error:
            refusals += error.problems

    assert all(refusal.startswith(f"{path}: ") for refusal in refusals)
