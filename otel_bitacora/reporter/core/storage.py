"""Keeps records in the journal and finds them there: the `LogStorage` that needs no server."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from pathlib import Path

from otel_bitacora.errors import JournalUnavailable

from .config import ReporterSettings, open_writer, redactor_of
from .encode import RecordEncoder
from .entry import LogEntry
from .foreign import foreign_append, new_uid
from .identity import resource_of
from .indexing import of_entry
from .intake import cleaned
from .journal.reader import Damage
from .otlp import encode_resource
from .query import Query
from .query_text import as_query
from .safe import Cleaner, NoCleaner
from .search import Search

_REMEMBERED_UIDS = 65_536


class JournalStorage:
    """A `LogStorage` in a journal, by default the one that handlers write to.

    Records keep the Resource they have; those without get one from *service_name* and *resource*, if one of these is
    given. What is stored passes redaction as a logged record does, and is safe from SIGKILL when `store_log` returns.
    *on_damage* is told, during queries, of regions of the journal that can't be read.

    Raises:
        ReporterSettingsError: a setting can't be used.
        JournalUnavailable: the directory can't hold a journal.
    """

    def __init__(
        self,
        journal: Path | str | None = None,
        *,
        service_name: str | None = None,
        resource: Mapping[str, object] | None = None,
        redact: bool | None = None,
        max_bytes: int | str | None = None,
        on_damage: Callable[[Damage], None] = lambda _: None,
    ) -> None:
        settings = ReporterSettings.load({"journal": journal, "redact": redact, "max_bytes": max_bytes})
        self.directory = settings.journal
        has_resource = service_name is not None or resource is not None
        self._writer = open_writer(settings, resource_of(service_name, resource) if has_resource else lambda _: b"")
        self._cleaner: Cleaner = redactor_of(settings) or NoCleaner()
        self._encoder = RecordEncoder(max_record_bytes=settings.max_record_bytes)
        self._max_record_bytes = settings.max_record_bytes
        self._on_damage = on_damage
        self._stored: dict[str, None] = {}
        self._lock = threading.Lock()

    async def store_log(self, entry: LogEntry) -> str:
        """Return the uid of *entry*: its own, else one of the journal's.

        The same uid twice is kept once; if it comes again after a restart, queries leave the second one out.

        Raises:
            JournalUnavailable: the journal is at its bound, and the record's severity is refused.
        """
        return await asyncio.to_thread(self.store, entry)

    def query(self, query: Query | str) -> AsyncIterator[LogEntry]:
        """Yield what matched when the journal was read, in the order of time and as soon as nothing older can come.

        *query* is an object, or [text](../../../docs/query.md). Leaving the iteration ends the search.

        Raises:
            QueryError: the text can't be read.
        """
        return self._found(as_query(query))

    async def _found(self, query: Query) -> AsyncIterator[LogEntry]:
        search = Search(query, self.directory, on_damage=self._on_damage)
        chunks = search.chunks()
        try:
            while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
                for entry in chunk:
                    yield entry
        finally:
            search.stop()  # the thread, where this was cancelled while it reads

    def flush(self) -> bool:
        """Return whether everything stored so far survives power loss, after having waited for the disk."""
        return self._writer.flush()

    def seal(self) -> None:
        """Seal the segment; a later record opens a new one."""
        self._writer.close()

    async def close(self) -> None:
        """Do what `seal` does, without keeping the event loop waiting."""
        await asyncio.to_thread(self.seal)

    @property
    def is_behind(self) -> bool:
        """Whether records wait in memory, because the disk refuses them: SIGKILL would take these."""
        return self._writer.is_behind

    @property
    def severity_floor(self) -> int:
        """Records of less severity are refused now, because the journal is at its bound."""
        return self._writer.severity_floor

    def store(self, entry: LogEntry) -> str:
        """Do what `store_log` does, in the caller's thread."""
        clean = cleaned(entry, self._cleaner)
        if not entry.uid:
            # Under a Resource of its own it is written as a received one, which has to bring its uid.
            return self._append(replace(clean, uid=new_uid()) if entry.resource else clean)
        with self._lock:
            if entry.uid not in self._stored:
                self._append(clean)
                self._stored[entry.uid] = None
                if len(self._stored) > _REMEMBERED_UIDS:
                    del self._stored[next(iter(self._stored))]
        return entry.uid

    def _append(self, entry: LogEntry) -> str:
        severity, key, time_ns = of_entry(entry)
        if entry.uid:
            append = foreign_append(
                self._writer,
                entry,
                resource=encode_resource(entry.resource),
                max_record_bytes=self._max_record_bytes,
            )
            sequence = append()
        else:
            before, after, scope_length = self._encoder.encode_entry(entry)
            sequence = self._writer.append(
                before, after, scope_length=scope_length, severity=severity, key=key, time_ns=time_ns
            )
        floor = self._writer.severity_floor
        if severity < floor:
            raise JournalUnavailable(f"{self.directory} is full: records below severity {floor} are refused")
        return entry.uid or f"{self._writer.instance_id.hex()}-{sequence:016x}"
