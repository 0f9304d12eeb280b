"""Starts programs as users write them: a process of its own with the handler in its `logging`, and a journal to be read after."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

PRELUDE = """
import json, logging, os, sys, threading, time
from otel_bitacora import BitacoraHandler

def setup(name="app", **options):
    handler = BitacoraHandler(journal=sys.argv[1], **options)
    log = logging.getLogger(name)
    log.setLevel(1)
    log.propagate = False
    log.addHandler(handler)
    return handler, log

def say(**facts):
    print(json.dumps(facts), flush=True)
"""


def run(
    program: str, journal: Path, *arguments: object, env: Mapping[str, str] | None = None, timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """Return a program that ran to its end and exited with 0; *journal* is its first argument."""
    result = subprocess.run(
        [sys.executable, "-c", PRELUDE + program, str(journal), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env={**os.environ, **(env or {})},
    )
    assert result.returncode == 0, result.stderr[-4000:]
    return result
