"""A real Prometheus scrapes a real sidecar, and the OpenTelemetry reader's endpoint beside it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2 as httpx
import pytest

pytestmark = pytest.mark.servers
Ask = Callable[[str], list[dict[str, object]]]
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def sidecar(tmp_path: Path) -> Iterator[str]:
    """The address that a sidecar serves on."""
    command = [sys.executable, "-m", "otel_bitacora", "serve", "--listen", "127.0.0.1:0", "--interval", "0.5"]
    process = subprocess.Popen([*command, "--state-dir", str(tmp_path / "state")], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield process.stdout.readline().split()[1].removeprefix("http://").removesuffix("/metrics")
    process.terminate()
    process.communicate(timeout=30)


@pytest.fixture(params=["go", "debian"])
def ask(request: pytest.FixtureRequest, sidecar: str, start_server: Callable[..., str]) -> Ask:
    """Ask Prometheus, new or Debian's, until it has an answer."""
    url = start_server("prometheus", PROMETHEUS_TARGETS=sidecar, PROMETHEUS_FLAVOUR=request.param)
    return _asker(url)


def _asker(url: str) -> Ask:
    def ask(query: str) -> list[dict[str, object]]:
        give_up = time.monotonic() + 120  # only against a hang: the next scrape is a second away
        while time.monotonic() < give_up:
            answer = httpx.get(f"{url}/api/v1/query", params={"query": query}, timeout=30).json()
            if answer["data"]["result"]:
                return list(answer["data"]["result"])
            time.sleep(0.1)
        raise AssertionError(f"Prometheus has no answer to {query}")

    return ask


def value(result: dict[str, object]) -> float:
    pair = result["value"]
    assert isinstance(pair, list)
    return float(pair[1])


def test_prometheus_scrapes_this_machine(ask: Ask) -> None:
    assert value(ask("up == 1")[0]) == 1

    assert value(ask("system_memory_limit_bytes")[0]) > 2**20
    assert {one["metric"]["cpu_mode"] for one in ask("system_cpu_time_seconds_total")} == {  # type: ignore[index]
        "user", "nice", "system", "idle", "iowait", "interrupt", "steal"
    }  # fmt: skip
    assert value(ask("rate(system_cpu_time_seconds_total{cpu_mode='idle'}[10s]) > 0")[0]) > 0
    assert value(ask("sum(system_memory_usage_bytes) / sum(system_memory_limit_bytes)")[0]) == pytest.approx(1)


def test_every_collector_reports_and_the_resource_is_the_target_info(ask: Ask) -> None:
    success = {one["metric"]["collector"]: value(one) for one in ask("bitacora_collector_success")}  # type: ignore[index]
    info = ask("target_info")[0]["metric"]

    assert success == dict.fromkeys(success, 1.0)
    assert set(success) >= {"cpu", "memory", "disk", "load", "process_counts", "os_info", "traffic", "sidecar"}
    assert isinstance(info, dict)
    assert info["service_name"] == "otel-bitacora"
    assert info["os_type"] == "linux"


def test_the_otel_reader_of_the_example_is_scraped_too(start_server: Callable[..., str]) -> None:
    example = ROOT / "examples" / "prometheus_reader.py"
    process = subprocess.Popen([sys.executable, example, "0"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    address = process.stdout.readline().strip().removeprefix("http://").removesuffix("/metrics")
    url = start_server("prometheus", PROMETHEUS_TARGETS=address)

    limit = _asker(url)("system_memory_limit_bytes")[0]
    process.terminate()
    process.communicate(timeout=30)

    assert value(limit) > 2**20
    assert limit["metric"]["otel_scope_schema_url"] == "https://opentelemetry.io/schemas/1.44.0"  # type: ignore[index]
