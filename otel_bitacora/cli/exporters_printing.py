"""Ledgers as people and machines read them."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
import typer

from otel_bitacora.reporter.core.printable import printable
from otel_bitacora.reporter.production.shipper.ledger import Ledger

from .table import size, table_lines

_COUNTS = ("JOURNALLED", "DELIVERED", "DUPLICATE", "DEAD", "FILTERED", "EXPIRED", "UNATTRIBUTED", "PENDING")


def print_ledgers(ledgers: Sequence[Ledger], *, as_json: bool, to_stderr: bool = False) -> None:
    """Print what became of every record: a line for each exporter, an object with *as_json*."""
    if as_json:
        _print_objects(ledgers, to_stderr=to_stderr)
        return
    rows = [(printable(ledger.exporter), *_counts(ledger), _remark(ledger)) for ledger in ledgers]
    for line in table_lines(("EXPORTER", *_COUNTS, ""), rows):
        typer.echo(line, err=to_stderr)


def print_exporters(ledgers: Sequence[Ledger], *, as_json: bool) -> None:
    """Print the same, and where to, how it fares and who ships."""
    if as_json:
        _print_objects(ledgers)
        return
    rows = [
        (
            printable(ledger.exporter),
            printable(ledger.destination) or "-",
            *_counts(ledger),
            ledger.holder or "nobody ships",
            _remark(ledger),
        )
        for ledger in ledgers
    ]
    for line in table_lines(("EXPORTER", "DESTINATION", *_COUNTS, "SHIPPED BY", ""), rows):
        typer.echo(line)


def _print_objects(ledgers: Sequence[Ledger], *, to_stderr: bool = False) -> None:
    for ledger in ledgers:
        typer.echo(orjson.dumps(ledger.as_dict()), err=to_stderr)


def _counts(ledger: Ledger) -> tuple[str, ...]:
    counts = ledger.counts
    passed = (
        *(ledger.journalled, counts.delivered, counts.duplicate, counts.dead_lettered, counts.filtered),
        *(counts.expired, counts.unattributed),
    )
    return (*map(str, passed), f"{ledger.pending} ({size(ledger.pending_bytes)})" if ledger.pending else "0")


def _remark(ledger: Ledger) -> str:
    if not ledger.is_balanced:
        return "UNBALANCED"
    if ledger.last_error:
        return printable(f"{ledger.state}: {ledger.last_error}")
    return ""
