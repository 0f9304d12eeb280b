"""The stat files of all processes: read once in a tick, through descriptors that are bounded and given back."""

import errno
import os
import resource
import subprocess

import pytest

from bitacora_collectors.contract import Host, Unavailable
from bitacora_collectors.process_counts import ProcessCountsCollector
from bitacora_collectors.process_table import ProcessTable, StatLines, stat_lines
from bitacora_collectors.processes import ProcessesCollector


@pytest.fixture
def opened(monkeypatch):
    """The stat files that are opened from now on."""
    found = []
    original = os.open

    def watch(path, *arguments, **options):
        if str(path).endswith("/stat"):
            found.append(path)
        return original(path, *arguments, **options)

    monkeypatch.setattr(os, "open", watch)
    return found


@pytest.fixture
def three(host_with):
    return host_with({f"/proc/{pid}/stat": f"{pid} (sh) S 1" for pid in (1, 2, 3)})


def test_files_are_opened_once_and_read_again(three, host_with, opened):
    lines = StatLines(three)
    first, before = lines.read()
    host_with({"/proc/2/stat": "2 (sh) R 1"})

    _, after = lines.read(first)

    assert sorted(opened) == ["1/stat", "2/stat", "3/stat"]
    assert after["2"] == b"2 (sh) R 1"
    assert after["1"] is before["1"]


def test_beyond_the_limit_files_are_opened_each_time(three, opened):
    lines = StatLines(three)
    lines.max_descriptors = 2
    first, _ = lines.read()
    opened.clear()

    _, found = lines.read(first)

    assert len(found) == 3
    assert len(opened) == 1
    assert lines.descriptors == 2


def test_the_limit_is_half_of_what_the_program_may_have_open(monkeypatch):
    limits = []
    for soft in (1024, 524_288, resource.RLIM_INFINITY):
        monkeypatch.setattr(resource, "getrlimit", lambda _, soft=soft: (soft, soft))
        limits.append(stat_lines.descriptor_limit())

    assert limits == [512, 4096, 4096]


def test_descriptors_are_given_back_when_the_program_has_none_left(three, host_with, monkeypatch):
    lines = StatLines(three)
    first, _ = lines.read()
    host_with({"/proc/4/stat": "4 (sh) S 1"})
    original, refusals = os.open, [errno.EMFILE]

    def refuse(path, *arguments, **options):
        if str(path).endswith("/stat") and refusals:
            raise OSError(refusals.pop(), "Too many open files", path)
        return original(path, *arguments, **options)

    monkeypatch.setattr(os, "open", refuse)

    _, found = lines.read(first)

    assert set(found) == {"1", "2", "3", "4"}
    assert lines.max_descriptors == lines.descriptors == 1


def test_a_process_that_has_ended_is_gone_with_its_descriptor():
    process = subprocess.Popen(["sleep", "600"])
    lines = StatLines(Host())
    first, before = lines.read()
    descriptors = lines.descriptors
    process.kill()
    process.wait()

    _, after = lines.read(first)

    assert str(process.pid) in before
    assert str(process.pid) not in after
    assert str(process.pid) not in lines._kept
    assert lines.descriptors <= descriptors + len(after) - len(before) + 1


def test_what_is_closed_is_opened_again_when_it_is_needed(three, opened):
    lines = StatLines(three)
    first, _ = lines.read()
    lines.close()
    closed = lines.descriptors

    _, found = lines.read(first)

    assert closed == 0
    assert len(found) == 3
    assert len(opened) == 6


def test_another_collector_gets_the_reading_that_one_has_just_made(three, clock):
    lines = StatLines(three, monotonic=clock.monotonic)
    first, _ = lines.read()
    second, _ = lines.read(first)
    of_another, _ = lines.read(first)
    clock.advance(1)

    later, _ = lines.read(first)

    assert (second, of_another, later) == (first + 1, first + 1, first + 2)


def test_a_collector_that_has_seen_a_reading_gets_a_new_one_however_soon(three, clock):
    lines = StatLines(three, monotonic=clock.monotonic)
    first, _ = lines.read()

    assert lines.read(first)[0] == first + 1


def test_collectors_of_one_host_share_and_those_of_another_do_not(three, tmp_path):
    same, other = StatLines.of(Host(tmp_path)), StatLines.of(Host(tmp_path / "other"))

    assert StatLines.of(three) is same
    assert other is not same
    assert ProcessTable.of(three).stat_lines is same


def test_counts_and_processes_read_the_files_once_in_a_tick(three, host_with, monkeypatch):
    host_with({"/proc/stat": "cpu 1\nbtime 1700000000\nprocesses 9\n"})
    tail = "1 1 1 0 -1 0 1 0 0 0 1 1 0 0 20 0 1 0 7 100 5"
    host_with({f"/proc/{pid}/stat": f"{pid} (sh) S {tail}\n" for pid in (1, 2, 3)})
    counts, processes = ProcessCountsCollector(three), ProcessesCollector(three)
    counts.collect()
    processes.collect()
    reads, original = [], os.pread
    monkeypatch.setattr(os, "pread", lambda *arguments: reads.append(arguments) or original(*arguments))

    counts.collect()
    processes.collect()

    assert len(reads) == 3


def test_lines_that_nobody_holds_close_their_files(three):
    lines = StatLines(three)
    lines.read()
    descriptors = [*lines._kept.values(), *lines._directory]

    del lines

    for descriptor in descriptors:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)


def test_a_process_that_vanishes_between_listing_and_reading_is_left_out(host_with):
    host = host_with({"/proc/1/stat": "1 (init) S 0 1", "/proc/2/status": "gone", "/proc/3/stat": ""})

    _, found = StatLines(host).read()

    assert found == {"1": b"1 (init) S 0 1"}


def test_what_is_not_a_process_is_not_opened(host_with, opened):
    StatLines(host_with({"/proc/1/stat": "1 (init) S 0 1", "/proc/driver/stat": "garbage"})).read()

    assert opened == ["1/stat"]


def test_a_host_without_proc_is_unavailable(tmp_path):
    with pytest.raises(Unavailable, match="/proc"):
        StatLines(Host(tmp_path)).read()


def test_the_file_of_a_process_that_is_no_longer_listed_is_closed(three, tmp_path):
    lines = StatLines(three)
    first, _ = lines.read()
    descriptor = lines._kept["2"]
    (tmp_path / "proc/2/stat").unlink()
    (tmp_path / "proc/2").rmdir()

    lines.read(first)

    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
