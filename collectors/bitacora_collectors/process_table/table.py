"""Every process of the host with what is known of it, kept up to date at the cost of what has changed."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from weakref import WeakSet, WeakValueDictionary

from bitacora_collectors.accounts import Accounts
from bitacora_collectors.contract import Host

from .files import ProcessFiles
from .parsing import parse_boot_time, parse_cpu_list, parse_stat
from .process import TICKS_PER_SECOND, Details, Facts, Program
from .stat_lines import FRESH_SECONDS, StatLines

DETAILS_SECONDS = 10.0
"""How old the details of a process that does something may become."""
ROTATION = 60
"""In so many readings the details of the processes that do too little for a change of their line are read once."""

_DETAILS_AT_ONCE = 2000  # of a host that is new to us; 0.1 s
_IDLE = (0.0, 0.0)
_NO_PROGRAM = Program("", None, "")


class Census(NamedTuple):
    """The processes of one reading, by their number as /proc spells it."""

    sequence: int
    host_uptime_seconds: float
    processes: Mapping[str, Facts]


class _Row:
    __slots__ = ("cpu_ns", "details_at", "facts", "is_settled", "line", "name", "refused")

    def __init__(self, name: str, line: bytes, facts: Facts) -> None:
        self.name = name
        self.line = line
        self.facts = facts
        self.details_at = float("-inf")
        self.cpu_ns: int | None = None
        """How long it had run when its details were read."""
        self.is_settled = False
        """Whether another reading without a change would change nothing."""
        self.refused: set[str] = set()


class _Boot:
    """When the host was booted: read once, since the kernel's answer moves when the clock is set."""

    def __init__(self, unix_seconds: int) -> None:
        self.unix_seconds = unix_seconds
        self._uptime_seconds = time.time() - unix_seconds
        self._since = time.clock_gettime(time.CLOCK_BOOTTIME)

    def uptime_seconds(self) -> float:
        return self._uptime_seconds + time.clock_gettime(time.CLOCK_BOOTTIME) - self._since


class ProcessTable:
    """The processes of a host, shared by the collectors that want them."""

    def __init__(
        self,
        host: Host,
        *,
        files: ProcessFiles | None = None,
        stat_lines: StatLines | None = None,
    ) -> None:
        self.stat_lines = stat_lines or StatLines.of(host)
        self.keep_command_lines = False
        self.publishers: WeakSet[object] = WeakSet()
        """The collectors that publish the metrics of every process."""
        self._host = host
        self._files = files or ProcessFiles(host)
        self._lock = threading.Lock()
        self._accounts = Accounts(host)
        self._boot: _Boot | None = None
        self._rows: dict[str, _Row] = {}
        self._stale: dict[str, None] = {}
        self._turn = 0
        self._kept_command_lines = False
        self._stat_sequence = 0
        self._read_at = 0.0
        self._online_cpus: int | None = None
        self._census = Census(0, 0.0, {})

    @classmethod
    def of(cls, host: Host) -> ProcessTable:
        """Return the table that all collectors of *host* share, as long as one of them lives."""
        found = _shared.get(host)
        if found is None:
            found = _shared[host] = cls(host)
        return found

    def read(self, after: int = 0) -> Census:
        """Return the processes as they are now; to a caller that has seen number *after*, a later census.

        Raises:
            Unavailable: there is no /proc, or it doesn't say when the host was booted.
        """
        with self._lock:
            is_fresh = after < self._census.sequence and self.stat_lines.monotonic() - self._read_at < FRESH_SECONDS
            if not is_fresh or self.keep_command_lines is not self._kept_command_lines:
                self._census = self._take()
            return self._census

    def keep_descriptors(self, most: int) -> None:
        """Keep at most so many files of processes open."""
        self.stat_lines.max_descriptors = most

    def close(self) -> None:
        """Close what is open; a later `read` opens it again."""
        self.stat_lines.close()
        self._files.close()

    def _take(self) -> Census:
        if self._boot is None:
            self._boot = _Boot(parse_boot_time(self._host.read_bytes("/proc/stat")))
        self._stat_sequence, lines = self.stat_lines.read(self._stat_sequence)
        before, self._read_at = self._read_at, self.stat_lines.read_at
        self._online_cpus = _online_cpus(self._host)
        changed = self._follow(lines, self._read_at - before)
        if self.keep_command_lines is not self._kept_command_lines:
            self._kept_command_lines = self.keep_command_lines
            changed = list(self._rows.values())
        self._identify(changed)
        for row in self._due_for_details():
            self._read_details(row)
        facts = {name: row.facts for name, row in self._rows.items()}
        return Census(self._census.sequence + 1, self._boot.uptime_seconds(), facts)

    def _follow(self, lines: Mapping[str, bytes], elapsed_seconds: float) -> list[_Row]:
        """Bring the rows up to *lines*; returns those of which it isn't known what runs in them."""
        unknown, rows = [], self._rows
        for name, line in lines.items():
            row = rows.get(name)
            if row is not None and row.line is line:
                if not row.is_settled:
                    self._settle(row)
            elif row is None or not self._change(row, line, elapsed_seconds):
                if (begun := self._begin(name, line)) is not None:
                    unknown.append(begun)
            elif row.facts.program is _NO_PROGRAM:
                unknown.append(row)
        for name in rows.keys() - lines.keys():
            self._end(name)
        return unknown

    def _begin(self, name: str, line: bytes) -> _Row | None:
        stat = parse_stat(line)
        if stat.state is None:
            self._end(name)
            return None
        created = (self._boot.unix_seconds if self._boot else 0) + stat.start_ticks / TICKS_PER_SECOND
        row = self._rows[name] = _Row(name, line, Facts(stat, _NO_PROGRAM, Details(), None, created))
        self._stale[name] = None
        return row

    def _change(self, row: _Row, line: bytes, elapsed_seconds: float) -> bool:
        """Bring *row* up to *line*; returns False if that is of another process, or of one that is dead."""
        stat, facts = parse_stat(line), row.facts
        if stat.state is None or stat.start_ticks != facts.stat.start_ticks:
            return False
        program = facts.program if stat.name == facts.stat.name else _NO_PROGRAM
        cpus = facts.details.available_cpus
        shares = None
        if cpus and elapsed_seconds > 0:
            whole = elapsed_seconds * cpus * TICKS_PER_SECOND
            shares = (
                max(0, stat.user_ticks - facts.stat.user_ticks) / whole,
                max(0, stat.system_ticks - facts.stat.system_ticks) / whole,
            )
        row.line, row.is_settled = line, False
        row.facts = facts._replace(stat=stat, program=program, shares=shares)
        self._stale[row.name] = None
        return True

    def _settle(self, row: _Row) -> None:
        row.is_settled = True
        if row.facts.details.available_cpus:
            row.facts = row.facts._replace(shares=_IDLE)

    def _end(self, name: str) -> None:
        self._rows.pop(name, None)
        self._stale.pop(name, None)

    def _identify(self, rows: Iterable[_Row]) -> None:
        rows = list(rows)
        names = [row.name for row in rows if not row.facts.stat.is_kernel_thread]
        arguments = self._files.arguments(names) if names else {}
        for row in rows:
            program = self._files.program(
                row.name, row.facts.stat, arguments.get(row.name, ()), keep_command_line=self._kept_command_lines
            )
            row.refused.clear()
            row.facts = row.facts._replace(program=program)

    def _due_for_details(self) -> list[_Row]:
        """Return the rows whose details are to be read now: new and changed ones, and some of the others in turn."""
        rows, latest = self._rows, self._read_at - DETAILS_SECONDS
        due = {name for name in self._stale if rows[name].details_at <= latest}
        if len(due) > _DETAILS_AT_ONCE:
            due = set(itertools.islice(due, _DETAILS_AT_ONCE))
        count = len(rows)
        share = -(-count // ROTATION)
        self._turn = 0 if self._turn >= count else self._turn
        in_turn = itertools.islice(rows.values(), self._turn, self._turn + share)
        due.update(row.name for row in in_turn if row.cpu_ns is None or row.cpu_ns != self.stat_lines.cpu_ns(row.name))
        self._turn += share
        return [rows[name] for name in due]

    def _read_details(self, row: _Row) -> None:
        if row.details_at == self._read_at:
            return
        row.cpu_ns = self.stat_lines.cpu_ns(row.name)
        details = self._files.details(row.name, row.refused)
        if details.available_cpus and self._online_cpus:
            # The mask names CPUs that could be there too: those of a machine that can be given more.
            details = details._replace(available_cpus=min(details.available_cpus, self._online_cpus))
        row.details_at = self._read_at
        self._stale.pop(row.name, None)
        if details != row.facts.details:
            uid = self._accounts.known(details.uid)
            owner = None if uid is None else self._accounts.name(uid) or str(uid)
            row.facts = row.facts._replace(details=details, owner=owner)


_shared: WeakValueDictionary[Host, ProcessTable] = WeakValueDictionary()


def _online_cpus(host: Host) -> int | None:
    content = host.read_optional("/sys/devices/system/cpu/online")
    return None if content is None else parse_cpu_list(content)
