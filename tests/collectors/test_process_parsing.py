"""What /proc/N says, whatever a process calls itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitacora_collectors.process_table.parsing import (
    Stat,
    Status,
    parse_arguments,
    parse_boot_time,
    parse_cpu_list,
    parse_io,
    parse_stat,
    parse_status,
)

numbers = st.integers(0, 2**63 - 1)
names = st.binary(max_size=16).filter(lambda name: b"\0" not in name)
LETTERS = {"R": "running", "S": "sleeping", "T": "stopped", "Z": "defunct"}


@given(
    name=names,
    letter=st.sampled_from(sorted(LETTERS)),
    values=st.tuples(*[numbers] * 8),
    pages=st.integers(-(2**31), 2**31),
    skipped=st.integers(-(2**63), 2**63 - 1),
)
def test_any_process_is_read_back_as_it_was_written(name, letter, values, pages, skipped):
    minor, major, user, system, threads, start, virtual, flags = values
    threads %= 2**31
    fields = [
        *[skipped] * 4,
        *(flags, minor, 1, major, 2, user, system),
        *[skipped] * 4,
        *(threads, 0, start, virtual, pages, 2**64 - 1, 1, 1, 0),
    ]
    line = b"7 (%b) %b 5 %b\n" % (name, letter.encode(), b" ".join(b"%d" % field for field in fields))

    assert parse_stat(line) == Stat(
        pid=7,
        name=name.decode("utf-8", "replace"),
        state=LETTERS[letter],
        parent_pid=5,
        is_kernel_thread=bool(flags & 0x200000),
        minor_faults=minor,
        major_faults=major,
        user_ticks=user,
        system_ticks=system,
        threads=threads,
        start_ticks=start,
        virtual_bytes=virtual,
        resident_pages=max(0, pages),
    )


def test_a_status_of_a_kernel_that_says_less_is_read_as_far_as_it_goes():
    assert parse_status(b"Name:\tsh\nUid:\t1\t2\t3\t4\n") == Status(2, None, None, None)


def test_a_name_in_a_status_cannot_pass_for_another_line():
    # The kernel escapes line breaks in the name, and nothing else.
    content = b"Name:\tx\\nUid:\t9\t9\t9\t9\nUid:\t1000\t1000\t1000\t1000\n"

    assert parse_status(content).uid == 1000


@pytest.mark.parametrize(("mask", "count"), [(b"f", 4), (b"00000001", 1), (b"ffffffff,00000000", 32), (b"5", 2)])
def test_allowed_cpus_are_counted(mask, count):
    assert parse_status(b"Cpus_allowed:\t%b\n" % mask).allowed_cpus == count


def test_bytes_from_storage_are_not_those_from_the_page_cache():
    content = b"rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 5\nwrite_bytes: 6\ncancelled_write_bytes: 7\n"

    assert parse_io(content) == (5, 6)


def test_an_io_without_bytes_is_named():
    with pytest.raises(ValueError, match="/proc/N/io: no read_bytes"):
        parse_io(b"rchar: 1\nwchar: 2\n")


@pytest.mark.parametrize(
    ("content", "arguments"),
    [
        (b"", ()),
        (b"/bin/sh\0-c\0", ("/bin/sh", "-c")),
        (b"sshd: ada [priv]", ("sshd: ada [priv]",)),
        (b"a\0\0b\0", ("a", "", "b")),
        (b"\xff\0", ("\ufffd",)),
    ],
)
def test_arguments_end_in_zero_bytes(content, arguments):
    assert parse_arguments(content) == arguments


def test_the_time_of_boot_is_read():
    assert parse_boot_time(b"cpu 1\nctxt 5\nbtime 1700000000\nprocesses 9\n") == 1_700_000_000


@pytest.mark.parametrize("content", [b"", b"cpu 1\n", b"cpu 1\nbtime soon\n", b"cpu 1\nbtime -1\n"])
def test_a_stat_without_a_time_of_boot_is_refused(content):
    with pytest.raises(ValueError, match="/proc/stat: no time of boot"):
        parse_boot_time(content)


@pytest.mark.parametrize(("content", "count"), [(b"0\n", 1), (b"0-3\n", 4), (b"0-1,4,8-9\n", 5)])
def test_a_list_of_cpus_is_counted(content, count):
    assert parse_cpu_list(content) == count


@pytest.mark.parametrize("content", [b"", b"3-1\n", b"0-\n", b"all\n", b"0,,1\n"])
def test_what_is_no_list_of_cpus_is_refused(content):
    with pytest.raises(ValueError, match="online: expected a list of CPUs"):
        parse_cpu_list(content)
