"""`ship`: what was logged is delivered, once, and the ledger says so."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from .log_programs import LIMIT_SECONDS  # tests are no package

PROGRAM = [sys.executable, "-m", "otel_bitacora"]


def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    command = [*PROGRAM, *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, timeout=LIMIT_SECONDS, check=False, env={**os.environ, **environment}
    )


def bodies(file: Path) -> list[str]:
    lines = [json.loads(line) for line in file.read_bytes().splitlines()]
    return [
        record["body"]["stringValue"]
        for line in lines
        for logs in line["resourceLogs"]
        for scope in logs["scopeLogs"]
        for record in scope["logRecords"]
    ]


class TestOnce:
    def test_it_drains_prints_the_ledger_and_delivers_nothing_twice(self, journal, application, tmp_path) -> None:
        out = tmp_path / "out.jsonl"
        application(count=20).end()

        first = run("ship", "--journal", journal, "--to", out.as_uri(), "--once", "--json")
        application(count=5).kill()
        second = run("ship", "--journal", journal, "--to", out.as_uri(), "--once", "--json")

        assert [first.returncode, second.returncode] == [0, 0]
        assert len(bodies(out)) == 25
        ledger = json.loads(second.stdout)
        assert (ledger["journalled"], ledger["delivered"], ledger["pending"]) == (25, 25, 0)
        assert ledger["is_balanced"]

    def test_stdout_holds_records_alone_where_they_are_sent_there(self, journal, application) -> None:
        application(count=2).end()

        result = run("ship", "--journal", journal, "--to", "stdout:", "--once")

        assert all("resourceLogs" in json.loads(line) for line in result.stdout.splitlines())
        assert b"JOURNALLED" in result.stderr

    def test_it_fails_while_anything_is_pending(self, journal, application, tmp_path) -> None:
        application(count=2).end()
        url = (tmp_path / "nowhere" / "out").as_uri()

        result = run("ship", "--journal", journal, "--to", url, "--once", "--patience", "0", "--json")

        assert result.returncode == 1
        assert json.loads(result.stdout)["pending"] == 2
        assert b"misconfigured" in result.stderr

    def test_a_filter_is_counted(self, journal, application, tmp_path) -> None:
        application(count=10).end()
        out = tmp_path / "out.jsonl"

        result = run(
            "ship", "--journal", journal, "--to", out.as_uri(), "--once", "--json", "--query", "attr.number>=7"
        )

        assert sorted(bodies(out)) == ["message 7", "message 8", "message 9"]
        assert json.loads(result.stdout)["filtered"] == 7

    def test_a_mistake_in_a_setting_exits_with_3(self, journal, application) -> None:
        application(count=1).end()

        for arguments in (
            ["--to", "pigeon://x"],
            ["--to", "stdout:", "--from", "then"],
            ["--to", "stdout:", "--level", "loud"],
        ):
            assert run("ship", "--journal", journal, "--once", *arguments).returncode == 3


class TestFollowing:
    def test_it_goes_on_until_sigterm_and_says_what_became_of_all(self, journal, application, tmp_path) -> None:
        out = tmp_path / "out.jsonl"
        app = application(count=3)
        command = [*PROGRAM, "ship", "--journal", str(journal), "--to", out.as_uri(), "--json"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            wait_until(lambda: out.exists() and len(bodies(out)) == 3)
            app.log("later")
            wait_until(lambda: len(bodies(out)) == 4)
            second = run("ship", "--journal", journal, "--to", out.as_uri(), "--once")
            process.send_signal(signal.SIGTERM)
            stdout, _ = process.communicate(timeout=LIMIT_SECONDS)

        assert process.returncode == 0
        assert json.loads(stdout)["delivered"] == 4
        assert second.returncode == 1
        assert f"process {process.pid} since".encode() in second.stderr


def wait_until(condition) -> None:
    deadline = time.monotonic() + LIMIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
