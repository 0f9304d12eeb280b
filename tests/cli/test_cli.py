"""The command line as its user types it."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "otel_bitacora", *arguments]
    environ = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environ)


def test_snapshot_shows_this_machine_in_a_readable_table() -> None:
    result = run("snapshot")

    assert (result.returncode, result.stderr) == (0, "")
    lines = {line.split()[0] for line in result.stdout.splitlines() if line}
    assert {"load", "processes", "cpu", "memory", "FILE", "INTERFACE", "lo"} <= lines
    assert "\x1b" not in result.stdout
    assert "█" not in result.stdout


def test_snapshot_can_be_one_group_and_json() -> None:
    result = run("snapshot", "--group", "hardware", "--json")

    hardware = json.loads(result.stdout)
    assert hardware["memory"]["limit_bytes"] > 0
    assert 0 <= hardware["cpu"]["utilization"] <= 1


def test_snapshot_shows_the_processes_that_use_most() -> None:
    result = run("snapshot", "--group", "process")

    lines = [line.split() for line in result.stdout.splitlines()]
    by_cpu, by_memory = (
        lines.index(next(line for line in lines if line[:2] == ["BY", key])) for key in ("CPU", "MEMORY")
    )
    assert 2 <= by_memory - by_cpu <= 12
    assert lines[by_cpu][2:6] == ["PID", "USER", "STATE", "CPU"]
    assert result.stderr == ""


def test_a_process_cannot_write_to_the_terminal_with_its_name() -> None:
    from otel_bitacora.reporter.core.printable import printable

    assert printable("a\x1b[2J\r\u202e é") == r"a\x1b[2J\r\u202e é"


def test_snapshot_shows_pressure_links_and_listening_ports(root: Path) -> None:
    result = run("snapshot", "--root-path", str(root / "tests/fixtures/hosts/laptop"))

    assert (result.returncode, result.stderr) == (0, "")
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert (
        "pressure cpu some 4.5%, full 0.0%; memory some 0.1%, full 0.1%; io some 1.5%, full 1.2%; irq full 0.0%"
        in lines
    )
    assert any(line.startswith("wlp58s0 up - 77.1% (-56 dBm)") for line in lines)
    assert "sockets 9 TCP (1 close_wait, 2 established, 5 listen, 1 time_wait), 3 UDP" in lines
    assert "tcp 5432 127.0.0.1 postgres - -" in lines
    assert any(line.startswith("/init.scope 9.0 1.50 0.0 13.4 MiB 2.0 GiB 0 1") for line in lines)


def test_snapshot_shows_temperatures_fans_and_the_battery_where_there_are_any(root: Path) -> None:
    result = run("snapshot", "--group", "hardware", "--root-path", str(root / "tests/fixtures/hosts/laptop"))

    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert next(line for line in lines if line.startswith("cpu ")).endswith("49 °C")
    assert any(line.startswith("sensors    Package id 0 49 °C, ") for line in lines)
    assert "fans       thinkpad fan1 2891 rpm" in lines
    assert "power      host 7.2 W, package-0 0.0 W, dram-0 0.0 W" in lines
    assert "battery    BAT0 61.0% discharging, 4:10:32 left" in lines


def test_a_group_that_does_not_exist_is_a_usage_error() -> None:
    result = run("snapshot", "--group", "software")

    assert result.returncode == 2
    assert "hardware" in result.stderr


def test_what_becomes_of_processes_is_one_of_four() -> None:
    result = run("serve", "--process-metrics", "some")

    assert result.returncode == 2
    assert "groups" in result.stderr


def test_an_unknown_option_is_a_usage_error() -> None:
    assert run("serve", "--intervall", "1").returncode == 2


def test_metrics_lists_every_metric_with_both_names() -> None:
    table, rows = run("metrics").stdout, json.loads(run("metrics", "--json").stdout)

    assert "system_cpu_time_seconds_total" in table
    row = next(row for row in rows if row["name"] == "system.memory.usage")
    assert row["prometheus"] == "system_memory_usage_bytes"
    assert row["instrument"] == "up-down counter"
    assert row["collectors"] == "memory"


def test_the_metrics_document_is_the_one_in_the_repository(root: Path) -> None:
    assert (root / "docs/METRICS.md").read_text() == run("metrics", "--markdown").stdout, "run `make docs`"


def test_components_says_what_works_here_and_what_is_missing() -> None:
    result = run("components", "--json")

    found = json.loads(result.stdout)
    states = {one["name"]: one["health"] for one in found["collectors"]}
    assert states["load"] == "ok"
    assert states["sidecar"] == "ok"
    extras = {one["name"]: one for one in found["extras"]}
    assert extras["monitor"]["is_installed"]
    assert "psutil" in extras["monitor"]["detail"]
    assert "quixstreams" in extras["stream"]["detail"]
    assert set(extras) >= {"monitor", "prometheus", "otlp", "gpu", "production", "stream", "dev", "all"}


def test_components_is_a_table_for_people() -> None:
    result = run("components")

    assert result.stdout.startswith("COLLECTOR")
    assert "EXTRA" in result.stdout


def test_config_init_writes_a_file_that_is_valid_and_does_not_overwrite(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "config.toml"

    written, refused, forced = run("config", "init", str(path)), run("config", "init", str(path)), None
    forced = run("config", "init", "--force", str(path))

    assert (written.returncode, written.stdout) == (0, f"{path}\n")
    tomllib.loads(path.read_text())
    assert (refused.returncode, refused.stderr) == (
        1,
        f"otel-bitacora: {path} is there already; --force overwrites it\n",
    )
    assert forced.returncode == 0
    assert run("config", "validate", str(path)).stdout == f"valid: {path}\n"


def test_config_show_says_where_each_value_comes_from_and_hides_secrets() -> None:
    result = run(
        "config",
        "show",
        "--origin",
        BITACORA_MONITOR__INTERVAL_SECONDS="7",
        BITACORA_TOKEN="hunter2-hunter2-hunter2",
        BITACORA_ENV="dev",
    )

    rows = [line.split() for line in result.stdout.splitlines()]
    assert ["monitor.interval_seconds", "7.0", "environment"] in rows
    assert ["monitor.deadline_seconds", "2.0", "default"] in rows
    assert "hunter2" not in result.stdout + result.stderr
    assert result.stderr == "ignored: BITACORA_ENV is not a setting of otel-bitacora\n"


def test_config_show_is_json_for_machines() -> None:
    found = json.loads(run("config", "show", "--json").stdout)

    values = {one["key"]: one["value"] for one in found["settings"]}
    assert values["http.listen"] == "127.0.0.1:9464"


def test_config_validate_exits_3_with_key_value_and_what_is_allowed(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("[monitor]\ninterval_seconds = 0\n")

    result = run("config", "validate", str(path))

    assert result.returncode == 3
    assert result.stderr == (
        f"otel-bitacora: monitor.interval_seconds = 0 (from {path}): must be greater than or equal to 0.1\n"
    )


def test_config_validate_knows_the_names_of_collectors() -> None:
    result = run("config", "validate", BITACORA_MONITOR__COLLECT="cpus")

    assert result.returncode == 3
    assert "no such collector; there are bitacora, cgroup, connections, cpu" in result.stderr


def test_config_schema_is_a_json_schema() -> None:
    assert json.loads(run("config", "schema").stdout)["$schema"].startswith("https://json-schema.org/")


def test_version_and_help() -> None:
    assert run("--version").stdout.startswith("otel-bitacora 0.")
    assert "serve" in run("--help").stdout


@pytest.mark.parametrize("command", [("snapshot",), ("metrics",), ("components",)])
def test_a_reader_that_goes_away_leaves_no_traceback(command: tuple[str, ...]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "otel_bitacora", *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.close()

    process.wait(60)
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()
