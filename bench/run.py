"""`make bench`: runs every script of this folder and writes docs/BENCHMARKS.md."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent
SCRIPTS = (
    *("processes.py", "render.py", "scrape_processes.py", "slope_series.py", "slope_processes.py", "imports.py"),
    *("sockets.py", "stream_fanout.py", "sidecar_cpu.py", "sidecar_memory.py"),
    *(
        "handler.py",
        "handler_latency.py",
        "encode.py",
        "journal_append.py",
        "redaction.py",
        "loss.py",
        "outage.py",
        "beside.py",
        "shipping_load.py",
        "backlog.py",
        "end_to_end.py",
        "slope_records.py",
        "generate.py",
        "query.py",
        "pretty.py",
        "stores_elasticsearch.py",
        "stores_kafka.py",
        "stores_mongodb.py",
        "elasticsearch_bulk.py",
    ),
)
_HEAD = """\
# Benchmarks

Written by `make bench` on {when:%Y-%m-%d}: {machine}, {cpus} CPUs, Python {python}. Machines are noisy: only the ratios
count, each from one run in which the contenders took turns, each in a process of its own. CPU is process or thread CPU
time, the median of the rounds. A ratio below its target is better.

| goal | ratio | target | |
|---|---|---|---|
"""


def main() -> None:
    wanted = sys.argv[1:] or list(SCRIPTS)
    goals, details = [], []
    for script in wanted:
        print(f"# {script}", flush=True)
        done = subprocess.run([sys.executable, HERE / script], stdout=subprocess.PIPE, text=True, check=False)
        output = done.stdout
        print(output, end="", flush=True)
        if done.returncode:
            sys.exit(f"{script} ended with status {done.returncode}; nothing is written")
        lines = [json.loads(line) for line in output.splitlines()]
        goals += [line for line in lines if "goal" in line]
        details.append(f"\n## {script}\n\n```\n{output}```\n")
    if wanted == list(SCRIPTS):
        (HERE.parent / "docs/BENCHMARKS.md").write_text(_head() + "".join(map(_row, goals)) + "".join(details))


def _head() -> str:
    machine = f"{platform.system()} {platform.machine()}"
    return _HEAD.format(when=datetime.now(UTC), machine=machine, cpus=os.cpu_count(), python=platform.python_version())


def _row(goal: dict[str, object]) -> str:
    return f"| {goal['goal']} | {goal['ratio']} | ≤ {goal['target']} | {'met' if goal['ok'] else '**missed**'} |\n"


if __name__ == "__main__":
    main()
