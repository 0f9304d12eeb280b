"""Runs contenders in turn, each in a process of its own, so that a noisy machine is equally noisy to all.

A contender is a script that answers each line on stdin with one JSON line; `answer_rounds` is its side of it.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).parent


def answer_rounds(work: Callable[[], object]) -> None:
    """Do *work* once for each line on stdin and answer with the CPU milliseconds that this thread spent on it."""

    def measure() -> float:
        began = time.thread_time_ns()
        work()
        return (time.thread_time_ns() - began) / 1e6

    answer_with(measure)


def answer_with(measure: Callable[[], float]) -> None:
    """Answer each line on stdin with what *measure* returns, for contenders that time themselves."""
    for _ in sys.stdin:
        print(json.dumps(measure()), flush=True)


def contest(contenders: Mapping[str, Sequence[object]], rounds: int = 9, warm_up: int = 2) -> dict[str, float]:
    """Return the median answer (CPU milliseconds, by `answer_rounds`) of each contender, a name and its command."""
    processes = {
        name: subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for name, command in contenders.items()
    }
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(warm_up + rounds):
        for name, process in processes.items():
            assert process.stdin
            assert process.stdout
            process.stdin.write("go\n")
            process.stdin.flush()
            line = process.stdout.readline()
            if not line:
                raise SystemExit(f"{name} has ended, with status {process.wait()}")
            answer = float(line)
            if number >= warm_up:
                found[name].append(answer)
    for process in processes.values():
        process.communicate("")
    return {name: statistics.median(values) for name, values in found.items()}


def need(module: str, extra: str) -> None:
    """End the script, and say how to install it, where the peer's *module* is missing."""
    try:
        import_module(module)
    except ImportError as exc:
        message = f"{Path(sys.argv[0]).name} measures against a peer that isn't installed ({exc})"
        raise SystemExit(f"{message}: pip install -e '.[{extra}]'") from exc


def report(goal: str, ratio: float, target: float, **more: object) -> None:
    """Print the line that says whether a goal is met."""
    line = {"goal": goal, "ratio": round(ratio, 3), "target": target, "ok": ratio <= target, **more}
    print(json.dumps(line), flush=True)


def contender(name: str, **figures: float) -> None:
    print(json.dumps({"contender": name, **{key: round(value, 3) for key, value in figures.items()}}), flush=True)
