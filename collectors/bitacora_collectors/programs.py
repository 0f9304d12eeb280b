"""Runs programs that answer a question, for no longer than they may take."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence

Runner = Callable[[Sequence[str], float], bytes]
"""Runs a program for at most so many seconds and returns what it prints; raises OSError or TimeoutError."""


def run_program(command: Sequence[str], seconds: float) -> bytes:
    """Return what *command* prints; it is killed when *seconds* have passed.

    Raises:
        TimeoutError: it didn't end within *seconds*.
        OSError: it can't be run, or failed.
    """
    found = _run(command, seconds)
    if found.returncode != 0:
        said = found.stderr.decode("utf-8", "replace").strip()[:200]
        raise OSError(f"{command[0]} {command[1]} failed with {found.returncode}: {said}")
    return found.stdout


def run_whatever_status(command: Sequence[str], seconds: float) -> bytes:
    """Return what *command* prints, whether or not it fails; raises as `run_program`."""
    return _run(command, seconds).stdout


def _run(command: Sequence[str], seconds: float) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(command, capture_output=True, timeout=seconds, check=False, stdin=subprocess.DEVNULL)  # noqa: S603 - no shell, and a fixed program
    except subprocess.TimeoutExpired as error:
        raise TimeoutError(f"{' '.join(command)} didn't end within {seconds:g} s") from error
