"""The door for many records at once writes a journal like any other, and stops where the disk refuses."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from otel_bitacora.errors import JournalUnavailable
from otel_bitacora.reporter.core.journal.bulk import BulkWriter
from otel_bitacora.reporter.core.journal.frame import decode_header, encode_frame, seed_of
from otel_bitacora.reporter.core.journal.reader import Reader
from otel_bitacora.reporter.core.journal.retention import list_segments
from otel_bitacora.reporter.core.journal.verify import verify_journal
from otel_bitacora.testing import FaultyDisk

INSTANCE = bytes(range(16))
KEY = ("s-1", "app")


@pytest.fixture
def disk() -> FaultyDisk:
    return FaultyDisk()


@pytest.fixture
def writer(tmp_path: Path, disk: FaultyDisk) -> BulkWriter:
    return BulkWriter(tmp_path / "journal", instance=INSTANCE, resource=b"", segment_bytes=4096, host=disk)


def append(writer: BulkWriter, first: int, count: int) -> None:
    seed = seed_of(INSTANCE)
    frames = [
        encode_frame(b"x" * 100, kind=1, sequence=sequence, seed=seed, severity=9)
        for sequence in range(first, first + count)
    ]
    writer.append(b"".join(frames), records=count, levels=1 << 9, keys={KEY}, first_ns=first, last_ns=first + count - 1)


def sequences(journal: Path) -> list[int]:
    return [frame.sequence for frame in Reader(journal) if frame.kind == 1]


def test_records_are_found_in_order_over_many_segments(writer: BulkWriter, tmp_path: Path) -> None:
    for first in range(1, 501, 10):
        append(writer, first, 10)
    writer.close()

    verification = verify_journal(tmp_path / "journal")
    assert sequences(tmp_path / "journal") == list(range(1, 501))
    assert len(list_segments(str(tmp_path / "journal"))) > 10
    assert verification.is_whole
    assert not verification.damage


def test_nothing_stays_open_and_nothing_is_synced(writer: BulkWriter, disk: FaultyDisk) -> None:
    for first in range(1, 101, 10):
        append(writer, first, 10)
    writer.close()

    assert disk.calls.count("close") == disk.calls.count("open") > 1
    assert not {"fsync", "fdatasync"} & set(disk.calls)


@pytest.mark.parametrize("size", [0, 50, 300])
def test_a_full_disk_ends_it_and_leaves_what_was_whole(
    writer: BulkWriter, disk: FaultyDisk, tmp_path: Path, size: int
) -> None:
    append(writer, 1, 10)
    disk.free_bytes = size

    with pytest.raises(JournalUnavailable, match="10 records are written, and no more"):
        append(writer, 11, 10)
    disk.free_bytes = None
    writer.close()

    verification = verify_journal(tmp_path / "journal")
    assert sequences(tmp_path / "journal")[:10] == list(range(1, 11))
    assert verification.is_whole
    assert all(damage.is_torn_tail for damage in verification.damage)  # nothing was added to what is torn


def test_a_disk_that_takes_no_new_file_ends_it(writer: BulkWriter, disk: FaultyDisk, tmp_path: Path) -> None:
    disk.errors["open"] = errno.ENOSPC

    with pytest.raises(JournalUnavailable, match=r"0 records are written, and no more: .*No space"):
        append(writer, 1, 10)
    writer.close()

    assert sequences(tmp_path / "journal") == []


def test_an_instance_that_is_there_already_is_refused(writer: BulkWriter, tmp_path: Path) -> None:
    append(writer, 1, 1)
    writer.close()

    with pytest.raises(JournalUnavailable, match=f"has records of the instance {INSTANCE.hex()} already"):
        BulkWriter(tmp_path / "journal", instance=INSTANCE, resource=b"")


def test_a_segment_says_when_its_first_record_was_made(writer: BulkWriter, tmp_path: Path) -> None:
    append(writer, 7, 1)
    writer.close()

    (segment,) = list_segments(str(tmp_path / "journal"))
    header, _ = decode_header(Path(segment.path).read_bytes())
    assert header.created_ns == 7
