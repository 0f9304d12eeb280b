"""What was recorded is played again, in its own time or a faster one."""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest

from otel_bitacora import BitacoraHandler
from otel_bitacora.errors import BitacoraError
from otel_bitacora.monitor.modelling import system_metrics
from otel_bitacora.ops.debug.bundle import Document, write
from otel_bitacora.ops.debug.recording import record_host
from otel_bitacora.ops.debug.replay import AT_ONCE, bundled_records, kind_of, paced, parse_speed, play_host
from otel_bitacora.settings import Settings
from otel_bitacora.testing import FakeClock, RecordedHost

from .hosts import make_host  # tests are no package

COMMAND = [sys.executable, "-m", "otel_bitacora", "debug", "replay"]


class Waits(list[float]):
    """How long was waited, on a clock that passes by it."""

    def __init__(self) -> None:
        self.clock = FakeClock()

    def __call__(self, seconds: float) -> None:
        self.append(round(seconds, 9))
        self.clock.advance(seconds)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A host at three moments, ten seconds apart, whose load goes up from 1."""
    host, number = make_host(tmp_path / "host"), iter(range(2, 4))

    def happen(_: float) -> None:
        (host / "proc/loadavg").write_text(f"{next(number)}.00 0.40 0.30 1/100 42\n")

    (host / "proc/loadavg").write_text("1.00 0.40 0.30 1/100 42\n")
    times = iter(range(10**18, 10**19, 10**10))
    settings = Settings(monitor={"root_path": host})
    return record_host(tmp_path / "r", settings, samples=3, wait=happen, wall_ns=lambda: next(times)).directory


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    handler = BitacoraHandler(journal=tmp_path / "journal")
    for number in range(3):
        handler.handle(logging.makeLogRecord({"name": "app", "msg": f"n {number}", "levelno": 20, "levelname": "INFO"}))
    handler.close()
    return tmp_path / "journal"


@pytest.mark.parametrize(("speed", "waited"), [(1.0, [2.0, 3.0]), (10.0, [0.2, 0.3]), (AT_ONCE, [])])
def test_each_comes_as_long_after_the_first_as_it_did_or_so_many_times_sooner(
    speed: float, waited: list[float]
) -> None:
    wait = Waits()
    seconds = [100, 102, 101, 105]

    items = list(paced(seconds, lambda one: one * 10**9, speed, wait=wait, monotonic=wait.clock.monotonic))

    assert (items, list(wait)) == (seconds, waited)


def test_what_took_time_is_not_waited_for_again() -> None:
    wait = Waits()
    for _ in paced([0, 10], lambda one: one * 10**9, 1.0, wait=wait, monotonic=wait.clock.monotonic):
        wait.clock.advance(4)

    assert wait == [6.0]


@pytest.mark.parametrize(("text", "speed"), [("1x", 1.0), ("10x", 10.0), ("0.5x", 0.5), ("3", 3.0), ("max", AT_ONCE)])
def test_a_speed_is_a_factor_or_max(text: str, speed: float) -> None:
    assert parse_speed(text) == speed


@pytest.mark.parametrize("text", ["", "x", "0x", "-1x", "nan", "inf", "fast"])
def test_nothing_else_is_a_speed(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse_speed(text)


def test_a_host_is_read_at_each_of_its_moments(recording: Path) -> None:
    wait, loads = Waits(), []
    with RecordedHost(recording) as host:
        sampler = host.sampler()
        sampler.on_snapshot(lambda snapshot: loads.append(system_metrics(snapshot).load.average_1m))  # type: ignore[union-attr]
        count = play_host(host, sampler, 10.0, wait=wait, monotonic=wait.clock.monotonic)

    assert (count, loads, list(wait)) == (3, [1.0, 2.0, 3.0], [1.0, 1.0])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_host_is_played_into_metrics_and_leaves_no_copy(
    recording: Path, tmp_path: Path, number: signal.Signals
) -> None:
    (tmp_path / "tmp").mkdir()
    process = subprocess.Popen(
        [*COMMAND, str(recording), "--speed", "max", "--listen", "127.0.0.1:0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "BITACORA_STATE_DIR": str(tmp_path / "state"), "TMPDIR": str(tmp_path / "tmp")},
    )
    hang = threading.Timer(60, process.kill)
    hang.start()
    try:
        assert process.stdout is not None
        url = re.fullmatch(r"metrics +(\S+)\n", process.stdout.readline())
        assert url is not None, process.communicate()[1]
        text = ""
        while process.poll() is None and "load_average_1m 3.0" not in text:  # only a hang makes it fail
            try:
                text = urllib.request.urlopen(url[1]).read().decode()
            except OSError:
                time.sleep(0.02)  # the first moment is being read
        assert "load_average_1m 3.0" in text
        assert 'host_name="host-1"' in text
        process.send_signal(number)
        _, errors = process.communicate()
    finally:
        hang.cancel()
        process.kill()
    assert process.returncode == 0, errors
    assert "that was the last of 3 moments" in errors
    assert "Traceback" not in errors
    assert not list((tmp_path / "tmp").iterdir())


@pytest.mark.parametrize("speed", ["max", "1000x"])
def test_the_records_of_a_journal_are_played_to_stdout(journal: Path, speed: str) -> None:
    played = subprocess.run([*COMMAND, str(journal), "--speed", speed], capture_output=True, text=True, check=True)

    assert [line.partition(" app ")[2] for line in played.stdout.splitlines()] == ["n 0", "n 1", "n 2"]


def test_the_records_of_a_bundle_are_played_as_json(tmp_path: Path) -> None:
    lines = b'{"timestamp":"2026-01-01T00:00:00.250000001Z","body":"a"}\n{"timestamp":null,"observed_timestamp":null}\n'
    write(tmp_path / "bundle", [Document("records.jsonl", "", lines)])

    played = subprocess.run([*COMMAND, str(tmp_path / "bundle"), "--speed", "max"], capture_output=True, check=True)

    assert played.stdout == lines
    assert [moment for moment, _ in bundled_records(tmp_path / "bundle")] == [1_767_225_600_250_000_001, 0]


def test_what_cannot_be_played_says_what_to_do(tmp_path: Path) -> None:
    write(tmp_path / "bundle", [Document("about.json", "", b"{}")])
    (tmp_path / "text").write_text("hello")

    with pytest.raises(BitacoraError, match="`debug bundle --records N` makes one that does"):
        bundled_records(tmp_path / "bundle")
    with pytest.raises(BitacoraError, match="can't be read as a bundle"):
        bundled_records(tmp_path / "text")
    with pytest.raises(BitacoraError, match="there is nothing"):
        kind_of(tmp_path / "nowhere")
