"""How long to wait before the next attempt: full jitter, as "Exponential Backoff And Jitter" (AWS) has it."""

from __future__ import annotations

from collections.abc import Callable

FIRST_SECONDS = 1.0
CAP_SECONDS = 60.0
_LONGEST_ASKED_SECONDS = 3600.0  # what a destination may ask for with Retry-After


class Backoff:
    """*random* returns 0 to 1."""

    def __init__(self, *, random: Callable[[], float], cap_seconds: float = CAP_SECONDS) -> None:
        self._random = random
        self._cap = cap_seconds
        self.failures = 0

    def succeeded(self) -> None:
        self.failures = 0

    def failed(self, asked_seconds: float | None = None) -> float:
        """Return the seconds to wait after one more failure, not less than the destination *asked* for."""
        bound = min(self._cap, FIRST_SECONDS * 2.0 ** min(self.failures, 32))
        self.failures += 1
        return max(self._random() * bound, min(asked_seconds or 0.0, _LONGEST_ASKED_SECONDS))
