"""`otel-bitacora logs` as its user types it, on journals that real processes write."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest

from otel_bitacora.reporter.core.journal import Writer, merge_segments

PROGRAM = [sys.executable, "-m", "otel_bitacora", "logs"]
LIMIT_SECONDS = 60

APPLICATION = """
import logging, sys, time
from otel_bitacora.reporter.handler import BitacoraHandler

journal, name, count = sys.argv[1:4]
log = logging.getLogger(name)
log.addHandler(BitacoraHandler(journal=journal, service_name=name))
log.setLevel("DEBUG")
for number in range(int(count)):
    log.info("message %d", number, extra={"number": number})
    print(number, flush=True)
for line in sys.stdin:
    if line.strip() == "end":
        break
    log.info(line.strip())
    print(line, end="", flush=True)
"""


def run(*arguments: str | Path, stdin: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
    command = [*PROGRAM, *map(str, arguments)]
    environ = {**os.environ, **environment}
    return subprocess.run(command, input=stdin, capture_output=True, timeout=LIMIT_SECONDS, check=False, env=environ)


def objects(output: bytes) -> list[dict[str, object]]:
    return [json.loads(line) for line in output.splitlines()]


def bodies(output: bytes) -> list[object]:
    return [each["body"] for each in objects(output)]


class Application:
    """A process that logs to the journal when it is told."""

    def __init__(self, journal: Path, name: str = "app", count: int = 0) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", APPLICATION, journal, name, str(count)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdin
        assert self.process.stdout
        self._stdin, self._stdout = self.process.stdin, self.process.stdout
        self.acknowledged = [self._stdout.readline() for _ in range(count)]

    def log(self, text: str) -> None:
        """Return when the record's logging call has."""
        self._stdin.write(f"{text}\n")
        self._stdin.flush()
        assert self._stdout.readline() == f"{text}\n"

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self._close()

    def end(self) -> None:
        self._stdin.write("end\n")
        self._close()

    def _close(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._stdin.close()
        self.process.wait(LIMIT_SECONDS)
        self._stdout.close()


class Followed:
    """`logs tail -f`, whose lines are waited for."""

    def __init__(self, *arguments: str | Path) -> None:
        self.process = subprocess.Popen(
            [*PROGRAM, "tail", "-f", *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        assert self.process.stderr
        self.stdout, self.stderr = self.process.stdout, self.process.stderr
        # Only against a hang: a reading test would wait for ever.
        self._watchdog = threading.Timer(LIMIT_SECONDS, self.process.kill)
        self._watchdog.start()

    def line(self) -> str:
        return self.stdout.readline()

    def warning(self) -> str:
        return self.stderr.readline()

    def interrupt(self) -> tuple[int, str]:
        """Return the exit code and what was said on stderr."""
        self.process.send_signal(signal.SIGINT)
        return self.finish()

    def finish(self) -> tuple[int, str]:
        code = self.process.wait(LIMIT_SECONDS)
        said = self.stderr.read()
        self._watchdog.cancel()
        self.stdout.close()
        self.stderr.close()
        return code, said


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
def following() -> Iterator[Callable[..., Followed]]:
    started: list[Followed] = []

    def follow(*arguments: str | Path) -> Followed:
        started.append(Followed(*arguments))
        return started[-1]

    yield follow
    for each in started:
        if each.process.poll() is None:
            each.process.kill()
            each.finish()


@pytest.fixture
def application(journal: Path) -> Iterator[Callable[..., Application]]:
    started: list[Application] = []

    def start(name: str = "app", count: int = 0) -> Application:
        started.append(Application(journal, name, count))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.kill()


def flip(path: Path, needle: bytes) -> None:
    data = bytearray(path.read_bytes())
    data[data.index(needle)] ^= 0x40
    path.chmod(0o600)
    path.write_bytes(data)


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
            _write(journal, f"process {number}")
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
        _write(journal, "after")

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


def _write(journal: Path, text: str) -> None:
    """Log one record and end, as a process with an instance of its own would."""
    from otel_bitacora.reporter.core.encode import RecordEncoder
    from otel_bitacora.reporter.core.entry import LogEntry

    entry = LogEntry(timestamp_unix_nano=time.time_ns(), severity_number=9, body=text)
    before, after, scope_length = RecordEncoder().encode_entry(entry)
    writer = Writer(journal, resource=b"", reserve_bytes=0)
    writer.append(before, after, scope_length=scope_length, severity=9, time_ns=entry.timestamp_unix_nano)
    writer.close()


class TestTail:
    def test_it_prints_the_last_ten_or_as_many_as_asked_for(self, journal, application) -> None:
        application(count=40).kill()

        assert bodies(run("tail", "--json", "--journal", journal).stdout) == [f"message {n}" for n in range(30, 40)]
        assert bodies(run("tail", "-n", "3", "--json", "--journal", journal).stdout) == [
            f"message {n}" for n in range(37, 40)
        ]
        assert run("tail", "-n", "0", "--journal", journal).stdout == b""

    def test_following_prints_what_comes_from_running_and_from_new_processes(
        self, journal, application, following
    ) -> None:
        old = application("old", count=3)
        tail = following("-n", "1", "--json", "--journal", journal)
        seen = [json.loads(tail.line())["body"]]

        old.log("from the old one")
        seen.append(json.loads(tail.line())["body"])
        application("new").log("from a new one")
        seen.append(json.loads(tail.line())["body"])

        assert seen == ["message 2", "from the old one", "from a new one"]
        assert tail.interrupt() == (0, "")

    def test_following_waits_for_a_journal_that_is_not_there(self, journal, application, following) -> None:
        tail = following("--json", "--journal", journal)
        assert tail.warning() == f"otel-bitacora: {journal}: waiting for the first record\n"

        application().log("the first")

        assert json.loads(tail.line())["body"] == "the first"
        assert tail.interrupt() == (0, "")

    def test_following_ends_when_its_reader_goes_away_even_if_nothing_comes(
        self, journal, application, following
    ) -> None:
        application(count=1)
        tail = following("--json", "--journal", journal)
        tail.line()
        tail.stdout.close()

        assert tail.finish() == (0, "")

    def test_following_crosses_segments_without_loss_or_repetition(self, journal, following) -> None:
        writer = _small_segments(journal)
        _append(writer, 0)
        tail = following("--json", "--journal", journal)
        seen = [json.loads(tail.line())["body"]]

        for number in range(1, 300):
            _append(writer, number)
        seen += [json.loads(tail.line())["body"] for _ in range(1, 300)]

        assert seen == [f"record {number}" for number in range(300)]
        assert len(list(journal.glob("*.seg"))) > 3
        assert tail.interrupt() == (0, "")

    def test_what_is_merged_while_followed_is_not_printed_again(self, journal, following) -> None:
        for number in range(20):
            _write(journal, f"process {number}")
        tail = following("-n", "1", "--json", "--journal", journal)
        tail.line()

        merge_segments(journal)
        _write(journal, "fresh")

        assert json.loads(tail.line())["body"] == "fresh"
        assert tail.interrupt() == (0, "")


def _small_segments(journal: Path) -> Writer:
    return Writer(journal, resource=b"", segment_bytes=4096, reserve_bytes=0)


def _append(writer: Writer, number: int) -> None:
    from otel_bitacora.reporter.core.encode import RecordEncoder
    from otel_bitacora.reporter.core.entry import LogEntry

    before, after, scope_length = RecordEncoder().encode_entry(
        LogEntry(timestamp_unix_nano=time.time_ns(), body=f"record {number}")
    )
    writer.append(before, after, scope_length=scope_length, severity=9)


class TestVerify:
    def test_a_whole_journal_adds_up(self, journal, application) -> None:
        application(count=20).kill()

        result = run("verify", "--json", "--journal", journal)

        found = json.loads(result.stdout)
        (instance,) = found["instances"]
        assert (result.returncode, found["is_whole"], found["damage"]) == (0, True, [])
        assert instance["last_sequence"] == instance["journalled"] == 20

    def test_drops_are_told_by_reason(self, journal) -> None:
        writer = _small_segments(journal)
        writer.drop("rate_limited", 5)
        _append(writer, 1)
        writer.close()

        (instance,) = json.loads(run("verify", "--json", "--journal", journal).stdout)["instances"]
        text = run("verify", "--journal", journal).stdout.decode()

        assert instance["last_sequence"] == 6
        assert instance["tombstoned"] == {"rate_limited": 5}
        assert "5 rate_limited" in text
        assert text.splitlines()[-1] == "whole: 1 instances, 1 records"

    def test_a_flipped_byte_is_damage_that_explains_the_loss(self, journal, application) -> None:
        application(count=50).end()
        (segment,) = journal.glob("*.seg")
        flip(segment, b"message 20")

        result = run("verify", "--journal", journal)

        assert result.returncode == 0
        assert str(segment) in result.stderr.decode()
        assert result.stdout.decode().splitlines()[1].split()[1:] == ["50", "0", "49", "0", "1", "0"]

    def test_a_segment_that_vanished_is_missing_and_exits_1(self, journal) -> None:
        writer = _small_segments(journal)
        for number in range(200):
            _append(writer, number)
        writer.close()
        sorted(journal.glob("*.seg"))[1].unlink()

        result = run("verify", "--journal", journal)
        document = json.loads(run("verify", "--json", "--journal", journal).stdout)

        assert result.returncode == 1
        assert "MISSING" in result.stdout.decode().splitlines()[1]
        assert result.stdout.decode().splitlines()[-1].startswith("NOT whole: ")
        assert not document["is_whole"]
        assert document["instances"][0]["missing"] > 0

    def test_a_file_of_a_newer_format_cannot_be_vouched_for(self, journal) -> None:
        from zlib import crc32

        from otel_bitacora.reporter.core.journal.frame import MAGIC

        _write(journal, "one")
        (segment,) = journal.glob("*.seg")
        data = bytearray(segment.read_bytes())
        size = int.from_bytes(data[12:16], "little")
        assert data.startswith(MAGIC)
        data[8:10] = (2).to_bytes(2, "little")
        data[size - 4 : size] = crc32(data[: size - 4]).to_bytes(4, "little")
        segment.write_bytes(data)

        result = run("verify", "--journal", journal)

        assert result.returncode == 1
        assert "version 2 isn't known here" in result.stderr.decode()
        assert "1 files couldn't be read" in result.stdout.decode()


def test_everything_reads_while_four_processes_write(journal: Path) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", APPLICATION, journal, f"app{n}", "4000"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        for n in range(4)
    ]
    outputs: list[IO[bytes]] = [writer.stdout for writer in writers if writer.stdout]
    for output in outputs:
        output.readline()

    cat = run("cat", "--json", "--journal", journal)
    verify = run("verify", "--journal", journal)
    tail = run("tail", "-n", "5", "--json", "--journal", journal)
    for writer, output in zip(writers, outputs, strict=True):
        output.read()
        output.close()
        writer.wait(LIMIT_SECONDS)
    after = run("cat", "--json", "--journal", journal)

    assert (cat.returncode, cat.stderr) == (0, b"")
    assert (verify.returncode, verify.stderr) == (0, b"")
    assert len(objects(tail.stdout)) == 5
    for result in (cat, after):
        for n in range(4):
            numbers = [
                each["attributes"]["number"] for each in objects(result.stdout) if each["scope"]["name"] == f"app{n}"
            ]
            assert numbers == list(range(len(numbers)))
    assert len(after.stdout.splitlines()) == 16000


READERS = [
    ["cat", "--json"],
    ["tail", "-n", "3", "--json"],
    ["verify", "--json"],
]


def test_a_user_who_may_only_read_reads_everything(journal: Path) -> None:
    Application(journal, count=20).kill()
    # Root passes permissions by; without these capabilities it is a user like others.
    prefix = [] if os.geteuid() else ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    for path in (*journal.iterdir(), journal):
        path.chmod(0o500 if path.is_dir() else 0o400)
    probe = subprocess.run([*prefix, "touch", journal / "probe"], check=False, capture_output=True)
    if b"Permission denied" not in probe.stderr:
        pytest.skip("no setpriv to give up root's capabilities with")

    results = [
        subprocess.run(
            [*prefix, *PROGRAM, *command, "--journal", journal], capture_output=True, timeout=LIMIT_SECONDS, check=False
        )
        for command in READERS
    ]
    next(journal.glob("*.seg")).chmod(0)
    unreadable = subprocess.run(
        [*prefix, *PROGRAM, "verify", "--journal", journal], capture_output=True, timeout=LIMIT_SECONDS, check=False
    )
    journal.chmod(0o300)
    closed = subprocess.run(
        [*prefix, *PROGRAM, "cat", "--journal", journal], capture_output=True, timeout=LIMIT_SECONDS, check=False
    )
    journal.chmod(0o700)

    assert [(result.returncode, result.stderr) for result in results] == [(0, b"")] * 3
    assert len(results[0].stdout.splitlines()) == 20
    assert unreadable.returncode == 1
    assert b"can't be read: Permission denied" in unreadable.stderr
    assert closed.returncode == 1
    assert closed.stderr.decode() == f"otel-bitacora: {journal}: the journal can't be read: Permission denied\n"


def test_a_read_only_mount_is_read(journal: Path) -> None:
    Application(journal, count=20).kill()
    mounted = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && ! touch "$0/x" 2>&- && '
    probe = subprocess.run(["unshare", "-m", "sh", "-c", mounted + "true", journal], check=False, capture_output=True)
    if probe.returncode:
        pytest.skip("no mount namespace of one's own here")

    for command in READERS:
        result = subprocess.run(
            ["unshare", "-m", "sh", "-c", mounted + 'exec "$@"', journal, *PROGRAM, *command, "--journal", journal],
            capture_output=True, timeout=LIMIT_SECONDS, check=False,
        )  # fmt: skip

        assert (result.returncode, result.stderr) == (0, b"")
        assert result.stdout


class TestRedact:
    TEXT = "fine\n  password=hunter2 ok\nñ Authorization: Bearer abc.def-123\n"

    def test_it_prints_the_text_without_its_secrets(self, tmp_path) -> None:
        (tmp_path / "text").write_text(self.TEXT)

        result = run("redact", tmp_path / "text")

        assert result.returncode == 0
        assert result.stdout.decode() == "fine\n  password=[REDACTED] ok\nñ Authorization: [REDACTED]\n"

    def test_explain_says_where_and_by_which_rule_without_showing_it(self) -> None:
        result = run("redact", "--explain", "-", stdin=self.TEXT.encode())

        assert result.returncode == 0
        assert result.stdout.decode().splitlines()[0] == "-:2:12: key=value, 7 characters"
        assert result.stdout.decode().splitlines()[1].startswith("-:3:18: ")
        assert b"hunter2" not in result.stdout
        assert b"abc.def" not in result.stdout

    def test_bytes_that_are_no_text_pass_unchanged(self) -> None:
        raw = b"\xff\xfe password=x \x00\r\n"

        assert run("redact", "-", stdin=raw).stdout == b"\xff\xfe password=[REDACTED] \x00\r\n"

    def test_a_file_that_is_not_there_is_an_error(self, tmp_path) -> None:
        result = run("redact", tmp_path / "none")

        assert (result.returncode, result.stdout) == (1, b"")
        assert b"No such file" in result.stderr


def test_reading_logs_needs_nothing_of_the_monitor_nor_of_any_extra(journal: Path, application) -> None:
    application(count=1).end()
    program = (
        "import sys\n"
        "for name in ('psutil', 'starlette', 'opentelemetry.sdk', 'httpx', 'yaml', 'uvicorn'): sys.modules[name] = None\n"
        "from otel_bitacora.__main__ import main\n"
        f"sys.argv = ['otel-bitacora', 'logs', 'cat', '--journal', {str(journal)!r}]\n"
        "main()\n"
    )

    result = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=LIMIT_SECONDS, check=False)

    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout
