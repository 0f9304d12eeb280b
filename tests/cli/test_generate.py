"""`otel-bitacora generate` as its user types it, and what the other commands make of what it made."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from otel_bitacora.cli.app import app
from otel_bitacora.reporter.dev.generate import IncidentKind

from ..reporter.dev.counted import assert_queries_find  # noqa: TID252  # tests are no package

SMALL = ("--rate", "0.02", "--developers", "2")
ALL = [part for kind in IncidentKind for part in ("--incident", kind.value)]


def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "otel_bitacora", *map(str, arguments)]
    surroundings = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=surroundings)


def test_a_generated_journal_is_whole_and_holds_what_the_manifest_says(tmp_path: Path) -> None:
    journal, manifest = tmp_path / "journal", tmp_path / "manifest.json"

    made = run("generate", *SMALL, *ALL, "--pathological", "--journal", journal, "--manifest", manifest)
    verified = run("logs", "verify", "--json", "--journal", journal)
    # Not splitlines(), which finds more line breaks than there are, as records that break readers show.
    printed = run("logs", "cat", "--json", "--journal", journal).stdout.split("\n")[:-1]

    records = [json.loads(line) for line in printed]
    said = json.loads(manifest.read_bytes())
    assert made.returncode == verified.returncode == 0
    assert made.stdout == f"{said['records']} records in {journal}\n"
    assert made.stderr.startswith(f"otel-bitacora: {said['records']} records, {said['errors']} errors, in ")
    assert json.loads(verified.stdout)["is_whole"]
    assert len(records) == said["records"]
    assert sum(record["severity_number"] >= 17 for record in records) == said["errors"]
    for key, name in (("by_session", "bitacora.session.id"), ("by_exception", "exception.type")):
        found = [record["attributes"][name] for record in records if record["attributes"].get(name)]
        assert {each: found.count(each) for each in found} == said[key]
    for key, name in (("by_logger", "scope"), ("by_event", "event_name")):
        names = [record[name]["name"] if name == "scope" else record[name] for record in records]
        assert {each: names.count(each) for each in names if each} == said[key]


def test_logs_query_finds_exactly_what_the_manifest_says(tmp_path: Path) -> None:
    journal, manifest = tmp_path / "journal", tmp_path / "manifest.json"
    run("generate", *SMALL, *ALL, "--pathological", "--journal", journal, "--manifest", manifest)

    def count(text: str) -> int:
        found = CliRunner().invoke(app, ["logs", "query", text, "--json", "--journal", str(journal)])
        assert found.exit_code == 0, found.stderr
        return found.stdout.count("\n")

    assert_queries_find(json.loads(manifest.read_bytes()), count)


def test_sessions_that_were_made_up_are_listed(tmp_path: Path) -> None:
    journal, manifest = tmp_path / "journal", tmp_path / "manifest.json"
    run("generate", *SMALL, "--days", "2", "--journal", journal, "--manifest", manifest)

    listed = run("session", "list", "--json", BITACORA_JOURNAL_DIR=str(journal)).stdout.splitlines()

    said = json.loads(manifest.read_bytes())["sessions"]
    found = {one["session_id"]: one for one in map(json.loads, listed)}
    assert {key: one["actions_by_type"] for key, one in found.items()} == {
        key: one["actions_by_type"] for key, one in said.items()
    }


def test_lines_go_to_stdout_and_are_the_same_for_the_same_seed() -> None:
    first, second, other = (run("generate", *SMALL, "--to", "jsonl", "--seed", seed) for seed in ("3", "3", "4"))

    assert first.stdout == second.stdout != other.stdout
    assert len(first.stdout.splitlines()) == int(first.stderr.split()[1])
    assert all(json.loads(line)["uid"] for line in first.stdout.splitlines())


def test_lines_for_people_are_one_a_record_whatever_is_in_it() -> None:
    made = run("generate", *SMALL, "--to", "stdout", "--pathological")

    lines = made.stdout.split("\n")
    assert len(lines) - 1 == int(made.stderr.split()[1])
    assert lines[0].startswith("2026-01-05T08:00:00")
    assert all(line.isprintable() for line in lines)


def test_who_reads_only_the_beginning_leaves_no_traceback() -> None:
    command = f"{sys.executable} -m otel_bitacora generate --to jsonl --rate 0.5 | head -n 1"

    piped = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=120, check=False)

    assert len(piped.stdout.splitlines()) == 1
    assert "Traceback" not in piped.stderr


@pytest.mark.parametrize("start", ["2026-03-02", "2026-03-02T23:30", "2026-03-03T01:00+02:00"])
def test_the_first_day_is_that_of_the_start_in_utc(start: str) -> None:
    made = run("generate", *SMALL, "--to", "jsonl", "--start", start, TZ="America/New_York")

    assert json.loads(made.stdout.splitlines()[0])["timestamp"].startswith("2026-03-02T08:00:00")


def test_a_start_may_be_so_and_so_long_ago() -> None:
    before = datetime.now(UTC) - timedelta(days=30)
    made = run("generate", *SMALL, "--to", "jsonl", "--start", "-30d")

    first = datetime.fromisoformat(json.loads(made.stdout.splitlines()[0])["timestamp"])
    assert before - timedelta(days=1) <= first <= datetime.now(UTC) - timedelta(days=26)


def test_the_journal_is_not_the_one_that_applications_log_to(tmp_path: Path) -> None:
    made = run("generate", *SMALL, BITACORA_STATE_DIR=str(tmp_path))

    assert made.stdout.endswith(f" records in {tmp_path}/generated\n")
    assert [path.name for path in tmp_path.iterdir()] == ["generated"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--incident", "flood"), 2, "disk-filling, memory-leak, flaky-test, slow-database, network-cut"),
        (("--days", "0"), 2, "days must be 1 to 3660"),
        (("--start", "soon"), 2, "'soon' is no moment"),
        (("--to", "jsonl", "--journal", "x"), 2, "there is no journal with --to jsonl"),
        ((*SMALL, "--to", "jsonl", "--manifest", "/nowhere/m.json"), 1, "can't be written to /nowhere/m.json: No such"),
    ],
)
def test_what_cannot_be_is_told(arguments: tuple[str, ...], code: int, message: str) -> None:
    made = run("generate", *arguments, COLUMNS="300")

    assert made.returncode == code
    assert message in made.stderr
    assert "Traceback" not in made.stderr


def test_the_same_records_are_not_written_twice(tmp_path: Path) -> None:
    first, second = (run("generate", *SMALL, "--journal", tmp_path / "journal") for _ in range(2))

    assert (first.returncode, second.returncode) == (0, 1)
    assert "already: choose another directory" in second.stderr


def test_the_usual_place_holds_one_plan_only(tmp_path: Path) -> None:
    first, second = (run("generate", *SMALL, "--seed", seed, BITACORA_STATE_DIR=str(tmp_path)) for seed in "12")

    assert (first.returncode, second.returncode) == (0, 1)
    assert "generated has records already, which no manifest would match: delete it" in second.stderr


def test_help_names_every_kind_of_incident() -> None:
    said = " ".join(run("generate", "--help", COLUMNS="300").stdout.split())

    assert ", ".join(IncidentKind) in said


@pytest.mark.parametrize("are_lines_shown", [False, True])
def test_a_terminal_sees_how_far_it_is_unless_it_sees_the_records(are_lines_shown: bool) -> None:
    primary, terminal = pty.openpty()
    command = [sys.executable, "-m", "otel_bitacora", "generate", *SMALL, "--to", "jsonl"]

    process = subprocess.Popen(command, stdout=terminal if are_lines_shown else subprocess.DEVNULL, stderr=terminal)
    os.close(terminal)
    shown = b""
    while True:
        try:
            shown += (read := os.read(primary, 4096))
        except OSError:  # how Linux says that nobody has the terminal open any more
            break
        if not read:
            break
    os.close(primary)

    assert process.wait(60) == 0
    assert (b"generating" in shown, b"100%" in shown) == (not are_lines_shown, not are_lines_shown)
    assert b" records, " in shown
