import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Start = Callable[..., Any]


def run(root: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(root / "examples/monitor_demo.py"), *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, env={**os.environ, **environment}
    )


def test_the_demo_shows_the_four_models_and_five_samples(start: Start, root: Path, tmp_path: Path) -> None:
    sidecar = start()
    sidecar.until("/readyz", lambda text: text == "ready\n")

    demo = run(root, sidecar.url, BITACORA_STATE_DIR=str(tmp_path / "state"))

    lines = demo.stdout.splitlines()
    assert (demo.returncode, demo.stderr, len(lines)) == (0, "", 10)
    assert [line.split()[0] for line in lines[:4]] == ["system", "hardware", "network", "process"]
    assert all(re.fullmatch(r"\d\d:\d\d:\d\d\.\d  CPU .{5,6}  received .{9}.*", line) for line in lines[4:9])
    assert re.fullmatch(r"missed    \d+ samples, connected again 0 times", lines[9])


def test_the_demo_without_a_sidecar_says_what_to_start(root: Path) -> None:
    demo = run(root, "http://127.0.0.1:1")

    assert demo.returncode == 1
    assert demo.stderr.startswith("monitor_demo: http://127.0.0.1:1 can't be reached")
    assert demo.stderr.count("\n") == 1
