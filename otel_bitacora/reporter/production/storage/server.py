"""What all storages on servers have in common: an exporter that stores, and queries that come page by page."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Generator
from dataclasses import replace
from typing import Protocol

from otel_bitacora.errors import BatchRejected, DestinationError
from otel_bitacora.reporter.core.config import ReporterSettings, redactor_of
from otel_bitacora.reporter.core.contract import Accepted, Duplicate, Exporter, Rejected, StoredRecord
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.foreign import new_uid
from otel_bitacora.reporter.core.intake import cleaned
from otel_bitacora.reporter.core.otlp import encode_resource, scope_field
from otel_bitacora.reporter.core.query import Query
from otel_bitacora.reporter.core.query_text import as_query
from otel_bitacora.reporter.core.safe import Cleaner, NoCleaner

Pages = Generator[list[LogEntry], None, None]


class ClosingExporter(Exporter, Protocol):
    def close(self) -> None: ...


class ServerStorage(ABC):
    """A `LogStorage` at *shown*, in which *exporter* stores. What is stored passes redaction as a logged record does."""

    def __init__(self, exporter: ClosingExporter, shown: str, *, redact: bool | None) -> None:
        self._exporter = exporter
        self._shown = shown
        self._cleaner: Cleaner = redactor_of(ReporterSettings.load({"redact": redact})) or NoCleaner()
        self._lock = threading.Lock()

    async def store_log(self, entry: LogEntry) -> str:
        """Return the uid of *entry*: its own, else a new one. The same uid twice is kept once.

        Raises:
            BatchRejected: the server refuses what is in it.
            DestinationError: the server can't be reached, is busy, or refuses every request.
        """
        return await asyncio.to_thread(self.store, entry)

    def query(self, query: Query | str) -> AsyncIterator[LogEntry]:
        """Yield what matched when the query began, in the order of time.

        *query* is an object, or [text](../../../../docs/query.md). Leaving the iteration ends the search.

        Raises:
            QueryError: the text can't be read.
            DestinationError: the server can't be reached, is busy, or refuses every request.
        """
        return self._found(as_query(query))

    def store(self, entry: LogEntry) -> str:
        """Do what `store_log` does, in the caller's thread."""
        kept = cleaned(entry, self._cleaner)
        if not kept.uid:
            kept = replace(kept, uid=new_uid())
        record = StoredRecord(kept.uid, 0, kept.to_otlp(), len(scope_field(kept)), encode_resource(kept.resource))
        with self._lock:
            (outcome,) = self._exporter.export([record])
        if isinstance(outcome, Accepted | Duplicate):
            return kept.uid
        reason = f"{self._shown}: {getattr(outcome, 'reason', '')}"
        raise BatchRejected(reason) if isinstance(outcome, Rejected) else DestinationError(reason)

    async def close(self) -> None:
        """Close the connection."""
        self._exporter.close()

    @abstractmethod
    def _pages(self, query: Query) -> Pages:
        """Yield what *query* wants but for its limit; pages may be empty, so that a search that is left ends soon."""

    async def _found(self, query: Query) -> AsyncIterator[LogEntry]:
        pages = self._pages(query)
        left = query.limit
        try:
            while left is None or left > 0:
                page = await asyncio.to_thread(next, pages, None)
                if page is None:
                    return
                for entry in page[:left]:
                    yield entry
                left = None if left is None else left - len(page)
        finally:
            with contextlib.suppress(ValueError):  # cancelled while a page is on its way: it ends with the thread
                await asyncio.to_thread(pages.close)
