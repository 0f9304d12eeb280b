"""Real servers for tests: one that can't start is a failure in CI, and a skip that names it elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent
PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # pip brings one of the servers
StartServer = Callable[..., str]


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """Start `NAME.sh` with some environment; returns the URL that it is ready at. It is gone after the test.

    Its data are in `tmp_path / NAME`, or in the *folder* beside it where one test needs two of a kind.
    """
    yield from _servers(tmp_path)


@pytest.fixture(scope="module")
def start_shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartServer]:
    """Do the same for all tests of a file."""
    yield from _servers(tmp_path_factory.mktemp("servers"))


def _servers(parent: Path) -> Iterator[StartServer]:
    running: list[tuple[Path, Path]] = []

    def start(name: str, *, folder: str | None = None, **environment: str) -> str:
        script, data = SCRIPTS / f"{name}.sh", parent / (folder or name)
        result = subprocess.run(
            [script, "start", data],
            capture_output=True,
            text=True,
            env={**os.environ, "PATH": PATH, **environment},
            timeout=1800,  # the first start builds the server
            check=False,
        )
        ready = re.fullmatch(r"ready (\S+) pid \d+\n", result.stdout)
        if ready is None:
            reason = f"{name} can't start (exit {result.returncode}): {result.stderr.strip()}"
            if os.environ.get("CI"):
                pytest.fail(reason)
            pytest.skip(reason)
        running.append((script, data))
        return ready[1]

    yield start
    for script, data in running:
        subprocess.run([script, "stop", data], check=True, timeout=60)
