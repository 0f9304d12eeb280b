"""The files of /proc/N, as bytes, to values."""

from __future__ import annotations

import re
from typing import NamedTuple

STATES = ("running", "sleeping", "stopped", "defunct")
"""The values of `process.state`."""

# Letters of fs/proc/array.c, with those that Linux 2.6.33 to 4.13 had. Dead ones (X) are gone before they can be counted.
_LETTERS = {
    "R": "running",
    "S": "sleeping",
    "D": "sleeping",  # in a disk or another wait that no signal ends
    "I": "sleeping",  # an idle kernel thread
    "P": "sleeping",  # parked
    "K": "sleeping",  # wakekill
    "W": "sleeping",  # waking
    "T": "stopped",
    "t": "stopped",  # by a debugger
    "Z": "defunct",
    "X": None,
    "x": None,
}
_PF_KTHREAD = 0x00200000  # include/linux/sched.h
# Behind the command: the parent, 4 that are skipped, flags, faults (own and children's), ticks (own and children's),
# priority, nice, threads, an obsolete one, start, bytes, pages. Skipped ones and pages may be negative.
_STAT_TAIL = re.compile(
    rb"\) [A-Za-z] (\d{1,10})(?: -?\d{1,20}){4} (\d{1,20}) (\d{1,20}) \d{1,20} (\d{1,20}) \d{1,20}"
    rb" (\d{1,20}) (\d{1,20})(?: -?\d{1,20}){4} (\d{1,10}) -?\d{1,20} (\d{1,20}) (\d{1,20}) (-?\d{1,20})(?:[ \n]|$)"
)
_STAT_HEAD = re.compile(rb"(\d{1,10}) \(")
_UID = re.compile(rb"^Uid:\s+\d{1,10}\s+(\d{1,10})\s", re.MULTILINE)
_CPUS_ALLOWED = re.compile(rb"^Cpus_allowed:\s+([0-9a-f]{1,8}(?:,[0-9a-f]{8})*)\s*$", re.MULTILINE)
_SWITCHES = re.compile(
    rb"^voluntary_ctxt_switches:\s+(\d{1,20})\s*\nnonvoluntary_ctxt_switches:\s+(\d{1,20})\s*$", re.MULTILINE
)
_BYTES = re.compile(rb"^read_bytes: (\d{1,20})\nwrite_bytes: (\d{1,20})$", re.MULTILINE)
_BTIME = re.compile(rb"^btime (\d{1,12})\s*$", re.MULTILINE)


class Stat(NamedTuple):
    """What is read of /proc/N/stat; times are USER_HZ ticks, since boot for *start_ticks*."""

    pid: int
    name: str
    """The command of `ps -o comm`, cut at 15 bytes by the kernel."""
    state: str | None
    """One of `STATES`; None for a dead one."""
    parent_pid: int
    is_kernel_thread: bool
    minor_faults: int | None
    major_faults: int | None
    """None where the system doesn't tell them apart."""
    user_ticks: int
    system_ticks: int
    threads: int
    start_ticks: int
    virtual_bytes: int
    resident_pages: int


class Status(NamedTuple):
    """What is read of /proc/N/status; None for what this kernel doesn't say."""

    uid: int | None
    """The effective one."""
    allowed_cpus: int | None
    voluntary_switches: int | None
    involuntary_switches: int | None


def parse_state(stat: bytes) -> str | None:
    """Return the `process.state` of a process; None for one that is dead.

    Raises:
        ValueError: *stat* isn't the head of a stat file, or the state is unknown.

    Source: /proc/N/stat: pid, command in parentheses, state. The command may hold anything, parentheses and
    line breaks too; behind it are numbers, so that the last `)` is its end.
    """
    letter = stat[stat.rfind(b")") + 1 :][:3].decode("ascii", "replace")
    if len(letter) != 3 or letter[0] != " " or letter[2] != " " or letter[1] not in _LETTERS or b")" not in stat:
        raise ValueError(f"/proc/N/stat: no known state behind the command in {stat[:40]!r}")
    return _LETTERS[letter[1]]


def parse_stat(stat: bytes) -> Stat:
    """Return what is used of a stat file; the resident pages of a process that is going may be negative, here 0.

    Raises:
        ValueError: *stat* isn't one.

    Source: /proc/N/stat, see proc(5). Its numbers are over all threads of the process, ended ones too.
    """
    state, end = parse_state(stat), stat.rfind(b")")
    head, tail = _STAT_HEAD.match(stat), _STAT_TAIL.match(stat, end)
    if head is None or tail is None:
        raise ValueError(f"/proc/N/stat: expected a command and 22 fields, got {stat[:40]!r}")
    parent, flags, minor, major, user, system, threads, start, virtual, pages = map(int, tail.groups())
    name, is_kernel_thread = stat[head.end() : end].decode("utf-8", "replace"), bool(flags & _PF_KTHREAD)
    pid, resident = int(head[1]), max(0, pages)
    # By position, in the order of the fields: thirteen names cost as much as the parsing.
    return Stat(
        *(pid, name, state, parent, is_kernel_thread, minor, major, user, system, threads, start, virtual, resident)
    )


def parse_status(content: bytes) -> Status:
    """Return user, CPUs and context switches; what isn't in *content* is None.

    Source: /proc/N/status. The switches are those of the first thread alone, in the kernel and so in psutil.
    """
    uid, cpus, switches = _UID.search(content), _CPUS_ALLOWED.search(content), _SWITCHES.search(content)
    return Status(
        uid=int(uid[1]) if uid else None,
        allowed_cpus=int(cpus[1].replace(b",", b""), 16).bit_count() if cpus else None,
        voluntary_switches=int(switches[1]) if switches else None,
        involuntary_switches=int(switches[2]) if switches else None,
    )


def parse_io(content: bytes) -> tuple[int, int]:
    """Return the bytes read from and written to storage.

    Raises:
        ValueError: they aren't in *content*.

    Source: /proc/N/io: `read_bytes` and `write_bytes`, not `rchar` and `wchar`, which count pipes and the page cache.
    """
    match = _BYTES.search(content)
    if match is None:
        raise ValueError(f"/proc/N/io: no read_bytes and write_bytes in {content[:60]!r}")
    return int(match[1]), int(match[2])


def parse_arguments(content: bytes) -> tuple[str, ...]:
    """Return the arguments of a process; () for a kernel thread, and for one that has erased them.

    Source: /proc/N/cmdline. A process that writes its title there (nginx, sshd) may have left out the zero bytes.
    """
    text = content.rstrip(b"\0").decode("utf-8", "replace")
    return tuple(text.split("\0")) if text else ()


def parse_boot_time(content: bytes) -> int:
    """Return when the host was booted, in seconds since the Unix epoch.

    Raises:
        ValueError: there is no line `btime`.

    Source: /proc/stat.
    """
    start = content.rfind(b"\nbtime ")  # the lines before it are long: a pattern would try each of their characters
    match = _BTIME.match(content, start + 1)
    if match is None:
        raise ValueError(f"/proc/stat: no time of boot in {content[start + 1 : start + 41]!r}")
    return int(match[1])


def parse_cpu_list(content: bytes) -> int:
    """Return how many CPUs a list such as `0-3,8` names.

    Raises:
        ValueError: it isn't such a list.

    Source: /sys/devices/system/cpu/online.
    """
    count = 0
    for part in content.strip().split(b","):
        match = re.fullmatch(rb"(\d{1,6})(?:-(\d{1,6}))?", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if first > last:
            raise ValueError(f"/sys/devices/system/cpu/online: expected a list of CPUs, got {content[:40]!r}")
        count += last - first + 1
    return count
