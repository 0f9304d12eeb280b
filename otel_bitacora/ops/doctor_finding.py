"""What `doctor` has to say about one thing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    OK = "ok"
    WARN = "warn"
    """It works, but less well than it could."""
    FAIL = "fail"
    """Something that was asked for doesn't work."""


@dataclass(frozen=True, slots=True)
class Finding:
    check: str
    """`settings`, `collector`, `port`, `clock` or `disk`."""
    subject: str
    verdict: Verdict
    detail: str
    fix: str = ""
    """One line that says what to do about it; empty where nothing has to be done."""
