"""Goal 15, processes: sampling grows no faster than the number of processes, from 100 to 2,000.

All sizes are measured in one run: each contender sees so many of 2,000 real processes, by links in a root of its own.
"""

from __future__ import annotations

import itertools
import math
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from contest import answer_rounds, contender, contest, report
from crowd import crowd

SIZES = (100, 450, 2000)


def sample(root: str) -> Callable[[], object]:
    from bitacora_collectors import ProcessesCollector
    from bitacora_collectors.contract import Host

    collector = ProcessesCollector(Host(Path(root)))
    return lambda: (collector.collect(), collector.entities())


def view(directory: Path, pids: list[int]) -> Path:
    """Make a root whose /proc has only the processes *pids*."""
    proc = directory / "proc"
    proc.mkdir(parents=True)
    for name in ("stat", *map(str, pids)):
        (proc / name).symlink_to(f"/proc/{name}")
    return directory


def main() -> None:
    with tempfile.TemporaryDirectory() as directory, crowd(max(SIZES)) as pids:
        roots = {str(size): view(Path(directory) / str(size), pids[:size]) for size in SIZES}
        found = contest({size: [sys.executable, __file__, root] for size, root in roots.items()})
    for size, milliseconds in found.items():
        contender(f"{size} processes", cpu_ms=milliseconds, us_per_process=milliseconds * 1000 / int(size))
    steps = [
        math.log(found[str(big)] / found[str(small)]) / math.log(big / small)
        for small, big in itertools.pairwise(SIZES)
    ]
    report("15 slope of sampling, processes 100 to 2,000", max(steps), 1.1)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        answer_rounds(sample(sys.argv[1]))
    else:
        main()
