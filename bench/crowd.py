"""Processes that do nothing, for the benchmarks of processes."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def crowd(count: int) -> Iterator[list[int]]:
    """Start *count* processes that sleep, and end them at the end; yields their pids once all of them sleep."""
    started = [subprocess.Popen(["sleep", "3600"]) for _ in range(count)]
    try:
        while any(Path(f"/proc/{one.pid}/comm").read_text() != "sleep\n" for one in started):
            time.sleep(0.1)
        yield [one.pid for one in started]
    finally:
        for one in started:
            one.kill()
        for one in started:
            one.wait()
