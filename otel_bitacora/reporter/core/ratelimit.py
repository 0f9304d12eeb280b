"""Keeps one logger in an error loop from drowning the others: a bucket of tokens per logger, and a count of what it cost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from otel_bitacora.errors import ReporterSettingsError

from .entry import LogEntry
from .forks import PerProcess
from .values import replaced

SUPPRESSED = "bitacora.suppressed.records"
"""On the first record that passes after some didn't: how many of its logger didn't."""

OTHER = "(other)"
"""Stands for all loggers beyond the first 4,096 that were ever suppressed."""

_MAX_LOGGERS = 4096


class _Bucket:
    __slots__ = ("filled_at", "suppressed", "tokens")

    def __init__(self, tokens: float, filled_at: float) -> None:
        self.tokens = tokens
        self.filled_at = filled_at
        self.suppressed = 0


class _Books:
    """What one process keeps."""

    def __init__(self) -> None:
        self.buckets: dict[str, _Bucket] = {}
        self.totals: dict[str, int] = {}
        # Reentrant, for a signal handler that logs while a record is being judged.
        self.lock = threading.RLock()


class RateLimit:
    """A `Processor` that lets each logger log *records_per_second* in the long run, and *burst* at once.

    The clock is monotonic, in seconds. Safe to use from threads and from signal handlers; a forked child
    starts anew.
    """

    def __init__(self, *, records_per_second: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        if records_per_second <= 0 or burst < 1:
            raise ReporterSettingsError(
                f"a rate limit needs records_per_second above 0 and a burst of 1 or more, not {records_per_second} and {burst}"
            )
        self._rate = records_per_second
        self._burst = float(burst)
        self._clock = clock
        self._books = PerProcess(_Books)

    @property
    def suppressed(self) -> Mapping[str, int]:
        """How many records of each logger didn't pass, ever."""
        books = self._books.get()
        with books.lock:
            return dict(books.totals)

    def admit(self, logger: str) -> int | None:
        """Return None if a record of *logger* doesn't pass, else how many didn't since the last that did."""
        now = self._clock()
        books = self._books.get()
        with books.lock:
            bucket = books.buckets.get(logger) or self._new_bucket(books, logger, now)
            bucket.tokens = min(self._burst, bucket.tokens + max(0.0, now - bucket.filled_at) * self._rate)
            bucket.filled_at = now
            if bucket.tokens < 1:
                bucket.suppressed += 1
                _count(books.totals, logger)
                return None
            bucket.tokens -= 1
            passed_over, bucket.suppressed = bucket.suppressed, 0
            return passed_over

    def process(self, entry: LogEntry) -> LogEntry | None:
        passed_over = self.admit(entry.logger)
        if passed_over is None:
            return None
        if not passed_over:
            return entry
        return replaced(entry, attributes={**entry.attributes, SUPPRESSED: passed_over})

    def _new_bucket(self, books: _Books, logger: str, now: float) -> _Bucket:
        if len(books.buckets) >= _MAX_LOGGERS:
            self._forget_idle(books.buckets, now)
        bucket = books.buckets[logger] = _Bucket(self._burst, now)
        return bucket

    def _forget_idle(self, buckets: dict[str, _Bucket], now: float) -> None:
        """Forget buckets that are full again, which a new one equals; if none is, the one asked for longest ago."""

        def is_full(bucket: _Bucket) -> bool:
            return bucket.tokens + (now - bucket.filled_at) * self._rate >= self._burst

        full = [name for name, bucket in buckets.items() if is_full(bucket)]
        for name in full or [min(buckets, key=lambda name: buckets[name].filled_at)]:
            del buckets[name]


def _count(totals: dict[str, int], logger: str) -> None:
    name = logger if logger in totals or len(totals) < _MAX_LOGGERS else OTHER
    totals[name] = totals.get(name, 0) + 1
