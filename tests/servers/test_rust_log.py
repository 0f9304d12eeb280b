"""The log that a real Rust program writes with `tracing` comes in whole while it is rotated, each event once."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from otel_bitacora import LogEntry

from ..journalled import entries  # noqa: TID252  # tests are no package
from .sidecars import SidecarProcess, until

pytestmark = pytest.mark.servers
EVENTS = 3000  # between two rotations
ROTATIONS = 3


class RustProgram:
    """Logs as many events as it is told, each with the next number."""

    def __init__(self, program: str, path: Path) -> None:
        self.path = path
        self.logged = 0
        self.process = subprocess.Popen([program, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def begin(self, count: int) -> None:
        """Return when it is under way."""
        self.logged += count
        before = self._size()
        self._say(str(count))
        until(self._size, lambda size: size > before)

    def end(self) -> None:
        """Return when all is written."""
        assert self._answer() == str(self.logged)

    def reopen(self) -> None:
        self._say("reopen")
        self.end()

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()

    def _say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def _answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def _size(self) -> int:
        return self.path.stat().st_size


def rename(program: RustProgram, number: int) -> None:
    """As logrotate's default: what is being written goes on in the renamed file, until the program opens a new one."""
    program.path.rename(f"{program.path}.{number}")
    program.end()
    program.reopen()


def copy_and_truncate(program: RustProgram, number: int) -> None:
    """As logrotate's copytruncate, of which it is known that lines written between the two are lost: it is made to wait."""
    program.process.send_signal(signal.SIGSTOP)
    shutil.copy2(program.path, f"{program.path}.{number}")
    os.truncate(program.path, 0)
    program.process.send_signal(signal.SIGCONT)
    program.end()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log" / "bitacora.log"


@pytest.fixture
def program(log: Path) -> Iterator[RustProgram]:
    built = subprocess.run([Path(__file__).with_name("rust.sh")], capture_output=True, text=True, check=False)
    if built.returncode:
        if os.environ.get("CI"):
            pytest.fail(built.stderr)
        pytest.skip(built.stderr.strip())
    log.parent.mkdir()
    made = RustProgram(built.stdout.split()[1], log)
    yield made
    made.stop()


@pytest.fixture
def start_sidecar(log: Path, tmp_path: Path) -> Iterator[Callable[[], SidecarProcess]]:
    started: list[SidecarProcess] = []

    def start() -> SidecarProcess:
        started.append(SidecarProcess(tmp_path / "state", BITACORA_SOURCES__FILES=str(log)))
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.mark.parametrize("rotate", [rename, copy_and_truncate])
def test_every_event_comes_in_once_though_the_file_is_rotated_while_it_is_written(
    program: RustProgram,
    start_sidecar: Callable[[], SidecarProcess],
    tmp_path: Path,
    rotate: Callable[[RustProgram, int], None],
) -> None:
    sidecar = start_sidecar()
    for number in range(1, ROTATIONS + 1):
        program.begin(EVENTS)
        until(lambda: events(tmp_path), bool)
        rotate(program, number)
        if number == 2:
            sidecar.process.kill()  # and a rotation that nobody sees
    sidecar = start_sidecar()
    program.begin(EVENTS)
    program.end()

    found = until(lambda: events(tmp_path), lambda found: len({*map(number_of, found)}) >= program.logged)
    sidecar.stop()

    found = events(tmp_path)
    once = {entry.uid: entry for entry in found}
    assert sorted(map(number_of, once.values())) == list(range(1, program.logged + 1))
    assert [body_of(number_of(entry)) for entry in found] == [entry.body for entry in found]
    failed = next(entry for entry in found if number_of(entry) == 50)
    assert failed.severity_number == 17
    assert failed.attributes["error"] == "it broke\nat line 2"
    assert (failed.attributes["bitacora.session.id"], failed.attributes["vcs.ref.head.name"]) == ("session-0", "main")
    assert failed.logger == "bitacora_logs"
    assert failed.timestamp_unix_nano > 0


def events(tmp_path: Path) -> list[LogEntry]:
    return [entry for entry in entries(tmp_path / "state" / "journal") if entry.logger == "bitacora_logs"]


def number_of(entry: LogEntry) -> int:
    return int(str(entry.attributes["number"]))


def body_of(number: int) -> str:
    if number % 50 == 0:
        return f"event {number} failed"
    return f'event {number}: \U0001f4d3 "quoted"' if number % 50 == 25 else f"event {number}"
