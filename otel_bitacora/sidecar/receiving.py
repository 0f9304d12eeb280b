"""The sidecar's door for log records of others, into the journal of its state directory."""

from __future__ import annotations

import threading
from pathlib import Path

from otel_bitacora.http.app import Endpoint
from otel_bitacora.reporter.core.storage import JournalStorage
from otel_bitacora.reporter.production.sources.otlp import OtlpReceiver


class Receiving:
    """`POST /v1/logs`. The journal is opened at the first request: one that can't be is told to who sends, each time."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._storage: JournalStorage | None = None
        self._lock = threading.Lock()
        self._receiver = OtlpReceiver(self._open)

    def endpoint(self) -> Endpoint:
        return self._receiver.endpoint()

    def stop(self) -> None:
        """Seal what was written."""
        if self._storage is not None:
            self._storage.seal()

    def _open(self) -> JournalStorage:
        with self._lock:
            if self._storage is None:
                self._storage = JournalStorage(self._journal)
            return self._storage
