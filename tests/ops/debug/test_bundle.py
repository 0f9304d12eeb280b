"""A bundle says what is set and what is wrong, and none of the secrets that are in reach of it."""

from __future__ import annotations

import logging
import os
import pty
import socket
import subprocess
import sys
import tarfile
from pathlib import Path

import orjson
import pytest

from otel_bitacora import BitacoraHandler

SECRETS = {
    "BITACORA_TOKEN": "canary-token-8c1f",
    "OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=canary-header-8c1f",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector.example:4318/v1?key=canary-url-8c1f",
    "BITACORA_REPORTER__REDACT_KEY": "canary-key-8c1f-canary-key-8c1f",
    "UNRELATED_PASSWORD": "canary-other-8c1f",
}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state directory whose journal holds an error that tells too much."""
    handler = BitacoraHandler(journal=tmp_path / "state/journal", redact=False)  # by one who trusts all who read it
    logger = logging.Logger("shop.checkout", level=1)  # noqa: LOG001  # one that nobody else hears
    logger.addHandler(handler)
    logger.info("the body canary-body-8c1f for 10.11.12.13 on %s", socket.gethostname())
    try:
        int("canary-message-8c1f password=canary-secret-8c1f")
    except ValueError:
        logger.exception("failed")
    handler.close()
    return tmp_path / "state"


def bundle(state: Path, *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "otel_bitacora",
        "debug",
        "bundle",
        str(state.parent / "bundle.tar.gz"),
        *arguments,
    ]
    return subprocess.run(
        [*command, "--state-dir", str(state)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **SECRETS},
        **{"stdin": subprocess.DEVNULL, **options},  # type: ignore[call-overload]
    )


def contents(state: Path) -> dict[str, bytes]:
    with tarfile.open(state.parent / "bundle.tar.gz") as archive:
        return {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]


def test_no_secret_and_no_record_is_in_a_bundle(state: Path) -> None:
    made = bundle(state)
    found = contents(state)

    assert made.returncode == 0, made.stderr
    assert made.stdout == f"{state.parent / 'bundle.tar.gz'}\n"
    assert b"canary" not in b"".join(found.values())
    assert b"10.11.12.13" not in b"".join(found.values())
    assert set(found) == {
        "about.json",
        "settings.json",
        "components.json",
        "findings.json",
        "errors.json",
        "journal.json",
    }


def test_what_a_report_needs_is_in_it_and_listed_before(state: Path) -> None:
    made = bundle(state)
    found = {name: orjson.loads(content) for name, content in contents(state).items()}

    assert [line.split()[0] for line in made.stderr.splitlines()[1:7]] == list(found)
    assert found["settings.json"]["settings"]["monitor"]["interval_seconds"] == 5
    assert "BITACORA_TOKEN" in found["settings.json"]["environment"]
    assert {one["name"] for one in found["components.json"]["collectors"]} >= {"cpu", "memory"}
    assert {one["check"] for one in found["findings.json"]} >= {"settings", "clock"}
    (error,) = found["errors.json"]["journal"]
    assert (error["logger"], error["exception.type"], error["count"]) == ("shop.checkout", "ValueError", 1)
    (journal,) = found["journal.json"]
    (balance,) = journal["instances"].values()
    assert (journal["is_whole"], balance["journalled"], balance["missing"]) == (True, 2, 0)


def test_records_are_in_it_only_when_asked_for_and_without_names_and_addresses(state: Path) -> None:
    bundle(state, "--records", "10")
    lines = [orjson.loads(line) for line in contents(state)["records.jsonl"].splitlines()]
    said = contents(state)["records.jsonl"]

    assert [line["body"].split(" on ")[0] for line in lines] == ["the body canary-body-8c1f for 192.0.2.1", "failed"]
    assert b"canary-secret" not in said
    assert lines[0]["resource"]["host.name"] == "host-1"


def test_it_is_its_owner_s_alone_and_overwrites_nothing(state: Path) -> None:
    bundle(state)
    again = bundle(state)

    assert (state.parent / "bundle.tar.gz").stat().st_mode & 0o777 == 0o600
    assert again.returncode == 1
    assert "is there already" in again.stderr


@pytest.mark.parametrize(("answer", "arguments", "code"), [(b"n\n", (), 1), (b"y\n", (), 0), (b"", ("--yes",), 0)])
def test_on_a_terminal_it_asks_before_it_writes_unless_told_not_to(
    state: Path, answer: bytes, arguments: tuple[str, ...], code: int
) -> None:
    ours, theirs = pty.openpty()
    os.write(ours, answer)

    made = bundle(state, *arguments, stdin=theirs)

    os.close(ours)
    os.close(theirs)
    assert made.returncode == code, made.stderr
    assert (state.parent / "bundle.tar.gz").exists() is (code == 0)
    assert ("Write it?" in made.stderr) is bool(answer)


def test_wrong_settings_are_a_finding_and_no_reason_to_report_nothing(state: Path, tmp_path: Path) -> None:
    (tmp_path / "wrong.toml").write_text("[monitor]\nintervall_seconds = 1\n")
    made = bundle(state, "--config", str(tmp_path / "wrong.toml"))

    (finding,) = orjson.loads(contents(state)["findings.json"])
    assert made.returncode == 0, made.stderr
    assert finding["verdict"] == "fail"
    assert finding["subject"].startswith("monitor.intervall_seconds (from ")


def test_a_journal_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    state = tmp_path / "state"
    made = bundle(state)

    (journal,) = orjson.loads(contents(state)["journal.json"])
    assert made.returncode == 0, made.stderr
    assert journal["is_there"] is False
