"""`otel-bitacora session` as its user types it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "BITACORA_JOURNAL_DIR": str(tmp_path / "journal"), "USER": "ana"}


def run(environment: dict[str, str], *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "otel_bitacora", "session", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env=environment, input=stdin
    )


def test_a_session_from_its_start_to_its_end(environment: dict[str, str]) -> None:
    session = run(
        environment, "start", "--project", "p", "--branch", "main", "--description", "the shop"
    ).stdout.strip()
    run(environment, "event", session, "action-recorded", "--action-type", "commit")
    told = {"SparkCaptured": {"session_id": session, "timestamp": "2026-01-02T03:04:05Z", "spark_id": "k"}}
    run(environment, "event", session, "-", stdin=json.dumps(told))
    ended = run(environment, "end", session, "--summary", "done", "--json")

    found = json.loads(ended.stdout)
    assert ended.stderr == ""
    assert (found["status"], found["user_id"], found["project_id"], found["branch"]) == ("Ended", "ana", "p", "main")
    assert (found["actions_by_type"], found["spark_count"], found["event_count"]) == ({"GitCommit": 1}, 1, 5)


def test_sessions_are_listed_for_people_and_for_machines(environment: dict[str, str]) -> None:
    run(environment, "start", "--id", "s-1", "--description", "evil \x1b[31m text")

    table, lines = run(environment, "list").stdout, run(environment, "list", "--json").stdout

    assert table.splitlines()[1].split()[:2] == ["s-1", "Active"]
    assert "\x1b" not in table
    assert json.loads(lines)["session_id"] == "s-1"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("event", "nope", "SessionPaused"), "no session 'nope'"),
        (("event", "s-1", "SesionPaused"), "did you mean SessionPaused?"),
        (("event", "s-1", "TopicChanged"), "TopicChanged needs topic_id"),
        (("end", "nope"), "no session 'nope'"),
    ],
)
def test_what_cannot_be_is_told_and_changes_nothing(
    environment: dict[str, str], arguments: tuple[str, ...], message: str
) -> None:
    run(environment, "start", "--id", "s-1")
    before = run(environment, "list", "--json").stdout

    result = run(environment, *arguments)

    assert (result.returncode, result.stdout) == (1, "")
    assert message in result.stderr
    assert json.loads(run(environment, "list", "--json").stdout)["event_count"] == json.loads(before)["event_count"]


def test_a_session_ends_once(environment: dict[str, str]) -> None:
    run(environment, "start", "--id", "s-1")
    run(environment, "end", "s-1")

    again = run(environment, "end", "s-1")

    assert again.returncode == 1
    assert "session 's-1' ended at" in again.stderr
