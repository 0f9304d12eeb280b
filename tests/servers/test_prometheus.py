"""A real Prometheus scrapes a real sidecar, and the OpenTelemetry reader's endpoint beside it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2 as httpx
import psutil
import pytest

from bitacora_collectors import BUILTIN
from bitacora_collectors.contract import Host, Unavailable

pytestmark = pytest.mark.servers
Ask = Callable[[str], list[dict[str, object]]]
EVERYWHERE = {
    *("cpu", "memory", "disk", "load", "process_counts", "processes", "bitacora", "os_info", "traffic", "interfaces"),
    "connections",
}
"""The collectors that have something to read wherever Linux runs."""
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
    assert set(success) >= {"sidecar", *EVERYWHERE}
    assert isinstance(info, dict)
    assert info["service_name"] == "otel-bitacora"
    assert info["os_type"] == "linux"


def test_what_prometheus_keeps_is_what_this_machine_says(ask: Ask) -> None:
    """One query for each collector that has something to read wherever Linux runs, beside psutil and the kernel's files."""
    cpus, me = psutil.cpu_count(), psutil.net_io_counters(pernic=True)["lo"]

    assert value(ask("system_cpu_logical_count")[0]) == cpus
    assert value(ask("sum(rate(system_cpu_time_seconds_total[10s])) > 0")[0]) <= 1.5 * cpus
    assert value(ask("sum(system_memory_usage_bytes)")[0]) == psutil.virtual_memory().total
    assert value(ask("system_filesystem_limit_bytes")[0]) > 0
    assert value(
        ask("system_network_io_bytes_total{network_interface_name='lo',network_io_direction='receive'}")[0]
    ) >= (me.bytes_recv)
    assert value(ask("hw_network_up{hw_id='lo'}")[0]) == 1
    assert value(ask("system_uptime_seconds")[0]) == pytest.approx(time.time() - psutil.boot_time(), abs=60)
    assert value(ask("system_cpu_load_average_1m")[0]) >= 0
    assert value(ask("sum(system_process_count)")[0]) == pytest.approx(len(psutil.pids()), abs=50)
    assert value(ask("system_network_connection_count{network_connection_state='listen'}")[0]) >= 1
    assert value(ask("bitacora_processes")[0]) >= 0


def test_the_sidecars_process_is_in_the_sums_of_its_executable(ask: Ask) -> None:
    name = psutil.Process().exe().rpartition("/")[2]
    label = f"{{process_executable_name='{name}'}}"

    assert value(ask(f"bitacora_process_group_size{label}")[0]) >= 2  # the sidecar, and this test
    assert value(ask(f"process_memory_usage_bytes{label}")[0]) > 2**20
    assert value(ask(f"sum(rate(process_cpu_time_seconds_total{label}[10s])) > 0")[0]) > 0
    assert value(ask(f"process_thread_count{label}")[0]) >= 2


@pytest.mark.skipif(not Path("/proc/pressure/cpu").exists(), reason="this kernel has no pressure stall information")
def test_pressure_is_counted_and_averaged(ask: Ask) -> None:
    some = "{system_pressure_stall_type='some'}"

    total = value(ask(f"system_cpu_linux_pressure_seconds_total{some}")[0])
    share = value(ask(f"system_cpu_linux_pressure_1m{some}")[0])

    assert 0 <= total <= time.time() - psutil.boot_time() + 60
    assert 0 <= share <= 1


def test_the_collectors_that_can_live_here_are_those_that_report(ask: Ask) -> None:
    success = {one["metric"]["collector"] for one in ask("bitacora_collector_success")}  # type: ignore[index]

    host, expected = Host(), {"sidecar", "events", "shipping"}
    for factory in BUILTIN:
        try:
            list(factory(host).collect())
        except Unavailable:
            continue
        expected.add(factory.name)
    assert success == expected
    assert {"up", "target_info"} <= {one["metric"]["__name__"] for one in ask('{__name__=~"up|target_info"}')}  # type: ignore[index]


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
