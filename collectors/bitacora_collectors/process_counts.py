"""How many processes there are in each state, how many were started, how many threads there may be."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping

from .contract import FAST_SECONDS, Attributes, Group, Host, Kind, Metric, Reading
from .process_table import STATES, PortableTable, StatLines, parse_state

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

_ATTRIBUTES: dict[str, Attributes] = {state: {_STATE: state} for state in STATES}
_PROCESSES = re.compile(rb"^processes (\d{1,20})\s*$", re.MULTILINE)


class ProcessCountsCollector:
    name = "process_counts"
    group = Group.SYSTEM
    metrics = (COUNT, CREATED, LIMIT)
    interval_seconds = FAST_SECONDS

    def __init__(self, host: Host) -> None:
        self._host = host
        self._table = StatLines.of(host) if host.is_linux else PortableTable.of(host)
        self._sequence = 0
        self._states: dict[str, tuple[bytes, str | None]] = {}

    def collect(self) -> list[Reading]:
        if isinstance(self._table, PortableTable):
            self._sequence = self._table.read(self._sequence).sequence
            return list(_counted(self._table.states))
        self._sequence, lines = self._table.read(self._sequence)
        before = self._states
        # Most files haven't changed since: those are the same objects.
        self._states = {
            name: known if (known := before.get(name)) is not None and known[0] is line else (line, parse_state(line))
            for name, line in lines.items()
        }
        readings = list(_counted(Counter(state for _, state in self._states.values() if state is not None)))
        readings.append(Reading(CREATED, parse_created(self._host.read_bytes("/proc/stat"))))
        if (limit := self._host.read_optional("/proc/sys/kernel/threads-max")) is not None:
            readings.append(Reading(LIMIT, parse_threads_max(limit)))
        return readings

    def close(self) -> None:
        self._table.close()


def _counted(states: Mapping[str, int]) -> Iterator[Reading]:
    if states:  # there is at least the process that asks, if any may be seen
        for state, attributes in _ATTRIBUTES.items():
            yield Reading(COUNT, states.get(state, 0), attributes)


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
