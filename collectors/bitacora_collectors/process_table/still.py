"""Which processes have not run since they were read: a clock says so at a fifth of what their stat file costs."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

from bitacora_collectors.cpu_clock import CpuClock

ROTATION = 12
"""In so many readings each process that doesn't run is read once all the same."""

_RUNNABLE = "R"  # it waits for a processor: its clock may stand, and the next moment it sleeps


class _Seen(NamedTuple):
    cpu_ns: int
    line: bytes
    parent: str


class StillProcesses:
    """What was read of processes that wait, so that they needn't be read again until they have run.

    Nearly all of a stat file changes only while its process runs. The parent changes when that ends: see `orphans`.
    The resident memory can be taken away from a process that waits, so one in `ROTATION` counts as having run.
    """

    def __init__(self, clock: CpuClock) -> None:
        self._clock = clock
        self._seen: dict[str, _Seen] = {}  # the one that was read longest ago first

    def unchanged(self) -> dict[str, bytes]:
        """Return the lines of the processes that have not run since they were read, and whose turn it isn't."""
        clock, share = self._clock, -(-len(self._seen) // ROTATION)
        others = islice(self._seen.items(), share, None)
        return {name: seen.line for name, seen in others if clock(name) == seen.cpu_ns}

    def cpu_ns(self, name: str) -> int | None:
        """Return what is to be given to `keep` with what is read after this call."""
        return self._clock(name)

    def keep(self, name: str, cpu_ns: int | None, line: bytes) -> bool:
        """Remember that *line* was read of process *name* after it had run for *cpu_ns*; returns whether it has ended.

        Such a zombie has no children any more.
        """
        self._seen.pop(name, None)
        state, _, rest = line[line.rfind(b")") + 2 :].decode("ascii", "replace").partition(" ")
        if cpu_ns is not None and state != _RUNNABLE:
            self._seen[name] = _Seen(cpu_ns, line, rest.partition(" ")[0])
        return state == "Z"

    def forget(self, names: Iterable[str]) -> None:
        for name in names:
            self._seen.pop(name, None)

    def orphans(self, ended: set[str]) -> list[str]:
        """Return the processes that are remembered as children of *ended* ones."""
        return [name for name, seen in self._seen.items() if seen.parent in ended] if ended else []
