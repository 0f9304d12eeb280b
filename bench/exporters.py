"""Exporters as processes, scraped in turn: what `sidecar_cpu.py` and `sidecar_memory.py` measure."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

SERVERS = Path(__file__).parent.parent / "tests/servers"
CACHE = Path(os.environ.get("BITACORA_SERVERS", Path.home() / ".cache/bitacora-servers"))


class Exporter:
    """A process that is scraped at one path on one kept connection."""

    def __init__(
        self,
        name: str,
        command: Callable[[int], Sequence[object]],
        path: str = "/metrics",
        environment: Callable[[int], dict[str, str]] = lambda _: {},
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.name, self._path = name, path
        self.process = subprocess.Popen(
            [str(part) for part in command(self.port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **environment(self.port)},
        )
        self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        give_up = time.monotonic() + 60
        while True:
            try:
                self.scrape()
                return
            except (OSError, http.client.HTTPException, RuntimeError):
                self._connection.close()
                if time.monotonic() > give_up or self.process.poll() is not None:
                    raise RuntimeError(f"{name} does not answer") from None
                time.sleep(0.1)

    def scrape(self) -> tuple[float, bytes]:
        """Return how many milliseconds a scrape took, and its (compressed) body."""
        began = time.perf_counter()
        self._connection.request("GET", self._path, headers={"Accept-Encoding": "gzip"})
        response = self._connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise RuntimeError(f"{self.name}: {response.status}")
        return (time.perf_counter() - began) * 1000, body

    def cpu_milliseconds(self) -> float:
        """Return the CPU time of all its threads so far, ended ones too."""
        return time.clock_gettime_ns((~self.process.pid << 3) | 2) / 1e6

    def resident_mib(self) -> float:
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
        raise RuntimeError(f"{self.name} has ended")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)


def sidecar(interval_seconds: float = 5.0, *options: str, name: str = "otel-bitacora") -> Exporter:
    state = tempfile.mkdtemp(prefix="bitacora-bench-")
    command = [sys.executable, "-m", "otel_bitacora", "serve", "--state-dir", state, "--interval", interval_seconds]
    return Exporter(name, lambda port: [*command, "--listen", f"127.0.0.1:{port}", *options])


def node_exporter(*options: str, name: str = "node_exporter") -> Exporter:
    program = node_exporter_program()
    return Exporter(
        name, lambda port: [program, f"--web.listen-address=127.0.0.1:{port}", "--log.level=error", *options]
    )


def process_exporter() -> Exporter:
    """Return Debian's process-exporter, with a group for each process."""
    program, config = _debian("prometheus-process-exporter"), CACHE / "process-exporter.yml"
    config.write_text("process_names:\n  - name: '{{.Comm}};{{.PID}}'\n    cmdline: ['.+']\n")
    options = ["--config.path", config, "--threads=false"]
    return Exporter("process-exporter", lambda port: [program, f"--web.listen-address=127.0.0.1:{port}", *options])


def hostmetrics(interval_seconds: int = 5, name: str = "hostmetrics") -> Exporter:
    """Return the OpenTelemetry Collector with its hostmetrics receiver, as the tests build it."""
    script = SERVERS / "otelcol.sh"
    built = subprocess.run(
        [script, "fetch"], env={**os.environ, "OTELCOL_VARIANT": "hostmetrics"}, check=True, stdout=subprocess.PIPE
    )
    program = built.stdout.decode().removeprefix("built ").strip()
    config = SERVERS / "otelcol/hostmetrics/config.yaml"
    return Exporter(
        name,
        lambda _: [program, "--config", config],
        environment=lambda port: {"OTELCOL_HTTP": f"127.0.0.1:{port}", "OTELCOL_INTERVAL": f"{interval_seconds}s"},
    )


def glances() -> Exporter:
    program = glances_program()
    options = ["-w", "--disable-webui", "-B", "127.0.0.1", "--disable-check-update", "-q", "-t", "5"]
    return Exporter("glances", lambda port: [program, *options, "-p", port], "/api/4/all")


def node_exporter_program() -> str:
    return shutil.which("node_exporter") or _debian("prometheus-node-exporter")


def _debian(package: str) -> str:
    """Return the program of a Debian package, unpacked into the cache where it isn't installed."""
    if found := shutil.which(package):
        return found
    home = CACHE / f"{package.removeprefix('prometheus-')}-debian"
    program = home / "usr/bin" / package
    if not program.exists():
        home.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "-q", "download", package], cwd=home, check=True, stdout=sys.stderr)
        for archive in home.glob("*.deb"):
            subprocess.run(["dpkg", "-x", archive, home], check=True)
    return str(program)


def glances_program() -> Path:
    """Return Glances with its web server, in an environment of its own in the cache."""
    home = CACHE / "glances"
    if not (home / "bin/glances").exists():
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        subprocess.run([home / "bin/pip", "install", "-q", "glances[web]"], check=True)
    return home / "bin/glances"
