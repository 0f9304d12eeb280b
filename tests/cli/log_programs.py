"""Programs that log, and `logs` beside them, as their users start them."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from otel_bitacora.reporter.core.encode import RecordEncoder
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.journal import Writer

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


def flip(path: Path, needle: bytes) -> None:
    data = bytearray(path.read_bytes())
    data[data.index(needle)] ^= 0x40
    path.chmod(0o600)
    path.write_bytes(data)


def log_in_a_process(journal: Path, text: str) -> None:
    """Log one record and end, as a process with an instance of its own would."""
    entry = LogEntry(timestamp_unix_nano=time.time_ns(), severity_number=9, body=text)
    before, after, scope_length = RecordEncoder().encode_entry(entry)
    writer = Writer(journal, resource=b"", reserve_bytes=0)
    writer.append(before, after, scope_length=scope_length, severity=9, time_ns=entry.timestamp_unix_nano)
    writer.close()


def small_segments(journal: Path) -> Writer:
    return Writer(journal, resource=b"", segment_bytes=4096, reserve_bytes=0)


def append(writer: Writer, number: int) -> None:
    before, after, scope_length = RecordEncoder().encode_entry(
        LogEntry(timestamp_unix_nano=time.time_ns(), body=f"record {number}")
    )
    writer.append(before, after, scope_length=scope_length, severity=9)
