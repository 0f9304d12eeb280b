"""Sidecars that tests against real servers start, in processes of their own and without events."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import httpx2 as httpx

T = TypeVar("T")
QUIET = {
    f"BITACORA_EVENTS__{name}": "false" for name in ("PRESSURE", "OUT_OF_MEMORY", "UNITS", "LINKS", "FILE_SYSTEMS")
}


class SidecarProcess:
    """`otel-bitacora serve` on a free port."""

    def __init__(self, state_dir: Path, *arguments: str, **environment: str) -> None:
        command = [sys.executable, "-m", "otel_bitacora", "serve", "--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(
            [*command, "--state-dir", str(state_dir), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **QUIET, **environment},
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"the sidecar said {self.process.communicate()[1]}")
        self.url = line.split()[1].removesuffix("/metrics")

    def metrics(self) -> str:
        return httpx.get(f"{self.url}/metrics", timeout=30).text

    def until(self, holds: Callable[[str], bool]) -> str:
        """Return what /metrics says as soon as it is as it should be."""
        return until(self.metrics, holds)

    def stop(self) -> str:
        """Return what it had to say on stderr."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.communicate(timeout=60)[1]

    def kill(self) -> None:
        """Kill it, if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


def until(ask: Callable[[], T], holds: Callable[[T], bool]) -> T:
    """Return what *ask* returns as soon as it is as it should be."""
    give_up = time.monotonic() + 120  # only against a hang
    while time.monotonic() < give_up:
        if holds(found := ask()):
            return found
        time.sleep(0.05)
    raise AssertionError(f"it is still {ask()!r:.2000}")
