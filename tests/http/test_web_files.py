import logging
from collections.abc import Callable
from typing import Any

import pytest

from otel_bitacora.errors import SettingsError
from otel_bitacora.http.web_files import WebFiles
from otel_bitacora.settings.web_config import WebConfig

Secure = Callable[..., Any]


def test_what_has_not_changed_is_not_read_again(secure: Secure) -> None:
    files = WebFiles(secure({"alice": b"one"}).web_config)

    assert files.current() is files.current()


def test_users_come_and_go_with_the_file(secure: Secure, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    secured = secure({"alice": b"one"})
    files = WebFiles(secured.web_config)

    secured.write(users={"bob": b"two"})

    assert set(files.current().config.hashes) == {"bob"}
    assert "web.yml read again" in caplog.text


@pytest.mark.parametrize("name", ["server.pem", "server.key", "ca.pem"])
def test_a_file_that_is_named_is_watched_too(secure: Secure, name: str) -> None:
    secured = secure(tls="  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem")
    files = WebFiles(secured.web_config)
    before = files.current()

    (secured.folder / name).write_bytes((secured.folder / name).read_bytes() + b"\n")

    assert files.current() is not before


def test_a_change_that_cannot_be_used_is_told_once_and_changes_nothing(
    secure: Secure, caplog: pytest.LogCaptureFixture
) -> None:
    secured = secure({"alice": b"one"})
    files = WebFiles(secured.web_config)
    before = files.current()

    secured.web_config.write_text("basic_auth_user: {}\n")

    assert files.current() is files.current() is before
    assert caplog.text.count("stays as it was: ") == 1
    assert "basic_auth_user: no such key" in caplog.text


def test_a_file_that_is_being_written_anew_takes_no_user_away(secure: Secure, caplog: pytest.LogCaptureFixture) -> None:
    secured = secure()
    secured.write(users={"alice": b"one"})
    text = secured.web_config.read_text()
    users_alone = text[text.index("basic_auth_users") :]
    secured.web_config.write_text(users_alone)
    files = WebFiles(secured.web_config)

    secured.web_config.write_text("")
    during = set(files.current().config.hashes)
    secured.web_config.write_text(users_alone.replace("alice", "bob"))

    assert (during, set(files.current().config.hashes)) == ({"alice"}, {"bob"})
    assert "web.yml: is empty" in caplog.text


def test_a_file_that_is_gone_leaves_what_was_in_force(secure: Secure, caplog: pytest.LogCaptureFixture) -> None:
    secured = secure({"alice": b"one"})
    files = WebFiles(secured.web_config)

    secured.web_config.unlink()

    assert set(files.current().config.hashes) == {"alice"}
    assert "web.yml: can't be read: No such file" in caplog.text


def test_a_certificate_that_comes_before_its_key_is_taken_when_the_key_is_there(secure: Secure) -> None:
    secured = secure()
    files = WebFiles(secured.web_config)
    before = files.current()
    old_key = (secured.folder / "server.key").read_bytes()
    secured.issue("localhost")
    new_key = (secured.folder / "server.key").read_bytes()

    (secured.folder / "server.key").write_bytes(old_key)
    assert files.current() is before
    (secured.folder / "server.key").write_bytes(new_key)

    assert files.current() is not before


def test_a_file_that_a_refused_change_names_is_watched_until_it_comes(secure: Secure) -> None:
    secured = secure()
    files = WebFiles(secured.web_config)
    before = files.current()
    text = secured.web_config.read_text().replace("server.", "renewed.")
    secured.web_config.write_text(text)
    assert files.current() is before

    secured.issue("localhost", into="renewed")

    assert files.current() is not before


def test_what_must_not_be_in_force_is_refused_at_the_start_and_later(secure: Secure) -> None:
    def accept(config: WebConfig) -> None:
        if not config.hashes:
            raise SettingsError("users are needed")

    secured = secure({"alice": b"one"})
    files = WebFiles(secured.web_config, accept)

    secured.write(users={})

    assert set(files.current().config.hashes) == {"alice"}
    with pytest.raises(SettingsError, match="users are needed"):
        WebFiles(secured.web_config, accept)


@pytest.mark.parametrize("has_tls", [True, False])
def test_tls_neither_comes_nor_goes_without_a_restart(
    secure: Secure, has_tls: bool, caplog: pytest.LogCaptureFixture
) -> None:
    secured = secure({"alice": b"one"})
    with_tls, without = secured.web_config.read_text(), "http_server_config: {}\n"
    secured.web_config.write_text(with_tls if has_tls else without)
    files = WebFiles(secured.web_config)

    secured.web_config.write_text(without if has_tls else with_tls)

    assert (files.current().tls is not None) is files.has_tls is has_tls
    assert "can come or go only with a restart" in caplog.text


def test_a_wrong_certificate_names_the_web_configuration_too(secure: Secure) -> None:
    secured = secure()
    (secured.folder / "server.key").unlink()

    with pytest.raises(SettingsError, match=r"web.yml: key_file .*server.key: can't be read"):
        WebFiles(secured.web_config)
