"""A disk that fails as it is told to, under the journals of a whole process."""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path

import pytest

from otel_bitacora import BitacoraHandler
from otel_bitacora.reporter.core.journal.host import HOST, HostOs
from otel_bitacora.testing import FaultyDisk

from ..journalled import bodies  # noqa: TID252  # tests are no package


@pytest.fixture
def logger(disk: FaultyDisk, tmp_path: Path):
    handler = BitacoraHandler(journal=tmp_path / "journal", sync="always")
    logger = logging.Logger("app", level=1)  # noqa: LOG001  # one that nobody else hears
    logger.addHandler(handler)
    yield logger
    handler.close()


@pytest.mark.parametrize("make", [lambda: HOST, FaultyDisk], ids=["the real one", "FaultyDisk"])
def test_a_healthy_one_does_what_the_system_does(make, tmp_path: Path) -> None:
    host = make()
    host.mkdir(str(tmp_path / "d"), 0o700)
    file = host.open(str(tmp_path / "d/f"), os.O_RDWR | os.O_CREAT, 0o600)

    assert host.write(file, b"abc") == 3
    host.fallocate(file, 0, 4096)
    host.fdatasync(file)
    host.fsync(file)
    assert (host.pread(file, 2, 1), host.fstat(file).st_size) == (b"bc", 4096)
    host.close(file)
    host.rename(str(tmp_path / "d/f"), str(tmp_path / "d/g"))
    assert host.listdir(str(tmp_path / "d")) == ["g"]
    host.unlink(str(tmp_path / "d/g"))
    with pytest.raises(FileNotFoundError):
        host.lstat(str(tmp_path / "d/g"))


@pytest.mark.parametrize("break_it", [FaultyDisk.fill, FaultyDisk.make_read_only], ids=["full", "read-only"])
def test_records_wait_for_it_and_are_there_when_it_is_healed(disk, logger, tmp_path: Path, break_it) -> None:
    logger.info("before")
    break_it(disk)
    logger.info("meanwhile")
    during = bodies(tmp_path / "journal")
    disk.heal()
    logger.handlers[0].flush()

    assert during == ["before"]
    assert bodies(tmp_path / "journal") == ["before", "meanwhile"]


def test_a_sync_that_fails_is_told_and_the_record_is_written_all_the_same(disk, logger, tmp_path: Path) -> None:
    disk.fail_syncs()
    logger.error("x")

    assert not logger.handlers[0].flush()
    assert bodies(tmp_path / "journal") == ["x"]
    disk.heal()
    assert logger.handlers[0].flush()


def test_a_short_write_takes_as_much_as_it_is_told_and_counts_what_is_free(tmp_path: Path) -> None:
    disk = FaultyDisk()
    file = disk.open(str(tmp_path / "f"), os.O_WRONLY | os.O_CREAT)
    disk.short_writes, disk.free_bytes = [2], 3

    assert [disk.write(file, b"abc"), disk.write(file, b"abc")] == [2, 1]
    with pytest.raises(OSError, match="FaultyDisk") as refused:
        disk.write(file, b"abc")
    assert refused.value.errno == errno.ENOSPC
    disk.close(file)


def test_a_call_that_a_journal_does_not_make_cannot_fail() -> None:
    with pytest.raises(ValueError, match="truncate: no call of a journal's; there are open, close, write"):
        FaultyDisk().fail(errno.EIO, "truncate")


def test_at_the_end_the_system_s_own_calls_are_back() -> None:
    with FaultyDisk().under_every_journal() as disk:
        disk.fill()
        assert HOST.write is not HostOs.write

    assert HOST.write is HostOs.write
    assert not vars(HOST)
