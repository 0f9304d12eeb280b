"""Keeps the journal of this user in order while the sidecar runs."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from otel_bitacora.errors import ReporterError
from otel_bitacora.places import journal_directory
from otel_bitacora.reporter.core.config import ReporterSettings
from otel_bitacora.reporter.core.journal import keep_house
from otel_bitacora.settings import Settings

_INTERVAL_SECONDS = 600.0
log = logging.getLogger("otel_bitacora.sidecar")


class Housekeeping:
    """A daemon thread that looks after the journal every ten minutes; without a journal there is nothing to do."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bitacora-housekeeping", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()

    def _run(self) -> None:
        while not self._stopping.wait(_INTERVAL_SECONDS):
            keep_journal_in_order(self._journal)


def journal_of(settings: Settings) -> Path:
    """Return the journal that the settings name, else the one in their state directory."""
    if settings.journal_dir is None and settings.state_dir is not None:
        return settings.state_dir.expanduser().absolute() / "journal"
    return journal_directory(settings.journal_dir)


def keep_journal_in_order(journal: Path) -> None:
    """Do once what is due; what is in the way goes to the log, and is tried again the next time."""
    if not journal.is_dir():
        return
    try:
        bounds = ReporterSettings.load()
        done = keep_house(journal, max_bytes=bounds.max_bytes, max_age_seconds=bounds.max_age_seconds)
    except (ReporterError, OSError) as error:
        log.warning("the journal isn't kept in order: %s", error)
        return
    if done is not None and (done.merged or done.deleted):
        log.info("journal: %d segments merged, %d over the bounds", len(done.merged), len(done.deleted))
