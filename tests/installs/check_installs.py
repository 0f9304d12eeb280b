"""Builds the wheel and tries it in fresh environments, one for each kind of install, as its user would.

`check_installs.py [plain monitor otel all]`. Not a pytest test: it installs for minutes, and must not see the checkout.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PROGRAM = """
import logging, os, signal
from otel_bitacora import BitacoraHandler
logging.basicConfig(level=logging.INFO, handlers=[BitacoraHandler(service_name="shop")])
logging.getLogger("shop").info("order %s", "A-1041")
os.kill(os.getpid(), signal.SIGKILL)
"""
UNAWARE = """
import logging
logging.getLogger("shop").warning("order %s", "A-1042")
"""
USERS_TEST = """
import logging

def test_records(bitacora_records):
    logging.getLogger("shop").info("order %s", "A-1041")
    bitacora_records.assert_logged("order A-1041", level="info")

def test_journal(bitacora_journal):
    assert len(bitacora_journal) == 0

def test_monitor(bitacora_monitor):
    bitacora_monitor.set("system.uptime", 3.5)
    assert "system_uptime_seconds 3.5" in bitacora_monitor.prometheus
"""


def build(into: Path) -> Path:
    """Return the wheel, built from the sdist, so that both are known to be complete."""
    subprocess.run([sys.executable, "-m", "build", "--outdir", into, ROOT], check=True, stdout=subprocess.DEVNULL)
    return next(into.glob("*.whl"))


def install(wheel: Path, extras: str, into: Path) -> Path:
    """Return the folder with the programs of a fresh environment that holds *wheel*."""
    subprocess.run([sys.executable, "-m", "venv", into], check=True)
    install_more(into / "bin", f"{wheel}{extras}")
    return into / "bin"


def install_more(bin_: Path, *packages: str) -> None:
    subprocess.run(
        [bin_ / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check", *packages], check=True
    )


def plain(bin_: Path, home: Path) -> None:
    snapshot = json.loads(run(bin_, home, "snapshot", "--json").stdout)
    expect(snapshot["hardware"]["memory"]["limit_bytes"] > 0, "snapshot has memory")
    refused = run(bin_, home, "serve", code=1)
    expect("pip install 'otel-bitacora[monitor]'" in refused.stderr, f"serve names the extra: {refused.stderr}")
    doctor = json.loads(run(bin_, home, "doctor", "--json").stdout)["findings"]
    fixes = [one["fix"] for one in doctor if one["subject"] == "extra monitor"]
    expect(fixes == ["pip install 'otel-bitacora[monitor]'"], f"doctor names the extra: {fixes}")
    run(bin_, home, "config", "init")
    expect("config.toml" in run(bin_, home, "config", "validate").stdout, "the sample settings are valid")
    run(bin_, home, "rules", "export", "out")
    run(bin_, home, "dashboards", "export", "out")
    expect(sorted(path.name for path in (home / "out").iterdir()) == ["host.json", "host.yaml"], "exports are shipped")
    handler(bin_, home)
    plugin(bin_, home)


def plugin(bin_: Path, home: Path) -> None:
    """pytest finds the fixtures by itself, and they need no extra."""
    subprocess.run(
        [bin_ / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check", "pytest>=9"], check=True
    )
    (home / "test_mine.py").write_text(USERS_TEST)
    ran = subprocess.run(
        [bin_ / "pytest", "-q", "-W", "error", "test_mine.py"],
        capture_output=True,
        text=True,
        env=environment(home),
        cwd=home,
        check=False,
    )
    expect("3 passed" in ran.stdout, f"a user's tests have the fixtures: {ran.stdout} {ran.stderr}")


def handler(bin_: Path, home: Path) -> None:
    """A program logs and dies; what it logged is there, none is missing, and a session can be told of beside it."""
    subprocess.run([bin_ / "python", "-c", PROGRAM], env=environment(home), cwd=home, check=False)
    (line,) = run(bin_, home, "logs", "cat", "--json").stdout.splitlines()
    expect(json.loads(line)["body"] == "order A-1041", f"the record of a killed program is read back: {line}")
    run(bin_, home, "logs", "verify")
    session = run(bin_, home, "session", "start").stdout.strip()
    expect(session in run(bin_, home, "session", "list").stdout, "the session is listed")


def monitor(bin_: Path, home: Path) -> None:
    command = [bin_ / "otel-bitacora", "serve", "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment(home), cwd=home)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().split()[1]
        give_up = time.monotonic() + 60
        text = ""
        while "system_memory_usage_bytes" not in text and time.monotonic() < give_up:
            try:
                text = urllib.request.urlopen(url).read().decode()
            except urllib.error.HTTPError:
                time.sleep(0.1)  # 503: the first sample is being taken
        expect("system_memory_usage_bytes" in text, "the sidecar serves this machine's memory")
    finally:
        process.terminate()
        process.communicate(timeout=30)


def otel(bin_: Path, home: Path) -> None:
    """A program that knows of OpenTelemetry at most logs into the journal, because its environment says so."""
    install_more(bin_, "opentelemetry-distro", "opentelemetry-instrumentation-logging")
    variables = {
        "OTEL_LOGS_EXPORTER": "bitacora_journal",
        "OTEL_TRACES_EXPORTER": "none",
        "OTEL_METRICS_EXPORTER": "none",
    }
    command = [bin_ / "opentelemetry-instrument", bin_ / "python", "-c", UNAWARE]
    subprocess.run(command, env=environment(home) | variables, cwd=home, check=True)
    (line,) = run(bin_, home, "logs", "cat", "--json").stdout.splitlines()
    expect(json.loads(line)["body"] == "order A-1042", f"the SDK's record is read back: {line}")
    run(bin_, home, "logs", "verify")


def everything(bin_: Path, home: Path) -> None:
    monitor(bin_, home)
    extras = json.loads(run(bin_, home, "components", "--json").stdout)["extras"]
    missing = [one for one in extras if not one["is_installed"]]
    expect(not missing, f"every extra is installed: {missing}")


KINDS = {
    "plain": ("", plain),
    "monitor": ("[monitor]", monitor),
    "otel": ("[otlp]", otel),
    "all": ("[all]", everything),
}


def environment(home: Path) -> dict[str, str]:
    """Return an environment without the checkout and without the settings of whoever runs this."""
    clean = {
        key: value for key, value in os.environ.items() if not key.startswith(("BITACORA_", "OTEL_", "PYTHONPATH"))
    }
    return {**clean, "HOME": str(home), "XDG_CONFIG_HOME": str(home / "config"), "XDG_STATE_HOME": str(home / "state")}


def run(bin_: Path, home: Path, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    command = [bin_ / "otel-bitacora", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, env=environment(home), cwd=home, check=False)
    expect(result.returncode == code, f"{' '.join(arguments)} exits {code}: {result.returncode} {result.stderr}")
    return result


def expect(holds: bool, what: str) -> None:
    if not holds:
        raise SystemExit(f"FAILED: {what}")


def main() -> None:
    wanted = sys.argv[1:] or list(KINDS)
    with tempfile.TemporaryDirectory() as folder:
        wheel = build(Path(folder) / "dist")
        for name in wanted:
            extras, check = KINDS[name]
            home = Path(folder) / name
            home.mkdir()
            began = time.monotonic()
            check(install(wheel, extras, home / "venv"), home)
            print(f"{wheel.name}{extras}: ok ({time.monotonic() - began:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
