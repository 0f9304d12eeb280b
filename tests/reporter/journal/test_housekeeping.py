"""What is done for a journal now and then, by one process at a time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from otel_bitacora.errors import JournalUnavailable
from otel_bitacora.reporter.core.journal import Housekept, Reader, Writer, keep_house, verify_journal

HOUR = 3600.0


def log_in_short_lived_processes(journal: Path, count: int) -> None:
    for number in range(count):
        writer = Writer(journal, resource=b"")
        writer.append(b"\x12\x04KEEP", b"", scope_length=6, severity=9, time_ns=number + 1)
        writer.close()


def keep(journal: Path, **more: bool) -> Housekept | None:
    return keep_house(journal, max_bytes=1 << 30, max_age_seconds=HOUR, **more)


def test_the_segments_of_many_short_lived_processes_become_one(tmp_path: Path) -> None:
    log_in_short_lived_processes(tmp_path, 20)

    done = keep(tmp_path)

    assert done is not None
    assert len(done.merged) == 1
    assert len(list(tmp_path.glob("**/*.seg"))) == 1
    assert len(list(Reader(tmp_path))) == 20
    assert verify_journal(tmp_path).is_whole


def test_what_is_over_the_bounds_goes(tmp_path: Path) -> None:
    log_in_short_lived_processes(tmp_path, 2)
    for segment in tmp_path.glob("*.seg"):
        os.utime(segment, (0, 0))

    done = keep(tmp_path)

    assert done is not None
    assert len(done.deleted) == 2
    assert list(Reader(tmp_path)) == []


def test_damage_is_copied_aside_when_it_is_looked_for(tmp_path: Path) -> None:
    log_in_short_lived_processes(tmp_path, 1)
    segment = next(tmp_path.glob("*.seg"))
    data = bytearray(segment.read_bytes())
    position = data.index(b"KEEP")
    data[position] ^= 0xFF
    segment.write_bytes(data)

    assert keep(tmp_path) == Housekept()
    done = keep(tmp_path, look_for_damage=True)

    assert done is not None
    assert [Path(path).parent.name for path in done.quarantined] == ["quarantine"]


def test_only_one_process_is_at_it(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from otel_bitacora.reporter.core.journal.directory import PRIVATE\n"
        "from otel_bitacora.reporter.core.journal.housekeeping import _only_one\n"
        "with _only_one(pathlib.Path(sys.argv[1]), PRIVATE) as is_ours:\n"
        "    print(is_ours, flush=True); sys.stdin.readline()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "True\n"

    assert keep(tmp_path) is None
    other.communicate("\n", timeout=60)
    assert keep(tmp_path) is not None


def test_a_journal_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(JournalUnavailable, match="can't be kept in order"):
        keep(tmp_path / "none")


@pytest.mark.parametrize(("is_shared", "mode"), [(False, 0o600), (True, 0o640)])
def test_who_could_read_the_segments_can_read_the_merged_one(tmp_path: Path, is_shared: bool, mode: int) -> None:
    journal = tmp_path / "journal"
    for number in range(20):
        writer = Writer(journal, resource=b"", shared=is_shared)
        writer.append(b"\x12\x04KEEP", b"", scope_length=6, severity=9, time_ns=number + 1)
        writer.close()

    done = keep(journal)

    assert done is not None
    (merged,) = map(Path, done.merged)
    assert merged.stat().st_mode & 0o777 == mode


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can write to another's private journal")
def test_another_users_private_journal_is_left_to_that_user(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    log_in_short_lived_processes(journal, 20)
    os.chown(journal, 12345, -1)

    with pytest.raises(JournalUnavailable, match="private to user 12345; run it as that user"):
        keep(journal)
