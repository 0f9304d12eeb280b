"""`serve --otlp URL` as its user runs it, with receivers that take, refuse, hang, or aren't there."""

import importlib.util
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("opentelemetry.exporter.otlp", reason="the extra otlp isn't installed")

Start = Callable[..., Any]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "otel_bitacora", "serve", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def url_of(server: socket.socket) -> str:
    return f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_dead_receiver_costs_a_counter_and_a_line(start: Start) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = url_of(probe)  # bound and not listened on: connections are refused
        sidecar = start("--otlp", url, BITACORA_OTLP__TIMEOUT_SECONDS="0.5")

        failed = 'bitacora_exporter_exports_total{error_type="unreachable",exporter="otlp"} 1'
        text = sidecar.until("/metrics", lambda text: failed in text)
        code, errors = sidecar.stop()

    assert 'bitacora_exporter_exports_total{exporter="otlp"} 0' in text
    assert "system_memory_limit_bytes" in text
    assert code == 0
    assert errors.count(f"metrics don't reach {url}/v1/metrics (unreachable)") == 1
    assert errors.count("\n") == 1


def test_a_receiver_that_hangs_delays_neither_a_scrape_nor_the_stop(start: Start, listener: socket.socket) -> None:
    sidecar = start("--otlp", url_of(listener), "--interval", "0.5")
    listener.settimeout(60)
    connection, _ = listener.accept()

    first = sidecar.get("/metrics").text
    sidecar.until("/metrics", lambda text: text != first)
    code, _ = sidecar.stop(timeout=30)

    assert code == 0
    connection.close()


def test_the_standard_variable_sends_metrics_too(start: Start, listener: socket.socket) -> None:
    sidecar = start(OTEL_EXPORTER_OTLP_ENDPOINT=f"{url_of(listener)}/base", OTEL_EXPORTER_OTLP_HEADERS="x-tenant=lab")
    listener.settimeout(60)
    connection, _ = listener.accept()
    connection.settimeout(60)

    head = connection.recv(4096).partition(b"\r\n\r\n")[0].decode()
    connection.close()

    assert head.startswith("POST /base/v1/metrics HTTP/1.1\r\n")
    assert "x-tenant: lab" in head
    assert sidecar.process.poll() is None


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("collector:4318", "otlp.endpoint = 'collector:4318' (from command line): must be http://HOST[:PORT]"),
        ("http://169.254.169.254", "must not be a link-local address"),
        ("http://2852039166", "link-local address 169.254.169.254"),
        ("http://me:hunter2@127.0.0.1", "without credentials (otlp.headers is for those)"),
    ],
)
def test_a_bad_url_ends_the_start_with_what_is_allowed(url: str, said: str) -> None:
    result = run("--listen", "127.0.0.1:0", "--otlp", url)

    assert result.returncode == 3
    assert said in result.stderr
    assert "hunter2" not in result.stderr


def test_nothing_is_sent_to_itself() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    result = run("--listen", f"127.0.0.1:{port}", "--otlp", f"http://localhost:{port}")

    assert result.returncode == 3
    assert "is this program's own address" in result.stderr


def test_without_a_receiver_the_library_is_not_loaded(start: Start) -> None:
    sidecar = start()
    sidecar.until("/readyz", lambda text: text == "ready\n")

    maps = Path(f"/proc/{sidecar.process.pid}/maps").read_text()

    assert importlib.util.find_spec("grpc") is not None
    assert "/grpc/" not in maps
    assert "bitacora_exporter" not in sidecar.get("/metrics").text
