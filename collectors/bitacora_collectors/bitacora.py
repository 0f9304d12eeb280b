"""Bitacora's own processes: which of those of the host they are, and what they use."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import repeat

from .contract import FAST_SECONDS, Group, Host, Kind, Metric, Reading
from .process_table import GROUP_SIZE, PROCESS_METRICS, Facts, Groups, PortableTable, Process, ProcessTable, table_of

PATTERN = r"^(bitacora|bstradivarius)"
"""What the names of Bitacora's executables begin with: a regular expression."""
MAX_GROUPS = 50

PROCESSES = Metric("bitacora.processes", Kind.UP_DOWN_COUNTER, "{process}", "Bitacora's processes.", Group.PROCESS)


class BitacoraCollector:
    """Finds processes by the name of the executable, or of the first argument, in which *pattern* is searched for.

    Not by the command, which the kernel cuts at 15 bytes: `bitacora_timest`.
    Their `process.*` are summed by executable, as those of all processes are, unless another collector of the same
    host publishes those of all processes: then they are among these, and no series is given twice.
    """

    name = "bitacora"
    group = Group.PROCESS
    metrics = (PROCESSES, *PROCESS_METRICS, GROUP_SIZE)
    interval_seconds = FAST_SECONDS

    def __init__(
        self, host: Host, *, pattern: str = PATTERN, table: ProcessTable | PortableTable | None = None
    ) -> None:
        self._search = re.compile(pattern or r"(?!)").search
        self._table = table or table_of(host)
        self._groups = Groups(MAX_GROUPS)
        self._sequence = 0
        self._seen: Mapping[str, Facts] = {}
        self._matching: dict[str, Facts] = {}
        self._processes: list[Process] = []

    def collect(self) -> list[Reading]:
        self._sequence, uptime_seconds, found = self._table.read(self._sequence)
        self._matching = {name: facts for name, facts in found.items() if self._is_bitacora(name, facts)}
        self._seen = found
        self._processes = list(map(Process, self._matching.values(), repeat(uptime_seconds)))
        self._groups.follow(self._matching)
        count = Reading(PROCESSES, len(self._processes))
        return [count] if self._table.publishers else [count, *self._groups.readings()]

    def entities(self) -> list[Process]:
        return self._processes

    def close(self) -> None:
        self._table.close()

    def _is_bitacora(self, name: str, facts: Facts) -> bool:
        seen = self._seen.get(name)
        if seen is not None and seen.program is facts.program:
            return name in self._matching
        program = facts.program
        return bool(self._search(program.executable_name) or self._search(program.first_argument))
