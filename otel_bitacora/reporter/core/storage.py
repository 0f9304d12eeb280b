"""Keeps records in the journal and finds them there: the `LogStorage` that needs no server."""

from __future__ import annotations

import asyncio
import heapq
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path

from otel_bitacora.errors import JournalUnavailable

from .config import ReporterSettings, open_writer, redactor_of
from .encode import RecordEncoder
from .entry import LogEntry
from .foreign import foreign_append, new_uid
from .identity import resource_of
from .indexing import of_entry
from .intake import cleaned
from .journal.reader import Damage, Reader
from .journal.scan import Frame
from .otlp import encode_resource
from .query import Query
from .safe import Cleaner, NoCleaner
from .stored import FrameDecoder, moment_of
from .timeline import RECORD_ONLY, detached
from .uids import Uids

_CHUNK = 512  # records between two times that the event loop is asked
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
        return await asyncio.to_thread(self._store, entry)

    async def query(self, query: Query) -> AsyncIterator[LogEntry]:
        """Yield what matched when the journal was read, in the order of time.

        What matches is held, encoded, until it is yielded: a limit bounds the memory as well.
        """
        decoder = FrameDecoder()
        reader = Reader(self.directory, on_damage=self._on_damage, kinds=RECORD_ONLY)
        # Twice: what is merged meanwhile lies elsewhere than when the journal was listed.
        search = _Search(query, decoder, (frame for _ in range(2) for frame in reader.poll()))
        while await asyncio.to_thread(search.look_on):
            pass
        found = iter(await asyncio.to_thread(search.frames))
        while chunk := list(islice(found, _CHUNK)):
            for entry in await asyncio.to_thread(lambda frames: [decoder.entry(frame) for frame in frames], chunk):
                yield entry

    async def close(self) -> None:
        """Seal the segment; a later record opens a new one."""
        await asyncio.to_thread(self._writer.close)

    def _store(self, entry: LogEntry) -> str:
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
        floor = self._writer.stats().severity_floor
        if severity < floor:
            raise JournalUnavailable(f"{self.directory} is full: records below severity {floor} are refused")
        return entry.uid or f"{self._writer.instance_id.hex()}-{sequence:016x}"


class _Search:
    """One reading of the journal for a query, a chunk at a time."""

    def __init__(self, query: Query, decoder: FrameDecoder, frames: Iterator[Frame]) -> None:
        self._query = query
        self._decoder = decoder
        self._frames = frames
        self._uids = Uids()
        self._found: list[tuple[int, int, Frame]] = []
        self._sign = -1 if query.newest_first else 1
        self._seen = 0

    def look_on(self) -> bool:
        """Look at the next chunk; return whether there was anything."""
        chunk = list(islice(self._frames, _CHUNK))
        for frame in chunk:
            self._look_at(frame)
        return bool(chunk)

    def frames(self) -> list[Frame]:
        """Return what was found, in the order that was asked for."""
        return [frame for *_, frame in sorted(self._found, key=_wanted_first)[: self._query.limit]]

    def _look_at(self, frame: Frame) -> None:
        query, moment = self._query, moment_of(frame)
        if query.since_unix_nano is not None and moment < query.since_unix_nano:
            return
        if query.until_unix_nano is not None and moment >= query.until_unix_nano:
            return
        try:
            entry = self._decoder.entry(frame)
        except ValueError:  # what another program sent isn't OTLP
            return
        if not query.matches(entry) or not self._uids.is_new(entry.uid):
            return
        self._seen += 1
        self._found.append((self._sign * moment, self._seen, detached(frame)))
        if query.limit is not None and len(self._found) >= 2 * query.limit + _CHUNK:
            self._found = heapq.nsmallest(query.limit, self._found, key=_wanted_first)


def _wanted_first(found: tuple[int, int, Frame]) -> tuple[int, int]:
    return found[0], found[1]
