"""Ledgers as people and machines read them."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
import typer

from otel_bitacora.reporter.core.printable import printable
from otel_bitacora.reporter.production.shipper.ledger import Ledger

from .table import size, table_lines

_HEAD = (
    *("EXPORTER", "JOURNALLED", "DELIVERED", "DUPLICATE", "DEAD", "FILTERED", "EXPIRED", "UNATTRIBUTED", "PENDING"),
    "",
)


def print_ledgers(ledgers: Sequence[Ledger], *, as_json: bool, to_stderr: bool = False) -> None:
    """Print one line for each, an object with *as_json*."""
    if as_json:
        for ledger in ledgers:
            typer.echo(orjson.dumps(ledger.as_dict()), err=to_stderr)
        return
    for line in table_lines(_HEAD, [_row(ledger) for ledger in ledgers]):
        typer.echo(line, err=to_stderr)


def _row(ledger: Ledger) -> tuple[str, ...]:
    counts = ledger.counts
    numbers = (
        *(ledger.journalled, counts.delivered, counts.duplicate, counts.dead_lettered, counts.filtered),
        *(counts.expired, counts.unattributed),
    )
    pending = f"{ledger.pending} ({size(ledger.pending_bytes)})" if ledger.pending else "0"
    return (printable(ledger.exporter), *map(str, numbers), pending, _remark(ledger))


def _remark(ledger: Ledger) -> str:
    if not ledger.is_balanced:
        return "UNBALANCED"
    if ledger.pending and ledger.last_error:
        return printable(f"{ledger.state}: {ledger.last_error}")
    return ""
