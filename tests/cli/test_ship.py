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


class TestSettings:
    def test_an_exporter_is_shipped_to_as_the_settings_have_it(self, journal, application, tmp_path) -> None:
        application(count=10).end()
        out, config = tmp_path / "out", tmp_path / "config.toml"
        config.write_text(f'[exporters.archive]\nurl = "{out.as_uri()}"\nquery = "attr.number>=8"\nbatch_records = 1\n')

        every = run("ship", "--journal", journal, "--config", config, "--once", "--json")
        named = run("ship", "--journal", journal, "--config", config, "--name", "archive", "--once", "--json")

        assert (every.returncode, named.returncode) == (0, 0)
        assert sorted(bodies(out)) == ["message 8", "message 9"]
        assert len(out.read_bytes().splitlines()) == 2
        assert json.loads(named.stdout)["exporter"] == "archive"

    def test_nowhere_to_send_to_is_told(self, journal, application) -> None:
        application(count=1).end()

        for arguments in ([], ["--name", "unknown"]):
            result = run("ship", "--journal", journal, "--once", *arguments)
            assert result.returncode == 3
            assert b"--to URL" in result.stderr

    def test_secrets_and_mistakes_of_an_exporter_are_told_without_the_secret(
        self, journal, application, tmp_path
    ) -> None:
        application(count=1).end()
        config = tmp_path / "config.toml"
        config.write_text('[exporters.x]\nurl = "file:///x"\nheaders = "canary"\ntypo = 1\n')

        result = run("ship", "--journal", journal, "--config", config, "--once")

        assert result.returncode == 3
        assert b"canary" not in result.stderr
        assert b"exporters.x.headers = (hidden)" in result.stderr
        assert b"exporters.x.typo" in result.stderr

    def test_an_exporter_may_be_named_by_the_environment(self, journal, application, tmp_path) -> None:
        application(count=1).end()
        out = tmp_path / "out"

        result = run("ship", "--journal", journal, "--once", BITACORA_EXPORTERS__ARCHIVE__URL=out.as_uri())

        assert result.returncode == 0, result.stderr
        assert len(bodies(out)) == 1


class TestReplay:
    def test_what_a_query_wants_is_sent_again_with_a_ledger_of_its_own(self, journal, application, tmp_path) -> None:
        application(count=10).end()
        out = tmp_path / "out"
        run("ship", "--journal", journal, "--to", out.as_uri(), "--once")
        again = tmp_path / "again"

        result = run("logs", "replay", "attr.number<3", "--to", again.as_uri(), "--journal", journal, "--json")

        ledger = json.loads(result.stdout)
        assert result.returncode == 0
        assert sorted(bodies(again)) == ["message 0", "message 1", "message 2"]
        assert (ledger["delivered"], ledger["filtered"], ledger["pending"]) == (3, 7, 0)
        listed = run("exporters", "list", "--journal", journal, "--json").stdout.splitlines()
        assert len(listed) == 1

    def test_one_that_failed_goes_on_later(self, journal, application, tmp_path) -> None:
        application(count=4).end()
        folder = tmp_path / "later"
        arguments = (
            "logs",
            "replay",
            "level>=info",
            "--to",
            (folder / "out").as_uri(),
            "--journal",
            journal,
            "--patience",
            "0",
        )

        first = run(*arguments)
        folder.mkdir()
        second = run(*arguments)

        assert (first.returncode, second.returncode) == (1, 0)
        assert len(bodies(folder / "out")) == 4


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
