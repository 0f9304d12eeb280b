"""The examples, run as their first lines say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path


def test_the_reporter_demo_dies_and_reads_everything_back(root: Path, tmp_path: Path) -> None:
    command = [sys.executable, root / "examples" / "reporter_demo.py"]
    result = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=True, env={"TMPDIR": str(tmp_path)}
    )

    lines = result.stdout.splitlines()
    assert re.fullmatch(r"the program ended with signal 9; its records in \S+/journal:", lines[0])
    assert lines[2:5] == [
        "INFO  shop.checkout  order A-1041: 3 articles  session=s-1",
        "ERROR shop.checkout  payment failed, card [REDACTED]  session=s-1",
        "INFO  shop.checkout  stock is low  session=-",
    ]
    assert lines[-1] == "KeyError: 'amex'"
