"""Entries that lie under another Resource than the one that their journal's segment begins with."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import partial

from .entry import LogEntry
from .indexing import of_entry
from .journal.writer import Writer
from .otlp import scope_field
from .shrink import shrink


def foreign_append(writer: Writer, entry: LogEntry, *, resource: bytes, max_record_bytes: int) -> Callable[[], int]:
    """Return what writes *entry*, which brings its uid, under the OTLP *resource*, and returns its sequence number.

    Raises:
        TypeError: a field isn't what `LogEntry` says.
    """
    severity, key, time_ns = of_entry(entry)
    fitting = shrink(entry, max_record_bytes)
    return partial(
        writer.append_received,
        fitting.to_otlp(),
        resource=resource,
        scope_length=len(scope_field(fitting)),
        severity=severity,
        key=key,
        time_ns=time_ns,
    )


def new_uid() -> str:
    """Return a uid of the usual form that no other process makes, a forked child neither."""
    return f"{secrets.token_hex(16)}-{1:016x}"
