"""Aligned columns, numbers as people read them, and bars where there is a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

import typer


def print_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print *rows* in columns as wide as their widest cell; the last one is never padded."""
    for line in table_lines(head, rows):
        typer.echo(line)


def table_lines(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    table = [head, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(head))]
    for row in table:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def is_terminal() -> bool:
    """Whether bars and colours are wanted: stdout is a terminal and NO_COLOR isn't set."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def share(ratio: float | None, width: int = 20) -> str:
    """Return a share from 0 to 1 in percent, behind a bar where there is a terminal."""
    if ratio is None:
        return "-"
    percent = f"{ratio:6.1%}"
    if not is_terminal():
        return percent.strip()
    full = round(min(1.0, max(0.0, ratio)) * width)
    return f"{'█' * full}{'░' * (width - full)} {percent}"


def size(count: float | None) -> str:
    """Return bytes in the binary unit that leaves at most four digits: `1.5 GiB`."""
    if count is None:
        return "-"
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB", "PiB"):
        if abs(value) < 1024 or unit == "PiB":
            break
        value /= 1024
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"


def rate(count: float | None) -> str:
    return "-" if count is None else f"{size(count)}/s"


def number(value: float | None, digits: int = 0) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def span(seconds: float | None) -> str:
    """Return a duration without its fraction: `3 days, 4:05:06`."""
    return "-" if seconds is None else str(timedelta(seconds=int(seconds)))
