"""`logs query`: what a query wants, in the order of time, and where a mistake in it is."""

import io
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from otel_bitacora.cli.logs_query import ProgressLine
from otel_bitacora.reporter.core.encode import RecordEncoder
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.indexing import of_entry
from otel_bitacora.reporter.core.journal import Writer
from otel_bitacora.reporter.core.search import Progress
from otel_bitacora.testing import FakeClock

from .log_programs import LIMIT_SECONDS, PROGRAM, bodies, flip, run  # tests are no package

START = 1_767_312_000_000_000_000  # 2026-01-02, in UTC
LANGUAGE = (Path(__file__).parents[2] / "docs/query.md").read_text()


def keep(journal: Path, *entries: LogEntry) -> None:
    writer, encoder = Writer(journal, resource=b"", reserve_bytes=0, sync="never"), RecordEncoder()
    for entry in entries:
        severity, key, time_ns = of_entry(entry)
        before, after, scope_length = encoder.encode_entry(entry)
        writer.append(before, after, scope_length=scope_length, severity=severity, key=key, time_ns=time_ns)
    writer.close()


def entry(number: int, **fields: object) -> LogEntry:
    values: dict[str, object] = {
        "timestamp_unix_nano": START + number * 1_000_000_000,
        "severity_number": 9,
        "body": f"message {number}",
    }
    return LogEntry(**(values | fields))  # type: ignore[arg-type]


class TestQuery:
    def test_what_is_wanted_comes_in_the_order_of_time(self, journal) -> None:
        keep(journal, entry(3, severity_number=17), entry(1, severity_number=13), entry(2))

        result = run("query", "level>=warn", "--json", "--journal", journal)

        assert (result.returncode, result.stderr) == (0, b"")
        assert bodies(result.stdout) == ["message 1", "message 3"]

    def test_as_plain_lines_as_cat_prints_them(self, journal) -> None:
        keep(journal, entry(1, logger="app", attributes={"left": 2}))

        assert run("query", "app", "--journal", journal).stdout == b""
        assert run("query", "logger=app", "--journal", journal).stdout == run("cat", "--journal", journal).stdout

    def test_no_more_than_were_asked_for_and_the_newest_first(self, journal) -> None:
        keep(journal, *map(entry, range(10)))

        oldest = run("query", "", "-n", "2", "--json", "--journal", journal)
        newest = run("query", "", "-n", "2", "--newest", "--json", "--journal", journal)

        assert bodies(oldest.stdout) == ["message 0", "message 1"]
        assert bodies(newest.stdout) == ["message 9", "message 8"]

    def test_several_journals_are_searched_as_one(self, tmp_path) -> None:
        keep(tmp_path / "a", entry(1), entry(3))
        keep(tmp_path / "b", entry(2), entry(4))

        result = run("query", "message", "--json", "--journal", tmp_path / "a", "--journal", tmp_path / "b")

        assert bodies(result.stdout) == ["message 1", "message 2", "message 3", "message 4"]

    def test_what_a_running_process_logged_is_found(self, journal, application) -> None:
        app = application(count=3)

        result = run("query", '"message 1"', "--json", "--journal", journal)

        assert bodies(result.stdout) == ["message 1"]
        app.end()

    def test_nothing_found_is_no_failure(self, journal) -> None:
        keep(journal, entry(1))

        result = run("query", "absent", "--journal", journal)

        assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")

    @pytest.mark.parametrize("query", ["level>=loud", "levle=x", "(a", 'a "b', "since=soon", "a)", "session="])
    def test_a_mistake_is_shown_where_it_is_with_exit_code_2(self, journal, query) -> None:
        result = run("query", query, "--journal", journal)

        said, shown, caret = result.stderr.decode().splitlines()
        column = int(re.search(r"\(column (\d+)\)", said)[1])
        assert (result.returncode, result.stdout) == (2, b"")
        assert shown == f"otel-bitacora:   {query}"
        assert caret.index("^") == shown.index(query) + column - 1

    def test_damage_is_told_and_the_rest_found(self, journal) -> None:
        keep(journal, *map(entry, range(5)))
        (segment,) = journal.glob("*.seg")
        flip(segment, b"message 2")

        result = run("query", "", "--json", "--journal", journal)

        assert bodies(result.stdout) == [f"message {number}" for number in (0, 1, 3, 4)]
        assert result.stderr.count(b"no whole frame") == 1

    def test_a_named_journal_that_is_not_there_is_an_error(self, journal) -> None:
        assert run("query", "x", "--journal", journal).returncode == 1

    def test_an_interrupt_stops_it_with_what_was_found(self, journal) -> None:
        keep(journal, *map(entry, range(20_000)))
        process = subprocess.Popen(
            [*PROGRAM, "query", "", "--journal", journal], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stdout
        assert process.stderr
        process.stdout.readline()  # from here on it waits for a reader: a pipe holds less than is found

        process.send_signal(signal.SIGINT)
        output, said = process.stdout.read(), process.stderr.read()

        count = output.count("\n") + 1
        assert process.wait(LIMIT_SECONDS) == 130
        assert output.endswith(f"message {count - 1}\n")
        assert count < 20_000
        assert said.startswith(f"otel-bitacora: stopped: {count} found in ")
        process.stdout.close()
        process.stderr.close()

    def test_a_reader_that_goes_away_ends_it_quietly(self, journal) -> None:
        keep(journal, *map(entry, range(5000)))
        process = subprocess.Popen(
            [*PROGRAM, "query", "", "--journal", journal], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()

        assert process.wait(LIMIT_SECONDS) == 0
        assert process.stderr.read() == b""
        process.stderr.close()


class TestProgress:
    def test_it_is_drawn_only_after_a_while_and_then_now_and_then(self) -> None:
        clock, out = FakeClock(), io.StringIO()
        line = ProgressLine(out, clock.monotonic)
        progress = Progress(1 << 20, 3 << 20, 7)

        line.show(progress)
        clock.advance(1)
        line.show(progress)
        line.show(progress)
        clock.advance(1)
        line.show(progress)

        assert out.getvalue() == "\r\x1b[K7 found in 1.0 MiB of 3.0 MiB" * 2

    def test_it_is_wiped_off_before_records_are_printed_and_only_if_it_is_there(self) -> None:
        clock, out = FakeClock(), io.StringIO()
        line = ProgressLine(out, clock.monotonic)
        line.clear()
        clock.advance(1)
        line.show(Progress())
        shown = out.getvalue()

        line.clear()
        line.clear()

        assert out.getvalue() == shown + "\r\x1b[K"


class TestDocumentedLanguage:
    """docs/query.md, as it is printed."""

    def test_each_example_finds_the_record_that_it_describes(self, journal) -> None:
        ids = {"bitacora.session.id": "s-1", "bitacora.user.id": "ana"}
        keep(
            journal,
            entry(1, severity_number=13, attributes=ids),
            entry(2, logger="shop.stock", body="connection refused", timestamp_unix_nano=time.time_ns()),
            entry(3, attributes={"http.status": 503, "url": "/orders"}),
            entry(4, attributes={"http.status": 503, "url": "/healthz"}),
            entry(5, event_name="bitacora.session.created", attributes=ids),
        )
        (examples,) = re.findall(r"^```\n(level.*?)^```", LANGUAGE, re.MULTILINE | re.DOTALL)

        found = [
            bodies(run("query", line, "--json", "--journal", journal, TZ="UTC").stdout)
            for line in examples.splitlines()
        ]

        assert found == [["message 1"], ["connection refused"], ["message 3"], ["message 5"]]

    def test_the_mistake_is_shown_as_printed(self, journal) -> None:
        (query, shown) = re.search(r"\$ otel-bitacora logs query '([^\n]*)'\n(.*?)```", LANGUAGE, re.DOTALL).groups()
        journal.mkdir()

        assert run("query", query, "--journal", journal).stderr.decode() == shown
