"""Destinations are tried out with a canary, and whatever fails comes with what to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from otel_bitacora.ops.doctor_destinations import destination_findings, named_destinations
from otel_bitacora.ops.doctor_finding import Finding, Verdict
from otel_bitacora.reporter.production.exporters import Destination, exporter_for
from otel_bitacora.settings import Settings

from ..reporter.compliance import stored  # noqa: TID252  # tests are no package
from ..reporter.production.exporters.elasticsearches import Elasticsearch, elasticsearch, error  # noqa: TID252
from ..reporter.production.exporters.receivers import http_receiver  # noqa: TID252

NOW = 1_764_000_000_000_000_000


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Elasticsearch]:
    monkeypatch.delenv("BITACORA_ELASTICSEARCH__API_KEY", raising=False)
    with elasticsearch() as running:
        yield running


@pytest.fixture(params=["/shop", "/dated/shop"])
def url(server: Elasticsearch, request: pytest.FixtureRequest) -> str:
    """A destination that has its template, and a record."""
    made = str(server.url + request.param)
    exporter_for(made, Destination(made, bootstrap=True)).export([stored(1)])
    return made


def tried(*urls: str) -> list[Finding]:
    return list(destination_findings(urls, now_unix_nano=NOW))


def steps(findings: list[Finding]) -> list[str]:
    return [finding.detail.partition(":")[0] for finding in findings]


def test_a_good_one_takes_the_canary_gives_it_back_and_is_left_as_it_was(server: Elasticsearch, url: str) -> None:
    findings = tried(url)

    assert steps(findings) == ["connect", "authenticate", "write", "read", "remove"]
    assert {finding.verdict for finding in findings} == {Verdict.OK}
    assert findings[0].detail == "connect: Elasticsearch 9.5.3"
    assert list(server.documents()) == [stored(1).uid]


@pytest.mark.parametrize("path", ["/fresh", "/dated/fresh"])
def test_one_without_template_is_told_how_it_gets_it_and_gets_no_index(server: Elasticsearch, path: str) -> None:
    *_, last = tried(server.url + path)

    assert last.verdict is Verdict.FAIL
    assert last.fix == "ship once with --bootstrap, which puts the index template there"
    assert server.indices == {}


def test_a_wrong_password_is_named(server: Elasticsearch, url: str) -> None:
    server.authorization = "ApiKey right"

    findings = tried(url)

    assert steps(findings) == ["connect", "authenticate"]
    assert "BITACORA_ELASTICSEARCH__API_KEY" in findings[-1].fix


@pytest.mark.parametrize(
    ("status", "kind", "fix"),
    [
        (403, "cluster_block_exception", "index.blocks.read_only_allow_delete"),
        (403, "security_exception", "grant who we are create_doc"),
        (429, "es_rejected_execution_exception", "indexing_pressure"),
        (400, "document_parsing_exception", "mapping of"),
    ],
)
def test_what_keeps_the_canary_out_says_how_to_mend_it(
    server: Elasticsearch, url: str, status: int, kind: str, fix: str
) -> None:
    server.item = lambda _uid, _document: (status, {"type": kind, "reason": "blocked" if "block" in kind else "no"})

    *_, last = tried(url)

    assert last.verdict is Verdict.FAIL
    assert fix in last.fix


def test_a_canary_that_can_t_be_removed_is_named(server: Elasticsearch, url: str) -> None:
    server.otherwise = lambda request: error(403, "security_exception", "no") if request.method == "DELETE" else None

    *_, last = tried(url)

    assert last.detail.startswith("remove: 403: security_exception: no; the canary stays")
    assert "delete on" in last.fix


def test_one_that_isn_t_there_and_one_that_is_no_elasticsearch_are_told_apart(server: Elasticsearch, url: str) -> None:
    server.product = "a proxy"
    (proxy,) = tried(url)
    with elasticsearch() as gone:
        pass
    (absent,) = tried(gone.url)

    assert "isn't Elasticsearch" in proxy.detail
    assert "name the URL of Elasticsearch itself" in proxy.fix
    assert "refused" in absent.detail
    assert "start it" in absent.fix
    assert [finding.failure for finding in (proxy, absent)] == ["", "unreachable"]


def test_one_that_can_t_be_tried_out_says_so_and_a_url_that_names_none_fails() -> None:
    good, bad = tried("stdout:", "carrier-pigeon://home")

    assert (good.verdict, bad.verdict) == (Verdict.OK, Verdict.FAIL)
    assert bad.fix
    assert bad.failure == "configuration"


def test_those_of_the_environment_are_tried_too_each_once() -> None:
    environ: dict[str, Any] = {"BITACORA_KAFKA__URL": "kafka://a", "BITACORA_MONGODB__URL": " ", "OTHER": "x"}

    assert named_destinations(["file:///x", "kafka://a"], environ=environ) == ["file:///x", "kafka://a"]
    assert named_destinations([], environ=environ) == ["kafka://a"]


def test_those_of_the_settings_are_tried_too_as_it_is_said_there() -> None:
    with http_receiver() as receiver:
        url = f"otlp+http://127.0.0.1:{receiver.server_port}"
        settings = Settings(exporters={"main": {"url": url, "headers": "api-key=one"}}, to=["stdout:"])

        urls = named_destinations([], settings, {})
        findings = list(destination_findings(urls, settings, now_unix_nano=NOW))

    assert urls == [url, "stdout:"]
    assert {finding.verdict for finding in findings} == {Verdict.OK}
    assert {headers["api-key"] for _, headers, _ in receiver.requests} == {"one"}
