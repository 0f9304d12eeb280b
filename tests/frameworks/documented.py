"""A project made of one section of docs/frameworks.md: its files as they are printed, its command as it is printed."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import Any

from otel_bitacora import LogEntry

from ..journalled import balances, entries  # noqa: TID252  # tests are no package

DOCUMENT = Path(__file__).parents[2] / "docs" / "frameworks.md"
HANG_SECONDS = 60


class Project:
    """A folder with the files of a section, and a journal."""

    def __init__(self, folder: Path, heading: str) -> None:
        self.folder = folder
        self.journal = folder / "journal"
        self.commands: list[str] = []
        self.said = ""
        """What the last program that ran to its end has said on stderr."""
        section = DOCUMENT.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
        for kind, name, text in re.findall(r"^```(\w+) ?(\S*)\n(.*?)^```", section, re.MULTILINE | re.DOTALL):
            if kind == "sh":
                self.commands.append(text.strip())
            else:
                (folder / (name or re.match(r"# (\S+)\n", text)[1])).write_text(text)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Return Python, or the program of a documented command, that ran to its end and exited with 0."""
        result = subprocess.run(
            **self._start(arguments),
            capture_output=True,
            text=True,
            timeout=HANG_SECONDS,
            check=False,
        )
        assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-4000:]
        self.said = result.stderr[-4000:]
        return result

    def run_documented(self, number: int = 0) -> subprocess.CompletedProcess[str]:
        return self.run(*self.words(number))

    @contextmanager
    def serve(self, *arguments: str, stop: signal.Signals = signal.SIGTERM) -> Iterator[subprocess.Popen[str]]:
        """Run a server, and end it by *stop* and in its own time; its output is in the file `output`."""
        with (self.folder / "output").open("w") as output:
            server = subprocess.Popen(
                **self._start(arguments),
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
            try:
                yield server
                server.send_signal(stop)
                server.wait(HANG_SECONDS)
            finally:
                if server.poll() is None:
                    os.killpg(server.pid, signal.SIGKILL)
                    server.wait()

    def words(self, number: int = 0) -> list[str]:
        """Return a documented command's words."""
        return shlex.split(self.commands[number])

    def records(self) -> list[LogEntry]:
        """Return what is in the journal by its time, after a look that nothing is missing and nothing there twice."""
        found = entries(self.journal)
        assert found, self.said
        assert len({entry.uid for entry in found}) == len(found) == sum(b.last_sequence for b in balances(self.journal))
        return sorted(found, key=lambda entry: entry.timestamp_unix_nano)

    def records_of(self, logger: str) -> list[LogEntry]:
        return [entry for entry in self.records() if entry.logger == logger]

    @property
    def output(self) -> str:
        return (self.folder / "output").read_text()

    def _start(self, arguments: Sequence[str]) -> dict[str, Any]:
        """Return what starts a command line, the variables in front of it included."""
        said = dict(word.split("=", 1) for word in takewhile(_is_assignment, arguments))
        program, *others = arguments[len(said) :]
        path = sys.executable if program == "python" else str(Path(sys.executable).with_name(program))
        # As in an activated environment: some programs look for `python` by its name.
        path_variable = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
        here = {"BITACORA_JOURNAL_DIR": str(self.journal), "PYTHONUNBUFFERED": "1", "PATH": path_variable}
        return {"args": [path, *others], "cwd": self.folder, "env": {**os.environ, **here, **said}}


def _is_assignment(word: str) -> bool:
    return re.match(r"[A-Z_]+=", word) is not None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(url: str, server: subprocess.Popen[str], **headers: str) -> int:
    """Return the status of *url*, asked for until the server is there."""
    give_up = time.monotonic() + HANG_SECONDS
    while True:
        try:
            request = urllib.request.Request(url, headers=headers)
            with urllib.request.urlopen(request, timeout=HANG_SECONDS) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as answer:
            answer.close()
            return answer.code
        except (urllib.error.URLError, ConnectionError):
            assert server.poll() is None, "the server ended"
            assert time.monotonic() < give_up, "the server doesn't listen"
            time.sleep(0.05)
