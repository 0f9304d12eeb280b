"""Files that are written to, rotated, cut back and read again after crashes: no line is lost, none has two uids."""

import json
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.production.sources.files.positions import Positions
from otel_bitacora.reporter.production.sources.files.tail import FileTail
from otel_bitacora.testing import FakeClock

from ....compliance import LogCollectorCompliance  # noqa: TID252  # tests are no package

AT = "2026-01-02T03:04:05Z"


class Reading:
    """A tail over one file, which can crash and start again; keeps what it was given."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "app.log"
        self.saved = folder / "state" / "files.json"
        self.clock = FakeClock()
        self.entries: list[LogEntry] = []
        self.start()

    def start(self) -> None:
        """Begin as a new process does."""
        self.tail = FileTail(
            [self.path], Positions(self.saved), sync=lambda: True, monotonic=self.clock.monotonic, wall_ns=lambda: 7
        )

    def write(self, *lines: str) -> None:
        with self.path.open("a") as file:
            file.writelines(f"{line}\n" for line in lines)

    def look(self, seconds: float = 5.0) -> list[object]:
        """Look twice with *seconds* between, so that what waits is given out and positions are saved; return the bodies."""
        before = len(self.entries)
        self.tail.look(self.entries.append)
        self.clock.advance(seconds)
        self.tail.look(self.entries.append)
        return [each.body for each in self.entries[before:]]

    def distinct(self) -> dict[str, object]:
        """Return bodies by uid; a uid always has the same."""
        found: dict[str, object] = {}
        for each in self.entries:
            assert found.setdefault(each.uid, each.body) == each.body
        return found


@pytest.fixture
def reading(tmp_path: Path) -> Reading:
    return Reading(tmp_path)


class OneLook(FileTail):
    """Closes itself after its first look."""

    def look(self, write: Callable[[LogEntry], None]) -> int:
        self.close()
        return super().look(write)


class TestFileTail(LogCollectorCompliance):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self._tmp_path = tmp_path

    def make(self) -> FileTail:
        path = self._tmp_path / "a.log"
        path.write_text("one\ntwo\n")
        return OneLook([path], Positions(self._tmp_path / "files.json"), sync=lambda: True)


def test_what_is_there_and_what_is_added_comes_in_order(reading: Reading) -> None:
    reading.write("one", "two")
    assert reading.look() == ["one", "two"]

    reading.write("three")

    assert reading.look() == ["three"]
    entry = reading.entries[-1]
    assert entry.attributes == {"log.file.name": "app.log", "log.file.path": str(reading.path)}
    assert (entry.observed_unix_nano, entry.uid[-16:]) == (7, f"{8:016x}")


def test_a_file_that_is_not_there_yet_is_waited_for(reading: Reading) -> None:
    assert reading.look() == []
    reading.write("hello")
    assert reading.look() == ["hello"]


def test_a_restart_goes_on_where_it_was(reading: Reading) -> None:
    reading.write("one")
    reading.look()

    reading.start()
    reading.write("two")

    assert reading.look() == ["two"]


def test_what_is_read_again_after_a_crash_has_the_same_uid(reading: Reading) -> None:
    reading.write("one")
    reading.look()
    reading.write("two", "three")
    reading.tail.look(reading.entries.append)  # not saved: it crashes now

    reading.start()

    assert reading.look() == ["two", "three"]
    assert list(reading.distinct().values()) == ["one", "two", "three"]


def test_a_renamed_file_is_read_to_its_end_before_the_new_one(reading: Reading) -> None:
    reading.write("one")
    reading.look()
    reading.write("two")
    reading.path.rename(reading.path.with_name("app.log.1"))
    with reading.path.with_name("app.log.1").open("a") as file:
        file.write("without an end")
    reading.write("three")

    assert reading.look() == ["two", "without an end", "three"]


def test_rotations_that_nobody_saw_are_read_oldest_first(reading: Reading) -> None:
    reading.write("one")
    reading.look()
    for number, text in ((1, "two"), (2, "three")):
        reading.write(text)
        rotated = reading.path.rename(reading.path.with_name(f"app.log.{3 - number}"))
        later = rotated.stat().st_mtime_ns + number * 1_000_000_000
        os.utime(rotated, ns=(later, later))
    reading.write("four")

    assert reading.look() == ["two", "three", "four"]


def test_what_was_rotated_while_nobody_ran_is_read(reading: Reading) -> None:
    reading.write("one")
    reading.look()
    reading.write("two")
    reading.path.rename(reading.path.with_name("app.log.1"))
    reading.write("three")

    reading.start()

    assert reading.look() == ["two", "three"]


def test_older_files_that_are_there_at_the_first_start_are_left_alone(reading: Reading) -> None:
    reading.path.with_name("app.log.1").write_text("old\n")
    reading.start()
    reading.write("new")

    assert reading.look() == ["new"]


def test_one_that_is_rotated_before_the_first_look_is_read(reading: Reading) -> None:
    reading.write("one")
    reading.path.rename(reading.path.with_name("app.log.1"))
    reading.write("two")

    assert reading.look() == ["one", "two"]


@pytest.mark.parametrize("was_empty", [False, True])
def test_one_that_is_rotated_after_a_crash_in_its_first_look_is_read_under_the_same_uids(
    reading: Reading, was_empty: bool
) -> None:
    if was_empty:
        reading.path.touch()
        reading.look()
    reading.write("one", "two")

    def crash(entry: LogEntry) -> None:
        reading.entries.append(entry)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reading.tail.look(crash)
    reading.path.rename(reading.path.with_suffix(".log.1"))
    reading.write("three")
    reading.start()
    reading.look()

    assert list(reading.distinct().values()) == ["one", "two", "three"]


def test_a_file_that_was_copied_and_cut_is_read_to_the_end_of_its_copy(reading: Reading) -> None:
    reading.write("one")
    reading.look()
    reading.write("two")
    reading.path.with_name("app.log.1").write_bytes(reading.path.read_bytes())
    os.truncate(reading.path, 0)
    reading.write("x")

    assert reading.look() == ["two", "x"]
    assert len(reading.distinct()) == 3


def test_one_that_was_cut_and_has_outgrown_what_was_read_of_it_is_another_one(reading: Reading) -> None:
    old, new = ([f"{word} {number:06}" for number in range(60_000)] for word in ("old", "new"))  # more than one piece
    reading.write(*old)
    found: list[object] = []

    def take(entry: LogEntry) -> None:
        if not found:
            reading.path.with_suffix(".log.1").write_bytes(reading.path.read_bytes())
            os.truncate(reading.path, 0)
            reading.write(*new)
        found.append(entry.body)

    reading.tail.look(take)
    reading.clock.advance(5)
    reading.tail.look(take)

    assert found == old + new


def test_a_copy_that_was_made_while_nobody_ran_is_read_to_its_end(reading: Reading) -> None:
    reading.write("one")
    reading.look()
    reading.write("two")
    reading.path.with_name("app.log.1").write_bytes(reading.path.read_bytes())
    os.truncate(reading.path, 0)
    reading.write("x")

    reading.start()

    assert reading.look() == ["two", "x"]


def test_a_cut_file_with_the_same_first_line_is_another_one(reading: Reading) -> None:
    reading.write("started", "long work")
    reading.look()
    os.truncate(reading.path, 0)
    reading.write("started")

    assert reading.look() == ["started"]
    assert len(reading.distinct()) == 3


def test_one_that_was_cut_while_nobody_ran_begins_anew(reading: Reading) -> None:
    reading.write("first", "second")
    reading.look()
    os.truncate(reading.path, 0)
    reading.write("third")

    reading.start()

    assert reading.look() == ["third"]
    assert len(reading.distinct()) == 3


def test_a_record_waits_a_second_for_what_belongs_to_it(reading: Reading) -> None:
    reading.write(f"{AT} ERROR app: failed")
    reading.tail.look(reading.entries.append)
    assert reading.entries == []

    reading.write("  at line 1")
    assert reading.look() == ["failed\n  at line 1"]


def test_what_waits_is_read_again_after_a_crash(reading: Reading) -> None:
    reading.write("one")
    reading.look()
    reading.write(f"{AT} ERROR app: failed")
    reading.clock.advance(5)
    reading.tail.look(reading.entries.append)  # saves while it waits

    reading.start()

    assert reading.look() == ["failed"]


def test_positions_that_cannot_be_saved_stop_nothing_and_are_not_complained_of_for_each_record(
    reading: Reading, caplog: pytest.LogCaptureFixture
) -> None:
    reading.saved.parent.write_text("a file where the folder would be")
    reading.write(*(f"{number}" for number in range(100)))

    found = reading.look()

    assert len(found) == 100
    assert len([each for each in caplog.records if "can't be saved" in each.message]) <= 3


def test_positions_are_not_saved_ahead_of_the_journal(reading: Reading) -> None:
    reading.write("one")
    reading.tail = FileTail(
        [reading.path], Positions(reading.saved), sync=lambda: False, monotonic=reading.clock.monotonic
    )

    reading.look()

    (saved,) = json.loads(reading.saved.read_text())["files"]
    assert saved["offset"] == 0


def test_damaged_positions_are_kept_aside_and_all_is_read_again(
    reading: Reading, caplog: pytest.LogCaptureFixture
) -> None:
    reading.write("one")
    reading.look()
    reading.saved.write_text("{")

    reading.start()

    assert reading.look() == ["one"]
    assert reading.saved.with_name("files.json.damaged").read_text() == "{"
    assert "read from the beginning" in caplog.text
    assert json.loads(reading.saved.read_text())["version"] == 1


def test_writing_fails_and_nothing_is_skipped(reading: Reading) -> None:
    reading.write("one", "two", "three")

    def refuse(entry: LogEntry) -> None:
        if entry.body == "two":
            raise RuntimeError("full")
        reading.entries.append(entry)

    with pytest.raises(RuntimeError):
        reading.tail.collect(refuse)
    reading.start()

    reading.look()
    assert list(reading.distinct().values()) == ["one", "two", "three"]


def play(reading: Reading, seed: int, *, copies: int) -> list[str]:
    """Write, rename, copy and cut, crash and look in some order; return every line that was written."""
    chosen = random.Random(seed)  # a game, not a secret
    written: list[str] = []
    rotated = 0

    def write() -> None:
        written.append(f"line {len(written)}")
        reading.write(written[-1])

    def rename() -> None:
        nonlocal rotated
        if reading.path.exists():
            rotated += 1
            reading.path.rename(reading.path.with_name(f"app.log.{rotated}"))

    def copy_and_cut() -> None:
        nonlocal rotated
        if reading.path.exists() and reading.path.stat().st_size:
            rotated += 1
            reading.path.with_name(f"app.log.{rotated}").write_bytes(reading.path.read_bytes())
            os.truncate(reading.path, 0)
            reading.look()

    def crash() -> None:
        reading.tail.look(reading.entries.append)
        reading.start()

    write()
    reading.look()
    for _ in range(60):
        chosen.choices([write, rename, copy_and_cut, crash, reading.look], [6, 1, copies, 1, 3])[0]()
    write()
    reading.look()
    return written


@pytest.mark.parametrize("seed", range(30))
def test_every_line_comes_once_whatever_the_order_of_writes_renames_and_crashes(reading: Reading, seed: int) -> None:
    written = play(reading, seed, copies=0)

    assert sorted(map(str, reading.distinct().values())) == sorted(written)


@pytest.mark.parametrize("seed", range(30))
def test_with_copies_and_crashes_no_line_is_lost(reading: Reading, seed: int) -> None:
    """A copy that was made just before a crash may be read a second time, as a file of its own."""
    written = play(reading, seed, copies=1)

    assert set(reading.distinct().values()) == set(written)
