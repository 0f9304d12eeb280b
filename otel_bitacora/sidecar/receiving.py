"""What the sidecar takes in of other programs' log records: over OTLP and from files, into the journal."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from otel_bitacora.errors import JournalUnavailable
from otel_bitacora.http.app import Endpoint
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.protobuf import Plain
from otel_bitacora.reporter.core.storage import JournalStorage
from otel_bitacora.reporter.production.sources.files.positions import Positions
from otel_bitacora.reporter.production.sources.files.tail import FileTail
from otel_bitacora.reporter.production.sources.otlp import OtlpReceiver
from otel_bitacora.settings import SourcesSettings

_RETRY_SECONDS = 30.0
log = logging.getLogger("otel_bitacora.sidecar")


class Receiving:
    """`POST /v1/logs`, and a thread that follows files.

    The journal is opened when there is something for it. While it can't be, or is full, senders of OTLP are told to
    come again, and files are left where they were.
    """

    def __init__(self, settings: SourcesSettings, *, journal: Path, state: Path, host: Mapping[str, Plain]) -> None:
        self._journal = journal
        self._positions = state / "files.json"
        self._has_otlp = settings.otlp
        self._files = settings.files
        self._host = host
        self._storage: JournalStorage | None = None
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._tail: FileTail | None = None
        self._thread = threading.Thread(target=self._follow, name="bitacora-files", daemon=True)

    def endpoints(self) -> Sequence[Endpoint]:
        return [OtlpReceiver(self._open).endpoint()] if self._has_otlp else []

    def start(self) -> None:
        if self._files:
            self._thread.start()

    def stop(self, timeout_seconds: float) -> None:
        """Read no further, and seal what was written."""
        self._stopping.set()
        if self._tail is not None:
            self._tail.close()
        if self._thread.ident is not None:
            self._thread.join(timeout_seconds)
        if self._storage is not None:
            self._storage.seal()

    def _open(self) -> JournalStorage:
        with self._lock:
            if self._storage is None:
                self._storage = JournalStorage(self._journal)
            return self._storage

    def _follow(self) -> None:
        """Follow the files until told to stop; what is in the way is told, and tried again from where it was."""
        while not self._stopping.is_set():
            try:
                self._tail = FileTail(self._files, Positions(self._positions), sync=self._sync, resource=self._host)
                if self._stopping.is_set():
                    return
                self._tail.collect(self._keep)
            except (JournalUnavailable, OSError) as error:
                log.warning("log files aren't read on for now: %s", error)
                self._stopping.wait(_RETRY_SECONDS)

    def _keep(self, entry: LogEntry) -> None:
        storage = self._open()
        if entry.severity_number < storage.severity_floor:
            raise JournalUnavailable(f"{self._journal} is full")
        storage.store(entry)

    def _sync(self) -> bool:
        return self._storage is None or self._storage.flush()
