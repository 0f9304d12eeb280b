"""A disk that is full, limited, read-only, out of descriptors, or taken away under a program that logs."""

from __future__ import annotations

import json
import logging
import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from otel_bitacora import BitacoraHandler
from otel_bitacora.errors import JournalUnavailable
from otel_bitacora.reporter.core.journal.reader import Damage

from ..journalled import balances, bodies, entries, raw  # noqa: TID252  # tests are no package
from .programs import run

FLIPS = 4000 if os.environ.get("BITACORA_SOAK") else 400


def facts(program: str, journal: Path, *arguments: object) -> dict[str, object]:
    said: dict[str, object] = json.loads(run(program, journal, *arguments).stdout.splitlines()[-1])
    return said


@pytest.fixture
def tmpfs(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB of its own, with ballast to be thrown off."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting isn't allowed here")
    try:
        (place / "ballast").write_bytes(bytes(2 << 20))
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


FULL = """
from pathlib import Path
handler, log = setup(memory_bytes=65536)
acknowledged = 0
while handler.stats().health == "ok":
    acknowledged += 1
    log.info("%d", acknowledged, extra={"filler": "x" * 900})
degraded = handler.stats()
for i in range(600):  # more than memory holds
    log.log(logging.ERROR if i % 3 == 0 else logging.INFO, "%d", 1_000_000 + i, extra={"filler": "x" * 900})
(Path(sys.argv[1]).parent / "ballast").unlink()
flushed = handler.flush()
log.info("fresh")
stats = handler.stats()
say(acknowledged=acknowledged, flushed=flushed, dropped=dict(stats.dropped), taken=stats.taken, health=stats.health,
    journalled=stats.journalled, in_memory=degraded.in_memory, error=degraded.last_error)
"""


def test_a_full_disk_loses_no_record_it_had_room_for_and_every_other_is_counted(tmpfs: Path) -> None:
    said = facts(FULL, tmpfs / "journal")

    found = entries(tmpfs / "journal")
    (balance,) = balances(tmpfs / "journal")

    texts = [entry.body for entry in found]
    acknowledged = int(str(said["acknowledged"]))
    assert acknowledged > 1000
    # The last of them was the first to wait in memory, where later and graver ones may take its place.
    assert texts[: acknowledged - 1] == [str(i) for i in range(1, acknowledged)]
    assert texts[-1] == "fresh"
    assert (said["flushed"], said["health"], said["in_memory"]) == (True, "ok", 1)
    assert "No space left" in str(said["error"])
    assert said["dropped"] == balance.tombstoned
    assert sum(balance.tombstoned.values()) > 100
    assert (said["taken"], said["journalled"]) == (balance.last_sequence, len(found))


def test_of_what_memory_cannot_hold_errors_are_kept_longest(tmpfs: Path) -> None:
    run(FULL, tmpfs / "journal")

    numbered = [entry for entry in entries(tmpfs / "journal") if entry.body != "fresh"]

    kept = [entry.severity_number for entry in numbered if int(str(entry.body)) >= 1_000_000]
    assert kept.count(17) > kept.count(9)


LIMITED = """
import resource
handler, log = setup()
log.info("0")
resource.setrlimit(getattr(resource, sys.argv[2]), (int(sys.argv[3]),) * 2)
for i in range(1, 301):
    log.info("%d", i, extra={"filler": "x" * 300})
stats = handler.stats()
say(flushed=handler.flush(), refused=stats.journal.counts.torn_writes + stats.journal.counts.write_errors)
"""


def test_a_limit_on_the_size_of_files_goes_on_in_the_next_one(tmp_path: Path) -> None:
    said = facts(LIMITED, tmp_path, "RLIMIT_FSIZE", 20_000)

    assert bodies(tmp_path) == [str(i) for i in range(301)]
    assert said["flushed"] is True
    assert int(str(said["refused"])) > 3


OUT_OF_DESCRIPTORS = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
handler, log = setup()
if sys.argv[2] == "late":
    log.info("0")
taken = []
try:
    while True:
        taken.append(os.dup(0))
except OSError:
    pass
for i in range(1, 301):
    log.info("%d", i)
during = handler.stats().health
for fd in taken:
    os.close(fd)
flushed = handler.flush()
log.info("fresh")
say(during=during, flushed=flushed, after=handler.stats().health, dropped=dict(handler.stats().dropped))
"""


@pytest.mark.parametrize(("when", "during"), [("late", "ok"), ("early", "degraded")])
def test_a_program_without_free_descriptors_keeps_its_records(tmp_path: Path, when: str, during: str) -> None:
    said = facts(OUT_OF_DESCRIPTORS, tmp_path / "journal", when)

    first = 0 if when == "late" else 1
    assert bodies(tmp_path / "journal") == [*map(str, range(first, 301)), "fresh"]
    assert said == {"during": during, "flushed": True, "after": "ok", "dropped": {}}


READ_ONLY = """
import subprocess
from pathlib import Path
place = str(Path(sys.argv[1]).parent)
def remount(how):
    subprocess.run(["mount", "-o", f"remount,{how}", place], check=True)
if sys.argv[2] == "from the start":
    remount("ro")
handler, log = setup(memory_bytes=65536)
if sys.argv[2] == "later":
    log.info("0")
    handler.close()
    remount("ro")
for i in range(1, 1001):
    log.info("%d", i)
during = handler.stats()
refused = handler.flush()
remount("rw")
flushed = handler.flush()
log.info("fresh")
stats = handler.stats()
say(during=during.health, error=during.last_error, refused=refused, flushed=flushed, after=stats.health,
    dropped=dict(stats.dropped), in_memory=during.in_memory)
"""


@pytest.mark.parametrize("when", ["from the start", "later"])
def test_on_a_read_only_file_system_records_wait_in_memory_within_bounds(tmpfs: Path, when: str) -> None:
    result = run(READ_ONLY, tmpfs / "journal", when)
    said = json.loads(result.stdout.splitlines()[-1])

    (balance,) = balances(tmpfs / "journal")
    texts = bodies(tmpfs / "journal")

    assert (said["during"], said["refused"], said["flushed"], said["after"]) == ("degraded", False, True, "ok")
    assert "Read-only" in str(said["error"])
    assert result.stderr.count("the disk refuses records") == 1
    assert "Read-only file system" in result.stderr
    assert said["dropped"] == balance.tombstoned
    assert balance.journalled + sum(balance.tombstoned.values()) == balance.last_sequence
    assert balance.tombstoned["memory_full"] > 100
    assert len(texts) == int(str(said["in_memory"])) + (2 if when == "later" else 1)
    assert texts[-1] == "fresh"


def test_what_the_disk_refused_to_the_end_is_told_at_the_end(tmp_path: Path) -> None:
    result = run("handler, log = setup()\nlog.error('1')\nlog.error('2')\nlogging.shutdown()", Path("/proc/1/journal"))

    assert "/proc/1/journal: 2 records that the disk refuses end with this process" in result.stderr


DELETED = """
import shutil
from pathlib import Path
journal = Path(sys.argv[1])
handler, log = setup()
for i in range(500):
    log.info("before %d", i)
if sys.argv[2] == "journal":
    shutil.rmtree(journal)
else:
    for segment in journal.glob("*.seg"):
        segment.unlink()
for i in range(2000):
    log.info("after %d", i)
flushed = handler.flush()
say(flushed=flushed, lost=handler.stats().journal.counts.segments_lost, health=handler.stats().health)
"""


@pytest.mark.parametrize("what", ["journal", "segment"])
def test_what_is_deleted_under_a_program_is_noticed_and_made_again(tmp_path: Path, what: str) -> None:
    journal = tmp_path / "journal"

    said = facts(DELETED, journal, what)

    texts = bodies(journal)
    assert said == {"flushed": True, "lost": 1, "health": "ok"}
    assert texts[-1] == "after 1999"
    assert len(texts) >= 2000 - 256  # noticed within 256 records
    assert texts == [f"after {i}" for i in range(2000 - len(texts), 2000)]
    assert journal.stat().st_mode & 0o777 == 0o700


def test_a_planted_symlink_is_never_written_through(tmp_path: Path) -> None:
    journal, elsewhere = tmp_path / "journal", tmp_path / "elsewhere"
    elsewhere.mkdir()
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    journal.mkdir(mode=0o700)
    (journal / ".reserve").symlink_to(victim)
    handler = BitacoraHandler(journal=journal)

    handler.handle(logging.makeLogRecord({"msg": "before"}))
    shutil.rmtree(journal)
    journal.symlink_to(elsewhere)
    handler.close()
    handler.handle(logging.makeLogRecord({"msg": "after"}))
    during = handler.stats()
    journal.unlink()
    flushed = handler.flush()

    assert victim.read_text() == "untouched"
    assert list(elsewhere.iterdir()) == []
    assert (during.health, during.in_memory) == ("degraded", 1)
    assert "symbolic link" in during.last_error
    assert flushed
    assert bodies(journal) == ["after"]
    handler.close()


def test_a_symlink_or_a_file_in_the_journal_s_place_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "file").write_text("")

    with pytest.raises(JournalUnavailable, match="symbolic link"):
        BitacoraHandler(journal=tmp_path / "link")
    with pytest.raises(JournalUnavailable, match="no directory"):
        BitacoraHandler(journal=tmp_path / "file")


@pytest.mark.parametrize("is_shared", [False, True])
def test_nobody_else_may_read_a_private_journal_and_the_group_a_shared_one(tmp_path: Path, is_shared: bool) -> None:
    handler = BitacoraHandler(journal=tmp_path / "journal", shared=is_shared)
    handler.handle(logging.makeLogRecord({"msg": "x"}))
    handler.close()

    (segment,) = (tmp_path / "journal").glob("*.seg")
    modes = (tmp_path / "journal").stat().st_mode & 0o7777, segment.stat().st_mode & 0o777
    assert modes == ((0o2770, 0o640) if is_shared else (0o700, 0o600))


CAPPED = """
import resource
handler, log = setup()
log.info("before")
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
cap = used + (24 << 20)
kept = []
resource.setrlimit(resource.RLIMIT_AS, (cap, resource.RLIM_INFINITY))
text = "y" * (6 << 20)
for i in range(20):
    log.info("%d %s", i, text, extra={"more": text})  # each would take several times what is left
try:
    while True:
        kept.append(bytearray(4096))
except MemoryError:
    pass
for i in range(50):
    log.info("with nothing left %d", i)
kept.clear()
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
log.info("after")
handler.flush()
stats = handler.stats()
say(taken=stats.taken, dropped=dict(stats.dropped), journalled=stats.journalled)
"""


def test_a_cap_on_memory_costs_at_most_counted_records_and_never_the_program(tmp_path: Path) -> None:
    said = facts("from pathlib import Path\n" + CAPPED, tmp_path)

    texts = [str(body) for body in bodies(tmp_path)]
    (balance,) = balances(tmp_path)

    assert (texts[0], texts[-1]) == ("before", "after")
    assert said["taken"] == balance.last_sequence == 72
    assert said["dropped"] == balance.tombstoned
    assert len(texts) + sum(balance.tombstoned.values()) == 72


def test_a_flipped_bit_costs_one_record_at_most_and_makes_none_wrong(tmp_path: Path) -> None:
    handler = BitacoraHandler(journal=tmp_path)
    for i in range(60):
        fields = {"msg": "%d: %s", "args": (i, "x" * (i * 7919 % 500)), "session_id": "s", "number": i}
        handler.handle(logging.makeLogRecord(fields))
    handler.close()
    expected = {entry.uid: entry for entry in entries(tmp_path)}
    (path,) = tmp_path.glob("*.seg")
    original = path.read_bytes()
    chance = random.Random(0)

    for _ in range(FLIPS):
        broken = bytearray(original)
        broken[chance.randrange(len(broken))] ^= 1 << chance.randrange(8)
        path.write_bytes(broken)
        damage: list[Damage] = []
        found = {entry.uid: entry for entry in entries(tmp_path, damage=damage)}

        assert len(expected) - len(found) <= 1
        assert all(entry == expected[uid] for uid, entry in found.items())
        assert damage


def test_a_program_that_is_told_to_hides_nothing(tmp_path: Path) -> None:
    run('handler, log = setup(redact=False)\nlog.info("password=canary-9")', tmp_path)

    assert b"canary-9" in raw(tmp_path)
