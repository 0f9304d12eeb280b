"""Goal 8, first half: CPU to sample 1,000 processes, against psutil.process_iter with five attributes.

Ours reads more than the five (faults, state, parent, start, address space), and for all of them user, executable,
open files, I/O and context switches in turn. `process_counts` is measured beside it as well, and alone.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from contest import answer_rounds, contender, contest, report
from crowd import crowd

ATTRIBUTES = ["pid", "name", "cpu_times", "memory_info", "num_threads"]


def ours(mode: str, *, changed: bool = False) -> Callable[[], object]:
    from bitacora_collectors import ProcessesCollector
    from bitacora_collectors.contract import Host

    collector = ProcessesCollector(Host(), metrics=mode)
    rows = collector._table._rows  # noqa: SLF001 - to have every line taken for a changed one

    def sample() -> object:
        if changed:
            for row in rows.values():
                row.line = b""
        return collector.collect(), collector.entities()

    return sample


def psutils() -> Callable[[], object]:
    import psutil

    return lambda: [process.info for process in psutil.process_iter(ATTRIBUTES)]


def counts(*, beside: bool) -> Callable[[], object]:
    from bitacora_collectors import ProcessCountsCollector, ProcessesCollector
    from bitacora_collectors.contract import Host

    host = Host()
    collector, processes = ProcessCountsCollector(host), ProcessesCollector(host)
    if not beside:
        return collector.collect
    return lambda: (collector.collect(), processes.collect())


CONTENDERS: dict[str, Callable[[], Callable[[], object]]] = {
    "ours": lambda: ours("groups"),
    "ours, every process changed": lambda: ours("groups", changed=True),
    "ours, a series for each process": lambda: ours("all"),
    "psutil": psutils,
    "process_counts alone": lambda: counts(beside=False),
    "process_counts and processes": lambda: counts(beside=True),
}


def main() -> None:
    with crowd(1000):
        found = contest({name: [sys.executable, __file__, name] for name in CONTENDERS})
    for name, milliseconds in found.items():
        contender(name, cpu_ms=milliseconds)
    report("8 sample 1,000 processes vs psutil.process_iter", found["ours"] / found["psutil"], 0.18)
    both, alone = found["process_counts and processes"], found["ours"]
    report("8 process_counts beside processes, of processes alone", both / alone, 1.15)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        answer_rounds(CONTENDERS[sys.argv[1]]())
    else:
        main()
