"""How many processes there are in each state, how many were started, how many threads there may be."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator

from .contract import FAST_SECONDS, Attributes, Group, Host, Kind, Metric, Reading, Unavailable

_STATE = "process.state"

COUNT = Metric(
    "system.process.count", Kind.UP_DOWN_COUNTER, "{process}", "Processes in each state.", Group.SYSTEM, (_STATE,)
)
CREATED = Metric(
    "system.process.created", Kind.COUNTER, "{process}", "Processes and threads started since boot.", Group.SYSTEM
)
LIMIT = Metric(
    "system.process.limit", Kind.UP_DOWN_COUNTER, "{thread}", "Threads that may exist at one time.", Group.SYSTEM
)

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
# A command's name has at most 64 bytes, and the state comes right after it.
_HEAD_BYTES = 512
_ATTRIBUTES: dict[str, Attributes] = {state: {_STATE: state} for state in STATES}
_PROCESSES = re.compile(rb"^processes (\d{1,20})\s*$", re.MULTILINE)


class ProcessCountsCollector:
    name = "process_counts"
    group = Group.SYSTEM
    metrics = (COUNT, CREATED, LIMIT)
    interval_seconds = FAST_SECONDS

    def __init__(self, host: Host) -> None:
        self._host = host

    def collect(self) -> list[Reading]:
        counts = count_states(read_stats(self._host))
        readings = []
        if counts:
            readings += [Reading(COUNT, counts[state], attributes) for state, attributes in _ATTRIBUTES.items()]
        readings.append(Reading(CREATED, parse_created(self._host.read_bytes("/proc/stat"))))
        try:
            limit = parse_threads_max(self._host.read_bytes("/proc/sys/kernel/threads-max"))
        except Unavailable:
            return readings
        return [*readings, Reading(LIMIT, limit)]


def read_stats(host: Host) -> Iterator[bytes]:
    """Yield the head of each process's stat file, which holds its state; those that vanish meanwhile are left out.

    Relative to an open /proc, unbuffered and cut off: a thousand processes are read in every tick.

    Raises:
        Unavailable: there is no /proc.
    """
    try:
        directory = os.open(host.path("/proc"), os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError as error:
        raise Unavailable("/proc is not on this host") from error
    try:
        for name in os.listdir(directory):  # noqa: PTH208 - by descriptor, which a Path has not
            if name.isdigit() and (head := _read_head(f"{name}/stat", directory)):
                yield head
    finally:
        os.close(directory)


def _read_head(path: str, directory: int) -> bytes:
    try:
        file = os.open(path, os.O_RDONLY, dir_fd=directory)
    except OSError:  # it has ended, or /proc is mounted with hidepid
        return b""
    try:
        return os.read(file, _HEAD_BYTES)
    except OSError:  # it ended after it was opened
        return b""
    finally:
        os.close(file)


def count_states(stats: Iterator[bytes]) -> Counter[str]:
    """Return how many of *stats* are in each state; empty when there are none, which no running host has."""
    return Counter(state for stat in stats if (state := parse_state(stat)) is not None)


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


def parse_created(content: bytes) -> int:
    """Return the number of processes and threads started since boot.

    Raises:
        ValueError: there is no line `processes`.

    Source: /proc/stat.
    """
    start = content.rfind(b"\nprocesses ")  # the lines before it are long: a pattern would try each of their characters
    match = _PROCESSES.match(content, start + 1) if start >= 0 else _PROCESSES.match(content)
    if match is None:
        raise ValueError(f"/proc/stat: no number of processes in {content[start + 1 : start + 41]!r}")
    return int(match[1])


def parse_threads_max(content: bytes) -> int:
    """Return the number of threads that may exist at one time.

    Raises:
        ValueError: *content* isn't a number.

    Source: /proc/sys/kernel/threads-max.
    """
    text = content.strip()
    if not text.isdigit() or len(text) > 20:
        raise ValueError(f"/proc/sys/kernel/threads-max: expected a number, got {content[:40]!r}")
    return int(text)
