import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from otel_bitacora.errors import SettingsError
from otel_bitacora.http.access import Access
from otel_bitacora.http.exposure import open_web_files
from otel_bitacora.http.port import secure_port
from otel_bitacora.settings import Settings

TOKEN = {"token": "a-token-of-the-test-suite"}
USERS = {"alice": b"one"}


def settings(listen: str, *, insecure: bool = False, web_config: Path | None = None, **more: Any) -> Settings:
    return Settings(http={"listen": listen, "insecure": insecure, "web_config": web_config}, **more)


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "127.0.0.9:0", "[::1]:0", "[::ffff:127.0.0.1]:0", "localhost:0"])
def test_loopback_needs_nothing(listen: str) -> None:
    assert open_web_files(settings(listen)) is None


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[fe80::1]:0", "[::ffff:192.0.2.1]:0"])
def test_beyond_it_both_are_needed_and_each_says_what_to_do(listen: str) -> None:
    with pytest.raises(SettingsError) as caught:
        open_web_files(settings(listen))

    who, encrypted = caught.value.problems
    assert f"http.listen = '{listen}'" in who
    assert "set a token (BITACORA_TOKEN or token_file)" in who
    assert "or say --insecure" in encrypted


def test_tls_does_not_replace_authentication(secure: Callable[..., Any]) -> None:
    with pytest.raises(SettingsError, match="whoever asks must say who they are") as caught:
        open_web_files(settings("0.0.0.0:0", web_config=secure().web_config))

    assert len(caught.value.problems) == 1


def test_a_client_certificate_does_not_either(secure: Callable[..., Any]) -> None:
    secured = secure(tls="  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem")

    with pytest.raises(SettingsError, match="whoever asks must say who they are"):
        open_web_files(settings("0.0.0.0:0", web_config=secured.web_config))


def test_authentication_does_not_replace_tls() -> None:
    with pytest.raises(SettingsError, match="it must be encrypted") as caught:
        open_web_files(settings("0.0.0.0:0", **TOKEN))

    assert len(caught.value.problems) == 1


def test_insecure_does_not_replace_authentication() -> None:
    with pytest.raises(SettingsError, match="whoever asks must say who they are"):
        open_web_files(settings("0.0.0.0:0", insecure=True))


def test_a_generated_token_was_not_set(tmp_path: Path) -> None:
    secure_port(settings("127.0.0.1:0", state_dir=tmp_path))

    with pytest.raises(SettingsError, match="whoever asks must say who they are"):
        secure_port(settings("0.0.0.0:0", insecure=True, state_dir=tmp_path))


def test_a_token_or_users_and_tls_or_insecure_will_do(secure: Callable[..., Any], tmp_path: Path) -> None:
    web_config = secure(USERS).web_config
    (tmp_path / "secret").write_text(TOKEN["token"])
    users_alone = tmp_path / "users.yml"
    users_alone.write_text(web_config.read_text()[web_config.read_text().index("basic_auth_users") :])

    ports = [
        secure_port(settings("0.0.0.0:0", web_config=web_config, state_dir=tmp_path)),
        secure_port(settings("0.0.0.0:0", insecure=True, **TOKEN)),
        secure_port(settings("0.0.0.0:0", insecure=True, token_file=tmp_path / "secret")),
        secure_port(settings("0.0.0.0:0", insecure=True, web_config=users_alone, state_dir=tmp_path)),
    ]

    assert [port.scheme for port in ports] == ["https", "http", "http", "http"]


def test_users_that_are_taken_away_beyond_loopback_stay(
    secure: Callable[..., Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    secured = secure(USERS)
    port = secure_port(settings("0.0.0.0:0", web_config=secured.web_config, state_dir=tmp_path))
    assert port.files is not None

    secured.write(users={})
    port.look_again()

    assert set(port.files.current().config.hashes) == {"alice"}
    assert "whoever asks must say who they are" in caplog.text


def test_the_headers_of_the_file_follow_it(secure: Callable[..., Any], tmp_path: Path) -> None:
    secured = secure(more="http_server_config:\n  headers:\n    X-Frame-Options: deny\n")
    port = secure_port(settings("127.0.0.1:0", web_config=secured.web_config, state_dir=tmp_path))
    before = dict(port.headers())

    secured.write()

    assert (before, dict(port.headers())) == ({"X-Frame-Options": "deny"}, {})


@pytest.mark.parametrize(("client", "is_served"), [("192.0.2.7", False), ("127.0.0.1", True)])
def test_a_token_that_had_to_be_generated_is_not_for_others(
    secure: Callable[..., Any], tmp_path: Path, client: str, is_served: bool
) -> None:
    port = secure_port(settings("0.0.0.0:0", web_config=secure(USERS).web_config, state_dir=tmp_path))
    headers = [(b"authorization", f"Bearer {port.token}".encode())]
    asked = Request({"type": "http", "method": "GET", "path": "/", "headers": headers, "client": (client, 4711)})

    assert (asyncio.run(port.guard.refusal(asked, Access.TOKEN)) is None) is is_served
