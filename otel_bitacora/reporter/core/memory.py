"""Keeps records in memory: for tests, for programs that keep nothing, and as the model of what a storage does."""

from __future__ import annotations

import itertools
import secrets
import threading
from collections.abc import AsyncIterator
from dataclasses import replace

from .entry import LogEntry
from .query import Query
from .query_text import as_query


class MemoryStorage:
    """A `LogStorage` of at most *max_entries* records; beyond that the oldest go, and are counted in *dropped*."""

    def __init__(self, *, max_entries: int = 100_000) -> None:
        if max_entries < 1:
            raise ValueError(f"max_entries must be at least 1, not {max_entries}")
        self._max_entries = max_entries
        self._entries: dict[str, LogEntry] = {}
        self._instance = secrets.token_hex(16)
        self._sequences = itertools.count(1)
        self._lock = threading.Lock()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._entries)

    async def store_log(self, entry: LogEntry) -> str:
        """Return the uid of *entry*, which is made here if it has none; one that is known already isn't kept twice."""
        uid = entry.uid or f"{self._instance}-{next(self._sequences):016x}"
        with self._lock:
            self._entries.setdefault(uid, entry if entry.uid else replace(entry, uid=uid))
            while len(self._entries) > self._max_entries:
                del self._entries[next(iter(self._entries))]
                self.dropped += 1
        return uid

    def query(self, query: Query | str) -> AsyncIterator[LogEntry]:
        """Yield what matched when the query, a text or an object, began, in the order of time.

        Raises:
            QueryError: the text can't be read.
        """
        return self._query(as_query(query))

    async def _query(self, query: Query) -> AsyncIterator[LogEntry]:
        with self._lock:
            entries = list(self._entries.values())
        entries.sort(key=_moment, reverse=query.newest_first)
        for entry in itertools.islice(filter(query.matches, entries), query.limit):
            yield entry


def _moment(entry: LogEntry) -> int:
    return entry.timestamp_unix_nano or entry.observed_unix_nano
