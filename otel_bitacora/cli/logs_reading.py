"""Which journals are read, and following them while they grow."""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from otel_bitacora.errors import JournalUnavailable
from otel_bitacora.places import journal_directory
from otel_bitacora.reporter.core.journal.reader import Damage, Reader
from otel_bitacora.reporter.core.journal.scan import Frame
from otel_bitacora.reporter.core.timeline import RECORD_ONLY, by_time, in_order, newest

from .logs_printing import Printer, tell

_SHORTEST_WAIT_SECONDS = 0.02
_LONGEST_WAIT_SECONDS = 0.25
_BATCH = 4096  # records that are put in order at once while following


def present_journals(named: Sequence[Path] | None) -> list[Path]:
    """Return the directories to read. The default one may not be there: nothing was logged yet.

    Raises:
        JournalUnavailable: one that was named isn't there, or one can't be read.
    """
    directories = _directories(named)
    for directory in directories:
        if _is_there(directory):
            continue
        if named:
            raise JournalUnavailable(
                f"{directory}: there is no journal; name the directory that an application logs to"
            )
        tell(f"{directory}: nothing was logged yet; --journal names another directory")
    return directories


def awaited_journals(named: Sequence[Path] | None) -> list[Path]:
    """Return the directories to follow; what isn't there yet is waited for.

    Raises:
        JournalUnavailable: one is there and can't be read.
    """
    directories = _directories(named)
    for directory in directories:
        if not _is_there(directory):
            tell(f"{directory}: waiting for the first record")
    return directories


def records_by_time(directories: Sequence[Path], on_damage: Callable[[Damage], None]) -> Iterator[Frame]:
    return by_time(Reader(*directories, on_damage=on_damage, kinds=RECORD_ONLY))


def print_last(directories: Sequence[Path], count: int, printer: Printer) -> None:
    printer.print_all(newest(directories, count))


def print_last_and_follow(directories: Sequence[Path], count: int, printer: Printer) -> None:
    """Print the last *count* records and then all that come, until stdout is closed."""
    reader = Reader(*directories, on_damage=printer.tell_damage, kinds=RECORD_ONLY)
    reader.skip_to_end()
    printer.print_all(newest(directories, count, before=reader.positions))
    wait_seconds = _SHORTEST_WAIT_SECONDS
    while True:
        fresh = reader.poll()
        has_come = False
        while batch := in_order(islice(fresh, _BATCH)):
            printer.print_all(batch)
            has_come = True
        wait_seconds = _SHORTEST_WAIT_SECONDS if has_come else min(wait_seconds * 2, _LONGEST_WAIT_SECONDS)
        if _is_closed_within(wait_seconds):
            return


def _directories(named: Sequence[Path] | None) -> list[Path]:
    return list(dict.fromkeys(map(journal_directory, named))) if named else [journal_directory()]


def _is_there(directory: Path) -> bool:
    try:
        with os.scandir(directory):
            return True
    except FileNotFoundError:
        return False
    except OSError as exc:
        raise JournalUnavailable(f"{directory}: the journal can't be read: {exc.strerror}") from exc


def _is_closed_within(seconds: float) -> bool:
    """Wait; return True at once when the reader of stdout, a pipe, has gone: a quiet journal would never tell."""
    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
    except (OSError, ValueError, AttributeError):  # no descriptor, or no poll on this system
        time.sleep(seconds)
        return False
    return any(event & select.POLLERR for _, event in poll.poll(seconds * 1000))
