"""What each collector can read here: what isn't there is told apart from what this user may not read."""

from __future__ import annotations

from collections.abc import Iterator

from otel_bitacora.monitor.snapshot import CollectorState, Health, Snapshot
from otel_bitacora.settings import Settings

from .doctor_finding import Finding, Verdict
from .doctor_permissions import OBSTACLES, Machine, Obstacle


def collector_findings(snapshot: Snapshot, settings: Settings, machine: Machine | None = None) -> Iterator[Finding]:
    """Return one finding for each collector, and one more for each thing that it may not read."""
    machine = machine or Machine(settings.monitor.root_path)
    named = set(settings.monitor.collect)
    for state in snapshot.states:
        find = OBSTACLES.get(state.name)
        obstacles = list(find(machine)) if find else []
        yield _finding(state, obstacles, is_named=state.name in named)
        for obstacle in obstacles:
            yield Finding("collector", state.name, Verdict.WARN, f"unreadable: {obstacle.what}", obstacle.fix)


def _finding(state: CollectorState, obstacles: list[Obstacle], *, is_named: bool) -> Finding:
    if state.health is Health.OK:
        count = len({reading.metric.name for reading in state.readings})
        return Finding("collector", state.name, Verdict.OK, f"{count} metrics")
    error = state.error or ""
    if state.health is Health.UNAVAILABLE:
        # Asked for by name, it keeps the sidecar from starting.
        verdict = Verdict.FAIL if is_named else Verdict.OK
        fix = "take it out of monitor.collect" if is_named else _install(error)
        if fix.startswith("pip ") or (obstacles and not is_named):
            verdict = Verdict.WARN
        return Finding("collector", state.name, verdict, f"{'unreadable' if obstacles else 'absent'}: {error}", fix)
    if "PermissionError" in error or "Permission denied" in error:
        fix = "run as a user who may" if not obstacles else ""
        return Finding("collector", state.name, Verdict.WARN, f"unreadable: {error}", fix)
    if state.health is Health.HUNG:
        fix = f"find out what hangs (a dead mount, a disk); --no-collect {state.name} leaves it out"
        return Finding("collector", state.name, Verdict.FAIL, f"hangs: {error}", fix)
    if state.health is Health.PENDING:
        return Finding("collector", state.name, Verdict.OK, "not read so far")
    fix = f"a defect of the collector, or of what it reads; --no-collect {state.name} leaves it out"
    return Finding("collector", state.name, Verdict.FAIL, f"fails: {error}", fix)


def _install(error: str) -> str:
    """Return the command that *error* names, if what is missing is only to be installed."""
    _, found, rest = error.partition("pip install ")
    return f"pip install {rest}" if found else ""
