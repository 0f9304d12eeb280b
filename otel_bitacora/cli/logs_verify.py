"""What `logs verify` prints: the sum of each process and of each exporter, and where bytes are damaged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import orjson
import typer

from otel_bitacora.errors import ReporterSettingsError
from otel_bitacora.reporter.core.journal.reader import Damage
from otel_bitacora.reporter.core.journal.verify import Balance, Verification, verify_journal
from otel_bitacora.reporter.core.printable import printable
from otel_bitacora.reporter.production.shipper.ledger import Ledger, ledgers_of
from otel_bitacora.reporter.production.shipper.registry import names_in

from .exporters_printing import print_ledgers
from .logs_printing import damage_text, tell
from .table import print_table


def verify_and_print(directories: Sequence[Path], *, exporter: str | None = None, as_json: bool) -> bool:
    """Return whether nothing is missing, every sum adds up and every file could be read, after having printed it.

    Raises:
        ReporterSettingsError: no exporter called *exporter* is registered.
        JournalUnavailable: an exporter's checkpoint can't be read.
    """
    verification = verify_journal(*directories)
    if not verification.is_whole:
        # What retention or a merge took away amid the reading looks missing; it doesn't the second time.
        verification = verify_journal(*directories)
    ledgers = _ledgers(directories, exporter)
    if not all(ledger.is_balanced for ledger in ledgers):
        ledgers = _ledgers(directories, exporter)  # as above
    is_read = not any(damage.is_unread for damage in verification.damage)
    is_whole = verification.is_whole and is_read and all(ledger.is_balanced for ledger in ledgers)
    if as_json:
        typer.echo(orjson.dumps(_document(verification, ledgers, is_whole=is_whole)))
        return is_whole
    for damage in verification.damage:
        tell(damage_text(damage))
    if ledgers:
        print_ledgers(ledgers, as_json=False)
        typer.echo()
    _print(verification, ledgers, is_whole=is_whole)
    return is_whole


def _ledgers(directories: Sequence[Path], exporter: str | None) -> list[Ledger]:
    found = [ledger for directory in directories for ledger in ledgers_of(directory, name=exporter)]
    if exporter is not None and not found:
        known = ", ".join(name for directory in directories for name in names_in(directory)) or "none is"
        raise ReporterSettingsError(f"no exporter {exporter!r} is registered: {known}")
    return found


def _print(verification: Verification, ledgers: Sequence[Ledger], *, is_whole: bool) -> None:
    balances = verification.instances.values()
    head = ("INSTANCE", "LAST", "RETIRED", "JOURNALLED", "DROPPED", "DAMAGED", "MISSING", "")
    print_table(head, [_row(balance) for balance in balances])
    journalled, missing = (sum(getattr(each, name) for each in balances) for name in ("journalled", "missing"))
    counted = f"{len(balances)} instances, {journalled} records"
    typer.echo(
        f"whole: {counted}"
        if is_whole
        else f"NOT whole: {counted}, {missing} missing{_why_else(verification, ledgers)}"
    )


def _row(balance: Balance) -> tuple[str, ...]:
    numbers = (balance.last_sequence, balance.retired, balance.journalled)
    dropped = ", ".join(f"{count} {printable(reason)}" for reason, count in balance.tombstoned.items()) or "0"
    verdict = "" if balance.is_whole and balance.is_balanced else "MISSING" if balance.missing else "UNBALANCED"
    return (balance.instance.hex(), *map(str, numbers), dropped, str(balance.damaged), str(balance.missing), verdict)


def _why_else(verification: Verification, ledgers: Sequence[Ledger]) -> str:
    unread = sum(damage.is_unread for damage in verification.damage)
    unbalanced = ", ".join(ledger.exporter for ledger in ledgers if not ledger.is_balanced)
    said = f", {unread} files couldn't be read" if unread else ""
    return f"{said}, the ledger of {unbalanced} doesn't add up" if unbalanced else said


def _document(verification: Verification, ledgers: Sequence[Ledger], *, is_whole: bool) -> dict[str, object]:
    return {
        "is_whole": is_whole,
        "instances": [_instance(balance) for balance in verification.instances.values()],
        "exporters": [ledger.as_dict() for ledger in ledgers],
        "damage": [_damage(damage) for damage in verification.damage],
    }


def _instance(balance: Balance) -> dict[str, object]:
    return {
        "instance": balance.instance.hex(),
        "last_sequence": balance.last_sequence,
        "retired": balance.retired,
        "journalled": balance.journalled,
        "tombstoned": balance.tombstoned,
        "damaged": balance.damaged,
        "missing": balance.missing,
        "is_whole": balance.is_whole and balance.is_balanced,
    }


def _damage(damage: Damage) -> dict[str, object]:
    return {
        "segment": damage.segment.path,
        "start": damage.start,
        "end": damage.end,
        "reason": damage.reason,
        "is_torn_tail": damage.is_torn_tail,
        "is_unread": damage.is_unread,
    }
