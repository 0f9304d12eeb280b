"""The disk refuses: what is written stays readable, what isn't waits in memory, and every drop is counted."""

import errno
import os
import subprocess
import sys

import pytest

from otel_bitacora.reporter.core.journal.reader import Reader
from otel_bitacora.reporter.core.journal.verify import verify_journal
from otel_bitacora.reporter.core.journal.writer import Writer


def test_a_short_write_stays_as_a_torn_tail_and_the_record_goes_to_a_new_segment(journal) -> None:
    writer = journal.writer()
    journal.append(writer, 1)
    size = journal.segments()[0].stat().st_size

    journal.host.short_writes = [30]
    journal.append(writer, 2)
    journal.append(writer, 3)

    assert journal.numbers() == [1, 2, 3]
    assert journal.segments()[0].stat().st_size == size + 30
    assert len(journal.segments()) == 2
    assert [damage.is_torn_tail for damage in journal.damage] == [True]
    assert writer.stats().counts.torn_writes == 1
    assert verify_journal(journal.directory).is_whole


def test_a_write_that_fails_after_all_its_bytes_arrived_is_read_once(journal) -> None:
    writer = journal.writer()
    journal.append(writer, 1)

    class LyingWrite:
        armed = True

    def fail_after_writing(fd: int, data: bytes) -> int:
        written = os.write(fd, data)
        if LyingWrite.armed:
            LyingWrite.armed = False
            raise OSError(errno.EIO, "input/output error")
        return written

    writer._process.instance.write = fail_after_writing
    journal.append(writer, 2)
    journal.append(writer, 3)

    assert journal.numbers() == [1, 2, 3]
    assert journal.damage == []
    assert writer.stats().counts.write_errors == 1


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_records_wait_in_memory_while_the_disk_refuses_and_follow_in_order(journal, code: int) -> None:
    writer = journal.writer()
    journal.append(writer, 1)

    journal.host.errors = {"write": code, "open": code}
    for number in range(2, 50):
        journal.append(writer, number)
    during = writer.stats()
    journal.host.errors = {}
    journal.clock.advance(2)
    journal.append(writer, 50)

    assert (during.health, during.memory_records) == ("degraded", 48)
    assert journal.numbers() == list(range(1, 51))
    assert writer.stats().health == "ok"
    assert verify_journal(journal.directory).is_whole


def test_flush_brings_what_waited_in_memory_to_the_disk(journal) -> None:
    writer = journal.writer()
    journal.host.errors = {"open": errno.EMFILE}
    journal.append(writer, 1)
    refused = writer.flush()

    journal.host.errors = {}

    assert not refused
    assert writer.flush()
    assert journal.numbers() == [1]


def test_memory_is_bounded_and_what_falls_out_is_told_by_a_tombstone(journal) -> None:
    writer = journal.writer(memory_bytes=10_000)
    journal.host.errors = {"open": errno.ENOSPC}
    for number in range(1, 201):
        journal.append(writer, number, severity=17)
    for number in range(201, 211):
        journal.append(writer, number, severity=5)
    during = writer.stats()

    journal.host.errors = {}
    journal.clock.advance(2)
    journal.append(writer, 211)

    assert during.memory_bytes <= 10_000
    assert during.counts.dropped["memory_full"] + during.memory_records == 210
    (balance,) = verify_journal(journal.directory).instances.values()
    assert balance.is_balanced
    assert balance.tombstoned == {"memory_full": during.counts.dropped["memory_full"]}
    assert balance.journalled == during.memory_records + 1
    assert balance.last_sequence == 211
    assert all(frame.severity == 17 for frame in journal.frames()[:-1])


def test_the_reserve_is_given_up_by_the_first_full_disk_and_made_again_later(journal) -> None:
    writer = journal.writer(reserve_bytes=65536)
    journal.append(writer, 1)
    reserve = journal.directory / ".reserve"
    blocks_before = reserve.stat().st_blocks

    def space_comes_back(call: str) -> None:
        if call == "unlink":
            journal.host.free_bytes = 65536

    journal.host.free_bytes, journal.host.on_call = 0, space_comes_back
    journal.append(writer, 2)
    was_there = reserve.exists()
    journal.host.free_bytes = None
    journal.clock.advance(120)
    journal.append(writer, 3)

    assert blocks_before * 512 >= 65536
    assert not was_there
    assert reserve.exists()
    assert journal.numbers() == [1, 2, 3]
    assert writer.stats().memory_records == 0


def test_a_disk_that_fills_up_while_a_segment_is_created_leaves_no_half_made_file(journal) -> None:
    writer = journal.writer()
    journal.host.free_bytes = 20

    journal.append(writer, 1)

    assert list(journal.directory.iterdir()) == []
    assert writer.stats().memory_records == 1


def test_a_new_segment_that_cannot_be_had_lets_the_old_one_grow(journal) -> None:
    writer = journal.writer(segment_bytes=4096)
    journal.append(writer, 1)

    journal.host.errors = {"open": errno.EMFILE}
    for number in range(2, 200):
        journal.append(writer, number)

    assert journal.numbers() == list(range(1, 200))
    assert writer.stats().memory_records == 0


FULL_DISK = """
import os, sys
from pathlib import Path
from otel_bitacora.reporter.core.journal.writer import Writer

place = Path(sys.argv[1])
writer = Writer(place / "journal", resource=b"r", segment_bytes=262144, memory_bytes=1 << 16)
written = 0
while writer.stats().memory_records == 0 and written < 60000:
    written += 1
    writer.append(b"%d:" % written, b"x" * 400, scope_length=0, severity=9)
for i in range(1000):  # more than memory holds
    writer.append(b"%d:" % (100000 + i), b"x" * 400, scope_length=0, severity=9 if i % 2 else 17)
(place / "ballast").unlink()
kept = writer.flush()
writer.append(b"200000:", b"fresh", scope_length=0, severity=9)
print(written, kept, writer.stats().counts.dropped.get("memory_full", 0), writer.stats().last_sequence)
"""


def test_a_full_disk_loses_no_acknowledged_record(tmp_path) -> None:
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", place], capture_output=True, check=False
    ).returncode:
        pytest.skip("mounting isn't allowed here")
    try:
        (place / "ballast").write_bytes(bytes(2 << 20))
        result = subprocess.run(
            [sys.executable, "-c", FULL_DISK, place], capture_output=True, text=True, timeout=120, check=False
        )
        assert result.returncode == 0, result.stderr
        written, kept, dropped, last = result.stdout.split()
        numbers = {int(bytes(frame.payload).split(b":")[0]) for frame in Reader(place / "journal") if frame.kind == 1}
        (balance,) = verify_journal(place / "journal").instances.values()
    finally:
        subprocess.run(["umount", place], check=True)

    assert int(written) > 1000
    assert kept == "True"
    assert set(range(1, int(written))) <= numbers  # the last one was the first to wait in memory
    assert 200000 in numbers
    assert (balance.missing, balance.damaged) == (0, 0)
    assert balance.tombstoned.get("memory_full", 0) == int(dropped)
    assert balance.last_sequence == int(last)
    assert balance.is_balanced


LIMITED = """
import resource, signal, sys
from pathlib import Path
from otel_bitacora.reporter.core.journal.writer import Writer

writer = Writer(Path(sys.argv[1]), resource=b"r", segment_bytes=1 << 20, reserve_bytes=0)
which, value = getattr(resource, sys.argv[2]), int(sys.argv[3])
if sys.argv[2] == "RLIMIT_NOFILE":
    import os
    writer.append(b"0:", b"x", scope_length=0, severity=9)
    while True:
        try:
            os.dup(0)
        except OSError:
            break
        if os.dup(0) > 200:
            resource.setrlimit(which, (value, value))
else:
    resource.setrlimit(which, (value, value))
for i in range(1, 301):
    writer.append(b"%d:" % i, b"x" * 400, scope_length=0, severity=9)
print(writer.flush(), writer.stats().counts.torn_writes + writer.stats().counts.write_errors)
"""


def test_a_limit_on_file_size_rolls_to_the_next_segment(tmp_path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", LIMITED, tmp_path, "RLIMIT_FSIZE", "20000"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    frames = [frame for frame in Reader(tmp_path) if frame.kind == 1]

    assert result.stdout.split()[0] == "True", result.stderr
    assert int(result.stdout.split()[1]) > 3
    assert [int(bytes(frame.payload).split(b":")[0]) for frame in frames] == list(range(1, 301))


def test_a_process_without_free_descriptors_keeps_writing_to_the_segment_it_has(tmp_path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", LIMITED, tmp_path, "RLIMIT_NOFILE", "64"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    numbers = [int(bytes(frame.payload).split(b":")[0]) for frame in Reader(tmp_path)]

    assert result.returncode == 0, result.stderr
    assert numbers == list(range(301))


def test_a_directory_that_cannot_be_made_is_no_reason_to_raise(tmp_path, journal) -> None:
    journal.host.errors = {"mkdir": errno.EROFS, "lstat": errno.ENOENT, "open": errno.EROFS}

    writer = journal.writer()
    journal.append(writer, 1)
    during = writer.stats().health
    journal.host.errors = {}
    journal.clock.advance(2)
    journal.append(writer, 2)
    journal.clock.advance(2)
    journal.append(writer, 3)

    assert during == "degraded"
    assert journal.numbers() == [1, 2, 3]


def test_a_record_too_large_for_a_frame_is_a_counted_drop(journal) -> None:
    writer = journal.writer()

    journal.append(writer, 1)
    journal.append(writer, 2, size=5 << 20)
    journal.append(writer, 3)

    assert journal.numbers() == [1, 3]
    (balance,) = verify_journal(journal.directory).instances.values()
    assert balance.tombstoned == {"too_large": 1}


def test_writer_needs_no_directory_before_its_first_record(tmp_path) -> None:
    writer = Writer(tmp_path / "journal", resource=b"")

    assert list((tmp_path / "journal").iterdir()) == []
    assert writer.flush()
