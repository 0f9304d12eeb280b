"""Tells of wrong tokens and passwords, at most once a minute: whoever sends them decides how many there are."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

log = logging.getLogger("otel_bitacora.http")
_EVERY_SECONDS = 60.0


class WrongLogins:
    """Counts them and logs the count with the address of the last one; never what was sent."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._count = 0
        self._told_at: float | None = None

    def add(self, address: str) -> None:
        """Count one more; the first is told at once."""
        self._count += 1
        now = self._monotonic()
        if self._told_at is not None and now - self._told_at < _EVERY_SECONDS:
            return
        log.warning("wrong token or password: %d since last told, the last one from %s", self._count, address)
        self._count, self._told_at = 0, now
