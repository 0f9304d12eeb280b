"""A real Prometheus scrapes over TLS, with a user's password, what would not be served otherwise."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

pytestmark = pytest.mark.servers

CONFIG = """\
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: right
    scheme: https
    tls_config: {{ca_file: {ca}, cert_file: {folder}/client.pem, key_file: {folder}/client.key}}
    basic_auth: {{username: alice, password: one}}
    static_configs: [{{targets: ["{address}"]}}]
  - job_name: wrong-password
    scheme: https
    tls_config: {{ca_file: {ca}, cert_file: {folder}/client.pem, key_file: {folder}/client.key}}
    basic_auth: {{username: alice, password: two}}
    static_configs: [{{targets: ["{address}"]}}]
  - job_name: no-certificate
    scheme: https
    tls_config: {{ca_file: {ca}}}
    basic_auth: {{username: alice, password: one}}
    static_configs: [{{targets: ["{address}"]}}]
  - job_name: in-the-clear
    static_configs: [{{targets: ["{address}"]}}]
"""


@pytest.fixture
def secured(secure: Callable[..., Any]) -> Any:
    made = secure({"alice": b"one"}, tls="  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem")
    made.issue("prometheus", into="client")
    return made


@pytest.fixture
def sidecar(secured: Any, tmp_path: Path) -> Iterator[str]:
    """The address of a sidecar that listens on every interface."""
    command = [sys.executable, "-m", "otel_bitacora", "serve", "--listen", "0.0.0.0:0", "--interval", "0.5"]
    command += ["--web-config", secured.web_config, "--state-dir", tmp_path / "state"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield process.stdout.readline().split()[1].removeprefix("https://").removesuffix("/metrics")
    process.terminate()
    process.communicate(timeout=30)


@pytest.mark.parametrize("flavour", ["go", "debian"])
def test_prometheus_scrapes_by_certificate_and_password_and_by_nothing_less(
    flavour: str, sidecar: str, secured: Any, tmp_path: Path, start_server: Callable[..., str]
) -> None:
    config = tmp_path / "scrape.yml"
    config.write_text(CONFIG.format(ca=secured.ca_file, folder=secured.folder, address=sidecar))

    url = start_server("prometheus", PROMETHEUS_CONFIG=str(config), PROMETHEUS_FLAVOUR=flavour)

    up = scraped(url, lambda up: len(up) == 4 and up["right"] == 1)
    assert up == {"right": 1, "wrong-password": 0, "no-certificate": 0, "in-the-clear": 0}
    secured.issue("127.0.0.1")  # Prometheus keeps its connection; the next one meets this certificate
    assert scraped(url, lambda up: up["right"] == 1)["right"] == 1


def scraped(url: str, holds: Callable[[dict[str, int]], bool]) -> dict[str, int]:
    """Ask which jobs are up until the answer is as it should be."""
    give_up = time.monotonic() + 120  # only against a hang: the next scrape is a second away
    up: dict[str, int] = {}
    while time.monotonic() < give_up:
        answer = httpx.get(f"{url}/api/v1/query", params={"query": "up"}, timeout=30).json()
        up = {one["metric"]["job"]: int(one["value"][1]) for one in answer["data"]["result"]}
        if up and holds(up):
            return up
        time.sleep(0.1)
    raise AssertionError(f"Prometheus says {up}")
