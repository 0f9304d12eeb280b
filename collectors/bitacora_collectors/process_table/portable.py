"""The processes of a system that isn't Linux, as far as psutil tells of them."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from mmap import PAGESIZE
from pathlib import PurePath, PurePosixPath, PureWindowsPath
from typing import Any
from weakref import WeakSet, WeakValueDictionary

from bitacora_collectors.contract import Host

from .parsing import Stat
from .process import TICKS_PER_SECOND, Details, Facts, Program
from .stat_lines import FRESH_SECONDS
from .table import Census

# psutil's words (STATUS_*). Windows tells those that are suspended from the others, which are all "running" to it.
_STATES = {
    "running": "running",
    "sleeping": "sleeping",
    "disk-sleep": "sleeping",
    "idle": "sleeping",
    "waking": "sleeping",
    "locked": "sleeping",
    "waiting": "sleeping",
    "parked": "sleeping",
    "stopped": "stopped",
    "tracing-stop": "stopped",
    "suspended": "stopped",
    "zombie": "defunct",
}
_CHANGING = ("name", "ppid", "status", "create_time", "cpu_times", "memory_info", "num_threads")
_LASTING = ("exe", "cmdline", "username")


class PortableTable:
    """As `ProcessTable`. Processes of others, of which macOS tells nothing but to root, are in `states` alone."""

    def __init__(
        self,
        host: Host,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.keep_command_lines = False
        self.publishers: WeakSet[object] = WeakSet()
        self.states: Mapping[str, int] = {}
        """How many processes the last reading has found in each `process.state`."""
        self._host = host
        self._clock = clock
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._read_at = 0.0
        self._census = Census(0, 0.0, {})
        self._lasting: dict[str, tuple[float, Program, str | None]] = {}

    @classmethod
    def of(cls, host: Host) -> PortableTable:
        """Return the table that all collectors of *host* share, as long as one of them lives."""
        found = _shared.get(host)
        if found is None:
            found = _shared[host] = cls(host)
        return found

    def read(self, after: int = 0) -> Census:
        """Return the processes as they are now; to a caller that has seen number *after*, a later census.

        Raises:
            Unavailable: psutil isn't installed.
        """
        with self._lock:
            is_fresh = after < self._census.sequence and self._monotonic() - self._read_at < FRESH_SECONDS
            if not is_fresh:
                self._census = self._take(self._host.psutil())
            return self._census

    def keep_descriptors(self, most: int) -> None:
        """Do nothing: no files are open here."""

    def close(self) -> None:
        """Do nothing: nothing is open."""

    def _take(self, psutil: Any) -> Census:
        now, before = self._monotonic(), self._census.processes
        elapsed_seconds, self._read_at = now - self._read_at, now
        booted, cpus = psutil.boot_time(), psutil.cpu_count() or 0
        found: dict[str, Facts] = {}
        states: Counter[str] = Counter()
        for process in psutil.process_iter():
            if process.pid == 0 and self._host.platform == "win32":
                continue  # what idle processors are said to run
            try:
                values = process.as_dict([*_CHANGING, *_fds(process)], ad_value=None)
                state = _STATES.get(values["status"])
                if state is None:
                    continue  # it is dead, or just being made
                states[state] += 1
                facts = self._facts(process, _stat(process.pid, state, values, booted), values, booted)
            except psutil.NoSuchProcess:
                continue
            if facts is not None:
                name = str(process.pid)
                details = Details(available_cpus=cpus or None, open_files=values.get("num_fds"))
                found[name] = _compared(facts._replace(details=details), before.get(name), elapsed_seconds * cpus)
        self._lasting = {name: self._lasting[name] for name in found}
        self.states = states
        return Census(self._census.sequence + 1, max(0.0, self._clock() - booted), found)

    def _facts(self, process: Any, stat: Stat | None, values: Mapping[str, Any], booted: float) -> Facts | None:
        if stat is None:
            return None
        program, owner = self._what_lasts(str(process.pid), process, values)
        return Facts(stat, program, Details(), owner, values["create_time"] or booted)

    def _what_lasts(self, name: str, process: Any, values: Mapping[str, Any]) -> tuple[Program, str | None]:
        """Return what costs most to ask, and is asked once: what runs, and whose it is."""
        created = values["create_time"]
        known = self._lasting.get(name)
        keeps = known is not None and known[1].command_line is not None
        if known is None or known[0] != created or keeps is not self.keep_command_lines:
            told = process.as_dict([*_LASTING], ad_value=None)
            known = self._lasting[name] = (created, self._program(values["name"] or "", told), told["username"])
        return known[1], known[2]

    def _program(self, command: str, told: Mapping[str, Any]) -> Program:
        path: type[PurePath] = PureWindowsPath if self._host.platform == "win32" else PurePosixPath
        executable, arguments = told["exe"] or None, told["cmdline"] or []
        name = path(executable).name if executable else command
        line = " ".join(arguments) if self.keep_command_lines else None
        return Program(name or command, executable, path(arguments[0]).name if arguments else "", line)


_shared: WeakValueDictionary[Host, PortableTable] = WeakValueDictionary()


def _fds(process: Any) -> tuple[str, ...]:
    return ("num_fds",) if hasattr(process, "num_fds") else ()  # Windows has handles, which are something else


def _stat(pid: int, state: str, values: Mapping[str, Any], booted: float) -> Stat | None:
    """Return the numbers of a process; None where this user may not see them."""
    times, memory = values["cpu_times"], values["memory_info"]
    if times is None or memory is None:
        return None
    # macOS counts the faults that waited for a disk apart, Windows only all of them.
    faults, major = getattr(memory, "pfaults", None), getattr(memory, "pageins", None)
    return Stat(
        pid=pid,
        name=values["name"] or "",
        state=state,
        parent_pid=values["ppid"] or 0,
        is_kernel_thread=False,
        minor_faults=None if faults is None or major is None else max(0, faults - major),
        major_faults=major,
        user_ticks=round(times.user * TICKS_PER_SECOND),
        system_ticks=round(times.system * TICKS_PER_SECOND),
        threads=values["num_threads"] or 1,
        start_ticks=max(0, round(((values["create_time"] or booted) - booted) * TICKS_PER_SECOND)),
        virtual_bytes=memory.vms,
        resident_pages=memory.rss // PAGESIZE,
    )


def _compared(now: Facts, before: Facts | None, cpu_seconds: float) -> Facts:
    """Return *now* with its shares of the time since *before*; *before* itself where nothing has changed."""
    if before is None or before.created_unix_seconds != now.created_unix_seconds or cpu_seconds <= 0:
        return now
    user, system = (
        max(0.0, new - old) / cpu_seconds for new, old in zip(now.cpu_seconds, before.cpu_seconds, strict=True)
    )
    facts = now._replace(shares=(user, system))
    return before if facts == before else facts
