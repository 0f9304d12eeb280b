"""What the journal's index says of an entry: a row that said less than its bytes would hide it from queries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .journal.index import IndexKey

if TYPE_CHECKING:
    from .entry import LogEntry

IndexRow = tuple[int, IndexKey, int]
"""Severity number, (session, logger), nanoseconds since 1970."""


def of_entry(entry: LogEntry) -> IndexRow:
    """Return the row of an entry of whatever origin.

    Raises:
        TypeError: a field isn't what `LogEntry` says; an index with it couldn't be written, nor any record after it.
    """
    if not isinstance(entry.logger, str):
        raise TypeError(f"logger is {entry.logger!r}, not text")
    return (
        min(max(entry.severity_number, 0), 24),
        (entry.session_id, entry.logger),
        entry.timestamp_unix_nano or entry.observed_unix_nano,
    )
