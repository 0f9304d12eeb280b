"""What `doctor` has to say about one thing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Literal


class Verdict(Enum):
    OK = "ok"
    WARN = "warn"
    """It works, but less well than it could."""
    FAIL = "fail"
    """Something that was asked for doesn't work."""


@dataclass(frozen=True, slots=True)
class Finding:
    check: str
    """`settings`, `collector`, `port`, `clock`, `disk` or `destination`."""
    subject: str
    verdict: Verdict
    detail: str
    fix: str = ""
    """One line that says what to do about it; empty where nothing has to be done."""
    failure: Literal["", "configuration", "unreachable"] = ""
    """What kind of failure it is, where that has an exit code of its own: a wrong setting, or nobody answers."""


_CODES = {"": 1, "configuration": 3, "unreachable": 4}


def exit_code(findings: Iterable[Finding]) -> int:
    """Return 0 if nothing fails, 3 if settings alone do, 4 if destinations alone can't be reached, else 1."""
    codes = {_CODES[finding.failure] for finding in findings if finding.verdict is Verdict.FAIL}
    return max(codes, default=0) if len(codes) <= 1 else 1
