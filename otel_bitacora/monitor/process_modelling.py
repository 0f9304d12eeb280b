"""Builds the models of processes from the entities of a collector."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bitacora_collectors.process_table import Process

from .process_models import ProcessRow
from .snapshot import CollectorState


def process_rows(state: CollectorState | None) -> tuple[ProcessRow, ...] | None:
    """Return the processes that *state* has found, each with its children among them; None if it hasn't looked."""
    if state is None or state.sample is None:
        return None
    found = [entity for entity in state.entities if isinstance(entity, Process)]
    children = children_of(found)
    return tuple(_row(process, children.get(process.facts.stat.pid, ())) for process in found)


def children_of(processes: Iterable[Process]) -> Mapping[int, Sequence[int]]:
    """Return the pids of the children by the pid of their parent."""
    children: dict[int, list[int]] = {}
    for process in processes:
        children.setdefault(process.facts.stat.parent_pid, []).append(process.facts.stat.pid)
    return children


def _row(process: Process, children: Sequence[int]) -> ProcessRow:
    facts = process.facts
    stat, program, details = facts.stat, facts.program, facts.details
    return ProcessRow(
        pid=stat.pid,
        parent_pid=stat.parent_pid,
        children=tuple(children),
        name=stat.name,
        executable=program.executable_name,
        executable_path=program.executable_path,
        command_line=program.command_line,
        owner=facts.owner,
        state=stat.state or "defunct",
        started_at=process.created,
        uptime_seconds=process.uptime_seconds,
        cpu_time_seconds=sum(facts.cpu_seconds),
        cpu_utilization=None if facts.shares is None else sum(facts.shares),
        memory_bytes=facts.memory_bytes,
        virtual_bytes=stat.virtual_bytes,
        threads=stat.threads,
        minor_faults=stat.minor_faults,
        major_faults=stat.major_faults,
        open_files=details.open_files,
        read_bytes=details.read_bytes,
        written_bytes=details.written_bytes,
        voluntary_context_switches=details.voluntary_switches,
        involuntary_context_switches=details.involuntary_switches,
    )
