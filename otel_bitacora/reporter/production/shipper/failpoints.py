"""Places where a test has the process killed, to see what a crash right there costs: `BITACORA_FAILPOINT=NAME[:K]`."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping

VARIABLE = "BITACORA_FAILPOINT"
AFTER_READ = "after-read"
AFTER_EXPORT = "after-export"
BEFORE_DEAD_LETTER = "before-dead-letter"
AFTER_DEAD_LETTER = "after-dead-letter"
BEFORE_CHECKPOINT = "before-checkpoint"
AFTER_CHECKPOINT = "after-checkpoint"
NAMES = (AFTER_READ, AFTER_EXPORT, BEFORE_DEAD_LETTER, AFTER_DEAD_LETTER, BEFORE_CHECKPOINT, AFTER_CHECKPOINT)

Failpoint = Callable[[str], None]


def nowhere(_: str) -> None:
    pass


def failpoint_from(environ: Mapping[str, str] = os.environ) -> Failpoint:
    """Return what is to be called with the name of each place passed: it kills the process at the k-th pass of the one named."""
    name, _, count = environ.get(VARIABLE, "").partition(":")
    if name not in NAMES:
        return nowhere
    left = int(count) if count.isdecimal() else 1

    def pass_by(place: str) -> None:
        nonlocal left
        if place == name:
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    return pass_by
