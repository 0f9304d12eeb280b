"""`logs cat`: every record, in order, past damage."""

import json
import subprocess

import pytest

from otel_bitacora.reporter.core.journal import Writer, merge_segments

from .log_programs import (  # tests are no package
    LIMIT_SECONDS,
    PROGRAM,
    Application,
    bodies,
    flip,
    log_in_a_process,
    objects,
    run,
)


class TestCat:
    def test_every_record_of_a_killed_process_is_printed_in_its_order(self, journal, application) -> None:
        application(count=500).kill()

        result = run("cat", "--json", "--journal", journal)

        assert (result.returncode, result.stderr) == (0, b"")
        assert bodies(result.stdout)[:500] == [f"message {number}" for number in range(500)]

    def test_a_json_line_has_every_field_of_the_record(self, journal, application) -> None:
        application(count=1).end()

        (record,) = objects(run("cat", "--json", "--journal", journal).stdout)

        assert list(record) == [
            "uid", "timestamp", "observed_timestamp", "severity_text", "severity_number", "body", "attributes",
            "resource", "scope", "event_name", "trace_id", "span_id",
        ]  # fmt: skip
        assert str(record["uid"]).endswith("-0000000000000001")
        assert (record["severity_text"], record["severity_number"], record["body"]) == ("INFO", 9, "message 0")
        assert record["attributes"]["number"] == 0
        assert record["resource"]["service.name"] == "app"
        assert record["scope"] == {"name": "app", "version": None, "attributes": {}}

    def test_a_plain_line_has_time_level_logger_message_and_attributes(self, journal, application) -> None:
        application(count=1).end()

        line = run("cat", "--journal", journal).stdout.decode()

        assert line.split(" ", 1)[1] == "INFO  app message 0 number=0\n"

    def test_the_journal_of_the_environment_is_the_default(self, journal, application) -> None:
        application(count=1).end()

        assert bodies(run("cat", "--json", BITACORA_JOURNAL_DIR=str(journal)).stdout) == ["message 0"]

    def test_several_journals_come_merged_by_time(self, tmp_path) -> None:
        first, second = Application(tmp_path / "a"), Application(tmp_path / "b")
        for number in range(6):
            (first, second)[number % 2].log(f"{number}")
        first.kill()
        second.end()

        result = run("cat", "--json", "--journal", tmp_path / "a", "--journal", tmp_path / "b")

        assert bodies(result.stdout) == ["0", "1", "2", "3", "4", "5"]

    def test_a_flipped_byte_costs_its_record_alone_and_is_told_on_stderr(self, journal, application) -> None:
        application(count=50).end()
        (segment,) = journal.glob("*.seg")
        flip(segment, b"message 20")

        result = run("cat", "--json", "--journal", journal)

        assert result.returncode == 0
        assert bodies(result.stdout) == [f"message {number}" for number in range(50) if number != 20]
        assert result.stderr.startswith(f"otel-bitacora: {segment}: bytes ".encode())
        assert result.stderr.count(b"\n") == 1

    def test_what_was_merged_when_settled_is_still_there(self, journal) -> None:
        for number in range(20):
            log_in_a_process(journal, f"process {number}")
        merged = merge_segments(journal)

        result = run("cat", "--json", "--journal", journal)

        assert merged is not None
        assert list(journal.glob("*.seg")) == []
        assert bodies(result.stdout) == [f"process {number}" for number in range(20)]
        assert run("verify", "--journal", journal).returncode == 0
        assert bodies(run("tail", "-n", "2", "--json", "--journal", journal).stdout) == ["process 18", "process 19"]

    def test_a_record_that_is_no_otlp_is_told_and_the_others_are_printed(self, journal) -> None:
        writer = Writer(journal, resource=b"")
        writer.append(b"\xff\xff\xff", b"", scope_length=0, severity=9)
        writer.close()
        log_in_a_process(journal, "after")

        result = run("cat", "--json", "--journal", journal)

        assert (result.returncode, bodies(result.stdout)) == (0, ["after"])
        assert b"isn't OTLP" in result.stderr

    def test_a_named_journal_that_is_not_there_is_an_error(self, journal) -> None:
        result = run("cat", "--journal", journal)

        assert (result.returncode, result.stdout) == (1, b"")
        assert result.stderr.decode() == (
            f"otel-bitacora: {journal}: there is no journal; name the directory that an application logs to\n"
        )

    def test_the_default_one_may_have_to_come_yet(self, journal) -> None:
        result = run("cat", BITACORA_JOURNAL_DIR=str(journal))

        assert (result.returncode, result.stdout) == (0, b"")
        assert b"nothing was logged yet" in result.stderr

    def test_a_file_is_no_journal(self, tmp_path) -> None:
        (tmp_path / "file").touch()

        result = run("cat", "--journal", tmp_path / "file")

        assert result.returncode == 1
        assert b"Not a directory" in result.stderr

    @pytest.mark.parametrize("command", ["cat", "tail -n 100000"])
    def test_a_reader_that_goes_away_ends_it_quietly(self, journal, application, command) -> None:
        application(count=3000).end()

        process = subprocess.Popen(
            [*PROGRAM, *command.split(), "--json", "--journal", journal], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert process.stdout
        assert process.stderr
        first = process.stdout.readline()
        process.stdout.close()

        assert process.wait(LIMIT_SECONDS) == 0
        assert process.stderr.read() == b""
        assert json.loads(first)["body"] == "message 0"
        process.stderr.close()
