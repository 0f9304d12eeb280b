from __future__ import annotations

import os
import re
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2 as httpx
import pytest

# What happens on the machine that tests run on is none of theirs.
WITHOUT_EVENTS = {
    f"BITACORA_EVENTS__{name}": "false" for name in ("PRESSURE", "OUT_OF_MEMORY", "UNITS", "LINKS", "FILE_SYSTEMS")
}


@dataclass
class Running:
    """A sidecar in a process of its own."""

    process: subprocess.Popen[str]
    url: str
    token: str
    verify: ssl.SSLContext | bool = True

    def get(self, path: str, *, user: tuple[str, str] | None = None, **headers: str) -> httpx.Response:
        return httpx.get(self.url + path, headers=headers, auth=user, timeout=30, verify=self.verify)

    def api(self, name: str) -> dict[str, object]:
        return dict(self.get(f"/api/v1/{name}", Authorization=f"Bearer {self.token}").json())

    def until_said(self, text: str) -> str:
        """Read stderr up to the line that holds *text*; return that line."""
        assert self.process.stderr is not None
        give_up = threading.Timer(60, self.process.kill)  # only against a hang
        give_up.start()
        try:
            for line in self.process.stderr:
                if text in line:
                    return line
        finally:
            give_up.cancel()
        raise AssertionError(f"the sidecar has never said {text!r}")

    def until(self, path: str, holds: Callable[[str], bool]) -> str:
        """Ask for *path* until its text is as it should be."""
        give_up = time.monotonic() + 120  # only against a hang
        while time.monotonic() < give_up:
            text = self.get(path).text
            if holds(text):
                return text
            if self.process.poll() is not None:
                raise AssertionError(f"the sidecar ended with {self.process.returncode}")
            time.sleep(0.02)
        raise AssertionError(f"{path} still says {self.get(path).text}")

    def stop(self, number: signal.Signals = signal.SIGTERM, timeout: float = 30) -> tuple[int, str]:
        """Return exit code and what it had said on stderr."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=timeout)
        return self.process.returncode, errors


Start = Callable[..., Running]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start sidecars on free ports; each is gone at the end of the test."""
    started: list[subprocess.Popen[str]] = []

    def start_one(
        *arguments: str, listen: str = "127.0.0.1:0", verify: ssl.SSLContext | bool = True, **environment: str
    ) -> Running:
        command = [sys.executable, "-m", "otel_bitacora", "serve", "--listen", listen]
        process = subprocess.Popen(
            [*command, "--state-dir", str(tmp_path / "state"), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **WITHOUT_EVENTS, **environment},
        )
        started.append(process)
        assert process.stdout is not None
        lines = process.stdout.readline() + process.stdout.readline()
        found = re.search(r"^metrics +(https?://\S+)/metrics\npage +\S+?/(?:\?token=(\S+))?$", lines)
        if found is None:
            _, errors = process.communicate(timeout=30)
            raise AssertionError(f"the sidecar said {lines!r} and {errors!r}")
        return Running(process, found[1], found[2] or "", verify)

    yield start_one
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()
