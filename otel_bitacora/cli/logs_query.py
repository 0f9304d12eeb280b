"""What `logs query` does: parses, searches and prints, shows how far it is, and stops when it is told to."""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TextIO

import typer

from otel_bitacora.errors import QueryError
from otel_bitacora.reporter.core.journal.reader import Damage
from otel_bitacora.reporter.core.query import Query
from otel_bitacora.reporter.core.query_text import parse_query
from otel_bitacora.reporter.core.search import Progress, Search

from .logs_printing import Printer, tell
from .table import size

_USAGE = 2
_FIRST_SHOWN_SECONDS = 0.4
_SHOWN_EVERY_SECONDS = 0.1
_CLEAR_LINE = "\r\x1b[K"


def parsed(text: str, *, limit: int | None, newest_first: bool) -> Query:
    """Return the query, or end the command with the place of the mistake."""
    try:
        return replace(parse_query(text), limit=limit, newest_first=newest_first)
    except QueryError as exc:
        for line in str(exc).splitlines():
            tell(line)
        raise typer.Exit(_USAGE) from exc


def search_and_print(query: Query, directories: Sequence[Path], printer: Printer, *, shows_progress: bool) -> bool:
    """Return False if it was stopped before it was through."""
    line = ProgressLine(sys.stderr) if shows_progress and sys.stderr.isatty() else None

    def tell_damage(damage: Damage) -> None:
        if line:
            line.clear()
        printer.tell_damage(damage)

    search = Search(query, *directories, on_damage=tell_damage)
    with _stopped_by_interrupt(search) as is_stopped:
        for chunk in search.chunks():
            if line and chunk:
                line.clear()
            if chunk:
                printer.print_entries(chunk)
            if line:
                line.show(search.progress)
    if line:
        line.clear()
    if not is_stopped():
        return True
    tell(f"stopped: {_seen(search.progress)}")
    return False


class ProgressLine:
    """One line on a terminal, drawn anew now and then, of a search that takes a while."""

    def __init__(self, out: TextIO, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._out = out
        self._monotonic = monotonic
        self._next = monotonic() + _FIRST_SHOWN_SECONDS
        self._is_shown = False

    def show(self, progress: Progress) -> None:
        if self._monotonic() < self._next:
            return
        self._next = self._monotonic() + _SHOWN_EVERY_SECONDS
        self._out.write(f"{_CLEAR_LINE}{_seen(progress)}")
        self._out.flush()
        self._is_shown = True

    def clear(self) -> None:
        if self._is_shown:
            self._out.write(_CLEAR_LINE)
            self._out.flush()
            self._is_shown = False


def _seen(progress: Progress) -> str:
    return f"{progress.matches} found in {size(progress.bytes_seen)} of {size(progress.bytes_total)}"


@contextlib.contextmanager
def _stopped_by_interrupt(search: Search) -> Iterator[Callable[[], bool]]:
    """Have Ctrl-C stop the search, and a second one everything at once; say whether it did."""
    interrupts = 0

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        nonlocal interrupts
        interrupts += 1
        search.stop()
        if interrupts > 1:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            yield lambda: interrupts > 0
    finally:
        signal.signal(signal.SIGINT, before)
