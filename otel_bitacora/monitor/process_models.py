"""Processes as typed models, a part of `models`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ProcessRow:
    """One process. What this user may not see, and what the kernel doesn't say, is None."""

    pid: int
    parent_pid: int
    """0 for the first process and for the parent of kernel threads."""
    children: tuple[int, ...]
    """The pids of its children, so that the rows are a tree without being nested."""
    name: str
    """The command, cut at 15 bytes by the kernel."""
    executable: str
    """The base name of the executable, or the best that can be had; `kthreadd` for kernel threads."""
    executable_path: str | None
    command_line: str | None
    """Only where the settings ask for it (`collectors.processes.command_lines`)."""
    owner: str | None
    """The name of its user, or the number of one that has no name on this host."""
    state: str
    """`running`, `sleeping`, `stopped` or `defunct`."""
    started_at: datetime
    """With the pid, its identity."""
    uptime_seconds: float
    cpu_time_seconds: float
    """User and system time of all its threads."""
    cpu_utilization: float | None
    """Share of the CPUs available to it since the sample before, 0 to 1; None on the first."""
    memory_bytes: int
    """Resident, shared pages included."""
    virtual_bytes: int
    threads: int
    minor_faults: int | None
    major_faults: int | None
    open_files: int | None
    read_bytes: int | None
    """From storage, with those of its children that have ended and been waited for."""
    written_bytes: int | None
    voluntary_context_switches: int | None
    """Of its first thread."""
    involuntary_context_switches: int | None
