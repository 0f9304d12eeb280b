"""A clock that stands still until it is told how much time has passed."""

from __future__ import annotations


class FakeClock:
    """Both clocks of `otel_bitacora.monitor.schedule.Clock`; `jump` moves the wall clock alone, as ntpd does."""

    def __init__(self, monotonic_seconds: float = 1000.0, unix_nano: int = 1_700_000_000_000_000_000) -> None:
        self._monotonic = monotonic_seconds
        self._unix_nano = unix_nano

    def monotonic(self) -> float:
        return self._monotonic

    def time_ns(self) -> int:
        return self._unix_nano

    def advance(self, seconds: float) -> None:
        """Let *seconds* pass."""
        self._monotonic += seconds
        self._unix_nano += round(seconds * 1e9)

    def jump(self, seconds: float) -> None:
        """Set the wall clock forward, or back, while no time passes."""
        self._unix_nano += round(seconds * 1e9)
