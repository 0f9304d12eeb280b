"""`otel-bitacora doctor` as its user runs it, and what it says of settings and the port."""

import datetime as dt
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from otel_bitacora.http.web_files import WebFiles
from otel_bitacora.ops.doctor_finding import Finding, Verdict, exit_code
from otel_bitacora.ops.doctor_port import port_finding
from otel_bitacora.ops.doctor_settings import settings_findings, web_findings
from otel_bitacora.settings import Settings, load_settings

Secure = Callable[..., Any]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "otel_bitacora", "doctor", *arguments]
    environ = {"BITACORA_HTTP__LISTEN": "127.0.0.1:0", **os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environ)


def found(result: subprocess.CompletedProcess[str]) -> list[dict[str, str]]:
    return list(json.loads(result.stdout)["findings"])


def test_everything_is_looked_at_and_a_warning_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o755)

    result = run("--json", "--state-dir", str(tmp_path / "state"))

    findings = found(result)
    assert {one["check"] for one in findings} == {"settings", "collector", "port", "clock", "disk"}
    assert [one for one in findings if one["verdict"] == "warn" and one["fix"] == f"chmod go= {tmp_path}/state"]
    assert result.returncode == (1 if json.loads(result.stdout)["fail"] else 0)
    assert result.stderr == ""
    assert all(one["fix"] for one in findings if one["verdict"] != "ok")


def test_people_get_lines_without_colour_on_a_pipe() -> None:
    result = run()

    lines = result.stdout.splitlines()
    assert lines[0] == "SETTINGS"
    assert {"COLLECTOR", "PORT", "CLOCK", "DISK"} <= set(lines)
    assert "\x1b" not in result.stdout
    assert any(line.startswith("  ok    load: 3 metrics") for line in lines)


def test_a_port_of_somebody_else_fails_with_his_name(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        taken.settimeout(0)

        result = run("--json", "--state-dir", str(tmp_path), BITACORA_HTTP__LISTEN=f"127.0.0.1:{port}")

    [finding] = [one for one in found(result) if one["check"] == "port"]
    assert result.returncode == 1
    assert finding["verdict"] == "fail"
    assert f"(pid {os.getpid()})" in finding["detail"]
    assert "--listen 127.0.0.1:0" in finding["fix"]


def test_wrong_settings_fail_each_and_nothing_else_is_guessed_at(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("[monitor]\ninterval_seconds = 0\nno_collekt = []\n")

    result = run("--json", "--config", str(config))

    assert result.returncode == 3
    assert [one["verdict"] for one in found(result)] == ["fail", "fail"]
    assert "must be greater than or equal to 0.1" in result.stdout


def test_what_is_wrong_with_the_handlers_variables_is_told_too(tmp_path: Path) -> None:
    result = run("--json", "--state-dir", str(tmp_path / "s"), BITACORA_REPORTER__SYNC="sometimes")

    assert result.returncode == 3
    assert [one["subject"] for one in found(result) if one["verdict"] == "fail"] == ["handler"]


def test_a_port_that_would_be_unguarded_fails_as_serve_would(tmp_path: Path) -> None:
    result = run("--json", "--state-dir", str(tmp_path / "s"), BITACORA_HTTP__LISTEN="0.0.0.0:0")

    failed = [one["detail"] for one in found(result) if one["verdict"] == "fail"]
    assert result.returncode == 3
    assert len(failed) == 2
    assert "whoever asks must say who they are" in failed[0]


def test_no_secret_is_in_anything_it_says(tmp_path: Path, secure: Secure) -> None:
    secured = secure({"alice": b"one"})
    hashed = secured.web_config.read_text().split("alice: ")[1].strip()

    result = run(
        "--json",
        *("--state-dir", str(tmp_path / "s")),
        BITACORA_HTTP__WEB_CONFIG=str(secured.web_config),
        BITACORA_TOKEN="hunter2-hunter2-hunter2",
    )

    assert hashed not in result.stdout
    assert "hunter2" not in result.stdout + result.stderr


def test_the_exit_code_says_what_kind_of_failure_it_is_where_there_is_one_kind() -> None:
    good = Finding("disk", "/", Verdict.OK, "")
    wrong = Finding("settings", "port", Verdict.FAIL, "no number", "change it", "configuration")
    gone = Finding("destination", "kafka://h", Verdict.FAIL, "refused", "start it", "unreachable")
    failed = Finding("port", "1", Verdict.FAIL, "in use", "stop it")

    codes = [exit_code(found) for found in ([good], [good, wrong], [gone, good, gone], [failed], [wrong, gone])]

    assert codes == [0, 3, 4, 1, 1]


def settings_of(port: int) -> Settings:
    return Settings(http={"listen": f"127.0.0.1:{port}"})


def test_a_free_port_and_any_port_are_fine() -> None:
    assert port_finding(settings_of(0), has_tls=False).detail == "free"


def test_an_address_that_is_not_here_fails() -> None:
    finding = port_finding(Settings(http={"listen": "192.0.2.1:9464"}), has_tls=False)

    assert finding.verdict is Verdict.FAIL
    assert finding.detail.startswith("can't be listened on")


def test_ignored_variables_and_the_file_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BITACORA_ENV", "dev")
    config = tmp_path / "config.toml"
    config.write_text("")

    file, ignored = settings_findings(load_settings(config=config))

    assert (file.subject, file.detail) == (str(config), "valid")
    assert "BITACORA_ENV" in ignored.detail


@pytest.mark.parametrize(("mode", "is_told"), [(0o644, True), (0o640, False), (0o600, False)])
def test_a_secret_that_everybody_can_read_is_told(tmp_path: Path, mode: int, is_told: bool) -> None:
    config, token = tmp_path / "config.toml", tmp_path / "token"
    config.write_text('token = "hunter2-hunter2-hunter2"\n')
    token.write_text("hunter2-hunter2-hunter2\n")
    for path in (config, token):
        path.chmod(mode)

    from_config = list(settings_findings(load_settings(config=config)))
    from_file = list(settings_findings(load_settings({"token_file": str(token)})))

    assert [one.fix for one in from_config if one.verdict is Verdict.WARN] == [f"chmod o= {config}"] * is_told
    assert [one.fix for one in from_file if one.verdict is Verdict.WARN] == [f"chmod o= {token}"] * is_told
    assert "hunter2" not in repr([from_config, from_file])


def test_a_token_file_that_is_not_there_fails(tmp_path: Path) -> None:
    findings = settings_findings(load_settings({"token_file": str(tmp_path / "none")}))

    assert [one.detail for one in findings if one.verdict is Verdict.FAIL] == [
        "can't be read: No such file or directory"
    ]


@pytest.mark.parametrize(
    ("days", "verdict", "detail"),
    [
        (100, Verdict.OK, "the certificate is valid for 100 days more"),
        (13, Verdict.WARN, "the certificate is valid for 13 days more"),
        (-1, Verdict.FAIL, "clients refuse it: certificate has expired"),
    ],
)
@pytest.mark.parametrize(
    "tls", ["", "  max_version: TLS12\n  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem"]
)
def test_a_certificate_is_told_to_be_renewed_in_time(
    secure: Secure, days: int, verdict: Verdict, detail: str, tls: str
) -> None:
    secured = secure(tls=tls)
    ends = dt.datetime.now(tz=dt.UTC) + dt.timedelta(days=days, minutes=1)
    secured.issue("localhost", not_after=ends)
    for name in ("server.key", "web.yml"):
        (secured.folder / name).chmod(0o600)

    valid, certificate = web_findings(WebFiles(secured.web_config))

    assert valid == Finding("settings", str(secured.web_config), Verdict.OK, "valid")
    assert (certificate.verdict, certificate.detail) == (verdict, detail)
    assert bool(certificate.fix) is (verdict is not Verdict.OK)


def test_a_key_that_everybody_can_read_is_told(secure: Secure) -> None:
    secured = secure()
    (secured.folder / "server.key").chmod(0o644)

    warned = [one for one in web_findings(WebFiles(secured.web_config)) if one.verdict is Verdict.WARN]

    assert [one.fix for one in warned] == [f"chmod o= {secured.folder}/server.key"]
