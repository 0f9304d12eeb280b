"""What `logs replay` does: an exporter that is registered for as long as it takes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from otel_bitacora.reporter.production.exporters import name_for
from otel_bitacora.reporter.production.shipper.configured import chosen_routes, settings_for
from otel_bitacora.reporter.production.shipper.ledger import ledger_of
from otel_bitacora.reporter.production.shipper.registry import forget
from otel_bitacora.settings import load_settings

from .exporters_printing import print_ledgers
from .options import log_to_stderr
from .ship_running import exit_code, ship

_DIGEST_CHARS = 8


def replay_and_print(
    journals: Sequence[Path], query: str, *, to: str, config: Path | None, patience_seconds: float, as_json: bool
) -> int:
    """Return the exit code, after having sent what *query* wants and printed the ledger.

    Raises:
        QueryError: the query doesn't parse.
        SettingsError: the URL names no destination.
        LeaseTaken: the same is replayed already.
    """
    settings = load_settings(config=config).settings
    log_to_stderr()
    digest = hashlib.sha256(f"{query}\n{to}".encode()).hexdigest()[:_DIGEST_CHARS]
    name = f"replay-{name_for(to)}"[:60].rstrip("-.") + f"-{digest}"
    routes = [
        route
        for journal in journals
        for route in chosen_routes(
            settings_for(settings, to, name),
            journal,
            urls=[to],
            name=name,
            query=query,
            start="oldest",
            patience_seconds=patience_seconds,
            waits_for_lease=False,
        )
    ]
    shipper = ship(routes, once=True)
    ledgers = [ledger_of(worker.route.journal, worker.route.name) for worker in shipper.workers]
    print_ledgers(ledgers, as_json=as_json, to_stderr=to == "stdout:")
    for ledger in ledgers:
        if not ledger.pending and not ledger.dead_letters:
            forget(ledger.journal, ledger.exporter)
    return exit_code(shipper.workers, ledgers)
