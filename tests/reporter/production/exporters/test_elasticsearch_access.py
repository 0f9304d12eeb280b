"""Who we say that we are to an Elasticsearch, and whom we trust: by environment, URL and files."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme

from otel_bitacora.errors import DestinationError, ReporterSettingsError
from otel_bitacora.reporter.core.contract import Accepted
from otel_bitacora.reporter.production.exporters import Destination, exporter_for

from ...compliance import stored  # noqa: TID252  # tests are no package
from .elasticsearches import Elasticsearch, elasticsearch, made


def test_a_certificate_that_nobody_vouches_for_is_a_misconfiguration_and_one_that_is_trusted_is_used(
    tmp_path: Path,
) -> None:
    authority = trustme.CA()
    pem, trusted = tmp_path / "server.pem", tmp_path / "ca.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(pem))
    authority.cert_pem.write_to_path(str(trusted))

    with elasticsearch(pem) as server:
        url = server.url.replace("http:", "https:")
        with pytest.raises(DestinationError, match="TLS") as caught:
            exporter_for(url, Destination(url, bootstrap=True)).export([stored(1)])
        told = Destination(url, bootstrap=True, certificate_file=trusted)
        assert exporter_for(url, told).export([stored(1)]) == [Accepted()]

    assert caught.value.misconfigured
    assert ssl.OPENSSL_VERSION


@pytest.mark.parametrize(
    ("variables", "sent"),
    [
        ({"API_KEY": "abc=="}, "ApiKey abc=="),
        ({"API_KEY": "id:key"}, "ApiKey aWQ6a2V5"),
        ({"USERNAME": "ana", "PASSWORD": "ñ"}, "Basic YW5hOsOx"),
        ({"USERNAME": "ana", "PASSWORD_FILE": "{folder}/secret"}, "Basic YW5hOmZpbGVk"),
    ],
)
def test_who_we_are_comes_from_the_environment(
    server: Elasticsearch, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variables: dict[str, str], sent: str
) -> None:
    (tmp_path / "secret").write_text("filed\n")
    for name, value in variables.items():
        monkeypatch.setenv(f"BITACORA_ELASTICSEARCH__{name}", value.format(folder=tmp_path))
    server.authorization = sent

    assert made(server).export([stored(1)]) == [Accepted()]
    assert "secret" not in repr(made(server).__dict__)


def test_a_wrong_password_costs_no_record_and_is_asked_again(server: Elasticsearch) -> None:
    server.authorization = "ApiKey right"
    exporter = made(server, headers={"Authorization": "ApiKey wrong"})

    for _ in range(3):
        with pytest.raises(DestinationError, match="unable to authenticate") as caught:
            exporter.export([stored(1)])
        assert caught.value.misconfigured
    server.authorization = "ApiKey wrong"

    assert exporter.export([stored(1)]) == [Accepted()]


@pytest.mark.parametrize(
    "url",
    [
        "elasticsearch+http://user:secret@host:9200?what=secret",
        "elasticsearch+http://user:secret@host:9200/a/b",
        "elasticsearch+http://user:secret@host:9200?password_file=/nowhere",
        "elasticsearch+http://host/Upper",
        "elasticsearch+http://host/a-b",
        "elasticsearch+http://host/weekly/a",
        "elasticsearch+http://host/a?what=ever",
        "elasticsearch+http://169.254.169.254:9200",
        "elasticsearch+http://",
    ],
)
def test_a_url_that_cannot_be_right_is_refused_without_its_secrets(url: str) -> None:
    with pytest.raises(ReporterSettingsError) as caught:
        exporter_for(url)

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("RETENTION", "soon"), ("COMPRESSION", "zip"), ("BOOTSTRAP", "perhaps"), ("API_KEY_FILE", "/nowhere")],
)
def test_a_variable_that_can_t_be_used_is_named(
    server: Elasticsearch, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"BITACORA_ELASTICSEARCH__{name}", value)

    with pytest.raises(ReporterSettingsError, match=f"BITACORA_ELASTICSEARCH__{name}"):
        made(server)


@pytest.mark.parametrize(
    ("who", "options", "sent"),
    [
        ("ana:s%40f@", "", "Basic YW5hOnNAZg=="),
        ("ana@", "?password_file={folder}/secret", "Basic YW5hOmZpbGVk"),
        ("", "?api_key_file={folder}/secret&bootstrap=true", "ApiKey filed"),
    ],
)
def test_who_we_are_may_be_in_the_url_and_is_shown_nowhere(
    server: Elasticsearch, tmp_path: Path, who: str, options: str, sent: str
) -> None:
    (tmp_path / "secret").write_text("filed\n")
    server.authorization = sent
    url = server.url.replace("//", f"//{who}") + options.format(folder=tmp_path)

    exporter: Any = exporter_for(url, Destination(url, bootstrap=True))

    assert exporter.export([stored(1)]) == [Accepted()]
    server.authorization = "other"
    with pytest.raises(DestinationError) as caught:
        exporter.export([stored(2)])
    assert "ana" not in str(caught.value) + exporter.name


def test_a_password_that_is_mended_in_its_file_is_taken_at_the_next_try(server: Elasticsearch, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("wrong\n")
    server.authorization = "Basic YW5hOmZpbGVk"
    url = f"{server.url.replace('//', '//ana@')}?password_file={password}"
    exporter = exporter_for(url, Destination(url, bootstrap=True))

    with pytest.raises(DestinationError):
        exporter.export([stored(1)])
    password.unlink()  # as happens in between where a file is replaced
    with pytest.raises(DestinationError):
        exporter.export([stored(1)])
    password.write_text("filed\n")
    with pytest.raises(DestinationError):
        exporter.export([stored(1)])

    assert exporter.export([stored(1)]) == [Accepted()]
