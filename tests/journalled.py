"""What a journal gives back, for tests that ask as its readers do."""

from __future__ import annotations

from pathlib import Path

from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.journal.reader import Damage, Reader
from otel_bitacora.reporter.core.journal.verify import Balance, verify_journal
from otel_bitacora.reporter.core.otlp import decode_resource


def entries(*journals: Path, damage: list[Damage] | None = None) -> list[LogEntry]:
    """Return every record, parsed, in order per instance."""
    found = [] if damage is None else damage
    return [
        LogEntry.from_otlp(bytes(frame.payload), resource=decode_resource(frame.resource))
        for frame in Reader(*journals, on_damage=found.append)
        if frame.kind == 1
    ]


def bodies(*journals: Path) -> list[object]:
    return [entry.body for entry in entries(*journals)]


def raw(journal: Path) -> bytes:
    """Return all bytes of all files."""
    return b"".join(path.read_bytes() for path in sorted(journal.rglob("*")) if path.is_file())


def balances(journal: Path) -> list[Balance]:
    """Return the balance of every instance, after a look that nothing is missing or damaged."""
    verification = verify_journal(journal)
    assert verification.is_whole
    assert all(region.is_torn_tail for region in verification.damage)
    return list(verification.instances.values())
