"""The sidecar as its user runs it: a process, a port, signals."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from otel_bitacora.ops.doctor_finding import Verdict
from otel_bitacora.ops.doctor_port import port_finding
from otel_bitacora.settings import Settings

Start = Callable[..., Any]
OPENMETRICS = "application/openmetrics-text;version=1.0.0"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "otel_bitacora", "serve", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_prometheus_finds_the_whole_host_on_one_port(start: Start) -> None:
    sidecar = start()

    text = sidecar.until("/metrics", lambda text: "system_cpu_time_seconds_total" in text)

    families = {family.name for family in parse_text(text)}
    assert {
        "system_cpu_time_seconds",
        "system_memory_usage_bytes",
        "system_disk_io_bytes",
        "system_cpu_load_average_1m",
        "system_process_count",
        "system_uptime_seconds",
        "system_network_io_bytes",
        "bitacora_collector_success",
        "bitacora_sidecar_cpu_time_seconds",
        "target_info",
    } <= families


def process_labels(text: str) -> set[tuple[str, ...]]:
    """Return the labels of series of processes, without Bitacora's, which are published in any case."""
    samples = (sample for family in parse_text(text) if family.name.startswith("process_") for sample in family.samples)
    return {
        tuple(sorted(sample.labels))
        for sample in samples
        if not sample.labels.get("process_executable_name", "").startswith(("bitacora", "bstradivarius"))
    }


@pytest.mark.parametrize(
    ("mode", "labels"),
    [
        ("groups", {"process_executable_name"}),
        ("top", {"process_executable_name", "bitacora_process_slot"}),
        ("all", {"process_executable_name", "process_pid"}),
        ("off", None),
    ],
)
def test_processes_are_published_as_they_are_asked_for(start: Start, mode: str, labels: set[str] | None) -> None:
    sidecar = start("--process-metrics", mode)

    text = sidecar.until("/metrics", lambda text: "bitacora_processes" in text)

    found = process_labels(text)
    assert bool(found) is (labels is not None)
    assert all(labels is not None and labels <= set(one) for one in found)
    pids = {row["pid"] for row in sidecar.api("process")["processes"]}
    assert {sidecar.process.pid, os.getpid()} <= pids


def test_the_sidecar_may_have_a_file_open_for_each_process(start: Start) -> None:
    sidecar = start()
    sidecar.until("/readyz", lambda text: text == "ready\n")

    limits = Path(f"/proc/{sidecar.process.pid}/limits").read_text().splitlines()

    soft, hard = next(line.split()[3:5] for line in limits if line.startswith("Max open files"))
    assert soft == hard or int(soft) >= 8192


def test_openmetrics_and_gzip_are_served_where_asked_for(start: Start) -> None:
    sidecar = start()
    sidecar.until("/readyz", lambda text: text == "ready\n")

    openmetrics = sidecar.get("/metrics", Accept=OPENMETRICS, **{"Accept-Encoding": "gzip"})
    plain = sidecar.get("/metrics", **{"Accept-Encoding": "identity"})

    assert openmetrics.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert openmetrics.headers["content-encoding"] == "gzip"
    assert list(parse_openmetrics(openmetrics.text))
    assert plain.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "content-encoding" not in plain.headers


def test_a_scrape_can_choose_its_collectors(start: Start) -> None:
    sidecar = start()
    sidecar.until("/readyz", lambda text: text == "ready\n")

    chosen = sidecar.get("/metrics?collect[]=load&collect[]=os_info")
    unknown = sidecar.get("/metrics?collect[]=lod")

    assert {family.name for family in parse_text(chosen.text)} == {
        "target_info",
        "system_cpu_load_average_1m",
        "system_cpu_load_average_5m",
        "system_cpu_load_average_15m",
        "system_uptime_seconds",
        "bitacora_collector_success",
        "bitacora_collector_timeouts",
        "bitacora_collector_duration_seconds",
        "bitacora_collector_last_success_seconds",
    }
    assert (unknown.status_code, unknown.headers["content-type"]) == (400, "application/problem+json")
    assert "there are bitacora, cgroup, connections, cpu, disk" in unknown.json()["detail"]


def test_the_models_are_behind_the_token_and_the_metrics_are_not(start: Start) -> None:
    sidecar = start()
    sidecar.until("/readyz", lambda text: text == "ready\n")

    statuses = {
        path: sidecar.get(path).status_code
        for path in ("/metrics", "/healthz", "/readyz", "/", "/api/v1/system", "/api/v1/snapshot")
    }

    assert statuses == {
        "/metrics": 200,
        "/healthz": 200,
        "/readyz": 200,
        "/": 401,
        "/api/v1/system": 401,
        "/api/v1/snapshot": 401,
    }
    for name in ("system", "hardware", "network", "process", "snapshot"):
        assert "timestamp" in sidecar.api(name)


def test_every_route_refuses_a_foreign_host(start: Start) -> None:
    sidecar = start()

    for path in ("/metrics", "/healthz", "/readyz", "/", "/api/v1/snapshot", "/nowhere"):
        assert sidecar.get(path, Host="evil.example").status_code == 421


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_with_exit_0(start: Start, number: signal.Signals) -> None:
    sidecar = start()
    sidecar.until("/readyz", lambda text: text == "ready\n")

    code, errors = sidecar.stop(number)

    assert (code, errors) == (0, "")


def test_a_hung_collector_and_an_idle_connection_do_not_keep_it_from_stopping(start: Start, hung_root: Path) -> None:
    sidecar = start("--root-path", str(hung_root))
    sidecar.until("/readyz", lambda text: text == "ready\n")
    host, port = sidecar.url.removeprefix("http://").split(":")

    with socket.create_connection((host, int(port))) as idle:
        idle.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert idle.recv(15) == b"HTTP/1.1 200 OK"
        code, _ = sidecar.stop()

    assert code == 0


@pytest.fixture
def hung_root(tmp_path: Path) -> Path:
    """A host whose /proc/loadavg never answers: a FIFO that nobody writes to."""
    root = tmp_path / "host"
    (root / "proc").mkdir(parents=True)
    os.mkfifo(root / "proc/loadavg")
    (root / "proc/uptime").write_text("100.00 50.00\n")
    return root


def test_a_file_that_blocks_for_ever_costs_one_collector_and_no_other(start: Start, hung_root: Path) -> None:
    sidecar = start("--root-path", str(hung_root), "--interval", "0.5")

    text = sidecar.until("/metrics", lambda text: 'bitacora_collector_success{collector="load"} 0' in text)
    fresh = sidecar.until("/metrics", lambda text: "system_uptime_seconds 100.0" in text)

    assert 'bitacora_collector_timeouts_total{collector="load"} 1' in text
    assert 'bitacora_collector_success{collector="os_info"} 1' in fresh
    assert "system_cpu_load_average" not in fresh


def test_a_collector_asked_for_by_name_must_find_something(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    result = run("--root-path", str(tmp_path / "empty"), "--collect", "load", "--listen", "127.0.0.1:0")

    assert result.returncode == 3
    assert (
        result.stderr
        == "otel-bitacora: monitor.collect = 'load': nothing to read here: /proc/loadavg is not on this host\n"
    )


def test_a_port_in_use_is_one_line_with_its_owner(start: Start) -> None:
    sidecar = start()
    address = sidecar.url.removeprefix("http://")

    result = run("--listen", address)

    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert f"{address} is in use by python" in result.stderr
    assert f"(pid {sidecar.process.pid})" in result.stderr


def test_the_doctor_knows_our_own_sidecar(start: Start, secure: Callable[..., Any]) -> None:
    web_config = secure().web_config
    plain, encrypted = start(), start("--web-config", str(web_config))

    for sidecar, has_tls in ((plain, False), (encrypted, True)):
        address = sidecar.url.partition("//")[2]
        finding = port_finding(Settings(http={"listen": address}), has_tls=has_tls)
        assert finding.verdict is Verdict.OK
        assert "a sidecar serves here already by python" in finding.detail
        assert f"(pid {sidecar.process.pid})" in finding.detail


def test_settings_are_read_again_on_sighup_and_wrong_ones_change_nothing(start: Start, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[monitor]\nno_collect = ["load"]\n')
    sidecar = start("--config", str(config))
    sidecar.until("/metrics", lambda text: "system_uptime_seconds" in text and "load_average" not in text)

    config.write_text("[monitor]\nno_collect = []\n")
    sidecar.process.send_signal(signal.SIGHUP)
    sidecar.until("/metrics", lambda text: "load_average" in text)
    config.write_text("[monitor]\ninterval_seconds = -1\n")
    sidecar.process.send_signal(signal.SIGHUP)
    assert sidecar.process.stderr is not None
    said = sidecar.process.stderr.readline() + sidecar.process.stderr.readline()

    assert "settings read again" in said
    assert "the settings stay as they were: monitor.interval_seconds = -1" in said
    assert "load_average" in sidecar.get("/metrics").text


def test_systemd_hears_when_it_is_ready_and_when_it_stops(start: Start, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(tmp_path / "notify"))
        channel.settimeout(60)
        sidecar = start(NOTIFY_SOCKET=str(tmp_path / "notify"))
        ready = channel.recv(100)
        sidecar.process.send_signal(signal.SIGHUP)
        reloading, again = channel.recv(100), channel.recv(100)
        sidecar.stop()
        stopping = channel.recv(100)

    assert (ready, again, stopping) == (b"READY=1", b"READY=1", b"STOPPING=1")
    assert reloading.startswith(b"RELOADING=1\nMONOTONIC_USEC=")


def test_systemd_hears_again_and_again_that_the_sidecar_lives(start: Start, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(tmp_path / "notify"))
        channel.settimeout(60)
        start(NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="200000")
        heard = {channel.recv(100) for _ in range(4)} - {b"READY=1"}

    assert heard == {b"WATCHDOG=1"}


def test_a_token_does_not_get_into_the_journal_of_systemd(start: Start) -> None:
    sidecar = start(JOURNAL_STREAM="8:12345")

    assert sidecar.token == ""
