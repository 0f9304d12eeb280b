"""The journal as a door of OpenTelemetry's own SDK: for applications that log by a `LoggerProvider`.

The SDK's log packages are private and still change: no other file may import them.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from otel_bitacora.errors import MissingExtra

try:
    from opentelemetry.sdk._logs import LogRecordProcessor
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter, LogRecordExportResult
except ImportError as exc:  # not in `__init__`, because what is missing are the classes that ours extend
    raise MissingExtra("logging by OpenTelemetry's SDK needs the SDK", "otlp") from exc

from .config import ReporterSettings, open_writer, rate_limit_of, redactor_of
from .context import CURRENT
from .contract import StoredRecord
from .encode import RecordEncoder
from .entry import NO_ATTRIBUTES, LogEntry
from .foreign import foreign_append, new_uid
from .forks import PerProcess
from .identity import resource_of
from .intake import FAILED, RATE_LIMITED
from .mishap import say
from .otel_record import Known, complain, encoded_resource, entry_of, scope_of
from .otlp import scope_field
from .protobuf import Plain
from .ratelimit import SUPPRESSED
from .safe import Cleaner, NoCleaner
from .shrink import shrink

if TYPE_CHECKING:
    from opentelemetry.sdk._logs import ReadableLogRecord, ReadWriteLogRecord

    from .journal.settings import WriterStats
    from .journal.sync import SyncMode
    from .journal.writer import Writer

    SdkRecord = ReadableLogRecord | ReadWriteLogRecord


class _ToJournal:
    """What processor and exporter have in common: settings, the way into the journal, and its end.

    What isn't given comes from the environment, as for `BitacoraHandler`: each argument is explained by
    `ReporterSettings`. The records' Resource is the provider's.

    Raises:
        ReporterSettingsError: a setting can't be used.
        JournalUnavailable: the directory can't hold a journal.
    """

    def __init__(
        self,
        *,
        journal: str | os.PathLike[str] | None = None,
        sync: SyncMode | None = None,
        sync_budget: float | None = None,
        redact: bool | None = None,
        redact_key: bytes | str | None = None,
        redact_key_file: str | os.PathLike[str] | None = None,
        redact_names: Sequence[str] | None = None,
        rate_limit: float | None = None,
        max_bytes: int | str | None = None,
        max_age: float | str | None = None,
        max_record_bytes: int | str | None = None,
        memory_bytes: int | str | None = None,
        allow_network_fs: bool | None = None,
        shared: bool | None = None,
    ) -> None:
        self.settings = ReporterSettings.load(
            {
                "journal": journal,
                "sync": sync,
                "sync_budget": sync_budget,
                "redact": redact,
                "redact_key": redact_key,
                "redact_key_file": redact_key_file,
                "redact_names": redact_names,
                "rate_limit": rate_limit,
                "max_bytes": max_bytes,
                "max_age": max_age,
                "max_record_bytes": max_record_bytes,
                "memory_bytes": memory_bytes,
                "allow_network_fs": allow_network_fs,
                "shared": shared,
            }
        )
        self._cleaner: Cleaner = redactor_of(self.settings) or NoCleaner()
        self._rate_limit = rate_limit_of(self.settings)
        self._encoder = RecordEncoder(max_record_bytes=self.settings.max_record_bytes)
        self._own_resource = resource_of(None, None)
        self._resources = Known(encoded_resource)
        self._scopes = Known(scope_of)
        self._processes = PerProcess(_Process)
        # A segment begins with its Resource, which only the first record tells; a directory that can't be used must
        # be refused now, while somebody is there to read it.
        open_writer(self.settings, self._own_resource)

    def shutdown(self) -> None:
        """Finish the segment, on the disk. A record that is logged later opens another one."""
        writer = self._processes.get().writer
        if writer is None:
            return
        with contextlib.suppress(Exception):  # the SDK ends the application's other processors after this one
            writer.close()
            if left := writer.stats().memory_records:
                say(f"{self.settings.journal}: {left} records that the disk refuses end with this process")

    def force_flush(self, timeout_millis: float = 30_000) -> bool:
        """Return whether, within *timeout_millis*, every record so far has come to survive power loss."""
        process, deadline = self._processes.get(), time.monotonic() + timeout_millis / 1000
        writer = process.writer
        if writer is None:
            return True
        flushed: list[bool] = []
        thread = threading.Thread(target=lambda: flushed.append(writer.flush()), name="bitacora-flush", daemon=True)
        # A disk that hangs can't be interrupted, only left to itself; a second one wouldn't fare better.
        if (earlier := process.flushing) is not None:
            earlier.join(max(0.0, deadline - time.monotonic()))
            if earlier.is_alive():
                return False
        try:
            thread.start()
        except RuntimeError:  # the interpreter is shutting down, and starts no more threads
            return writer.flush()
        process.flushing = thread
        thread.join(max(0.0, deadline - time.monotonic()))
        return flushed == [True]

    def stats(self) -> WriterStats | None:
        """Return this process's numbers; None before its first record."""
        writer = self._processes.get().writer
        return None if writer is None else writer.stats()

    def _write(self, record: SdkRecord, context: Mapping[str, Plain]) -> bool:
        """Return whether *record* was taken; whatever is in it, nothing is raised, and a loss is counted."""
        process = self._processes.get()
        try:
            resource = self._resources.get(record.resource)
            first, writer = process.opened or process.open(resource, lambda: self._open(resource))
        except Exception:  # noqa: BLE001  # the directory is gone, memory is exhausted: the application goes on
            self._complain("a record is lost")
            return False
        try:
            append = self._prepared(record, context, writer, resource if resource not in (first, None) else None)
        except Exception:  # noqa: BLE001  # as above
            with contextlib.suppress(Exception):
                writer.drop(FAILED)
            self._complain("a record is lost, and counted as failed")
            return False
        try:
            append()
        except Exception:  # noqa: BLE001  # as above; the writer has counted it
            self._complain("a record is lost, and counted")
            return False
        return True

    def _prepared(
        self, record: SdkRecord, context: Mapping[str, Plain], writer: Writer, resource: bytes | None
    ) -> Callable[[], object]:
        """Return what writes *record*, or counts it; *resource* if that is another than the writer's."""
        entry = self._entry(record, context)
        if entry is None:
            return partial(writer.drop, RATE_LIMITED)
        if resource is None:
            return partial(writer.append, *self._encoder.take_entry(entry))
        return foreign_append(
            writer,
            replace(entry, uid=new_uid()),
            resource=resource,
            max_record_bytes=self.settings.max_record_bytes,
        )

    def _open(self, resource: bytes | None) -> Writer:
        return open_writer(
            self.settings, self._own_resource if resource is None else lambda _: resource, on_refusal=say
        )

    def _entry(self, record: SdkRecord, context: Mapping[str, Plain]) -> LogEntry | None:
        """Return what *record* says, or None if its logger is over the rate limit."""
        more, scope = dict(context), self._scopes.get(record.instrumentation_scope)
        if self._rate_limit is not None:
            passed_over = self._rate_limit.admit(scope["logger"])
            if passed_over is None:
                return None
            if passed_over:
                more[SUPPRESSED] = passed_over
        return entry_of(record, scope, cleaner=self._cleaner, more=more)

    def _complain(self, what: str) -> None:
        complain(f"{self.settings.journal}: {what}", self._cleaner)


class JournalLogProcessor(_ToJournal, LogRecordProcessor):
    """Writes each record to the journal before the logging call returns: what `BitacoraHandler` promises, holds here.

    `LogContext`'s attributes are added to those that the record has.
    """

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        self._write(log_record, CURRENT.get().attributes)


class JournalLogExporter(_ToJournal, LogRecordExporter):
    """Writes what a processor of the SDK's hands over, when it does so: behind the batch processor, records that wait in
    its queue end with the process, and what `LogContext` said is unknown by then. `JournalLogProcessor` is the better door.

    It is the exporter `bitacora_journal` of `OTEL_LOGS_EXPORTER` and of declarative configuration.
    """

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        """Return SUCCESS if every record is in the journal, or waits in memory for its disk."""
        before = self._dropped()
        taken = [self._write(record, NO_ATTRIBUTES) for record in batch]
        is_whole = all(taken) and self._dropped() == before
        return LogRecordExportResult.SUCCESS if is_whole else LogRecordExportResult.FAILURE

    def _dropped(self) -> int:
        stats = self.stats()
        return 0 if stats is None else sum(stats.counts.dropped.values()) - stats.counts.dropped.get(RATE_LIMITED, 0)


class SinkExporter(LogRecordExporter):
    """Makes of what a processor of the SDK's hands over records such as the journal holds, for somewhere else.

    *deliver* gets those of a batch and returns whether they have arrived. Records of loggers whose names begin with one of
    *own_loggers*, which speak of the delivery itself, are left out: they would beget others for ever.
    """

    def __init__(
        self,
        deliver: Callable[[list[StoredRecord]], bool],
        *,
        redact: bool | None = None,
        own_loggers: tuple[str, ...] = (),
    ) -> None:
        self.settings = ReporterSettings.load({"redact": redact})
        self._deliver = deliver
        self._own_loggers = own_loggers
        self._cleaner: Cleaner = redactor_of(self.settings) or NoCleaner()
        self._resources, self._scopes = Known(encoded_resource), Known(scope_of)
        self._uids = PerProcess(_Uids)

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        """Return SUCCESS if every record has arrived; whatever is in them, nothing is raised."""
        records, is_whole = [], True
        for record in batch:
            try:
                scope = self._scopes.get(record.instrumentation_scope)
                if not scope["logger"].startswith(self._own_loggers or "\0"):
                    records.append(self._stored(record, scope))
            except Exception:  # noqa: BLE001  # the application goes on; the others are delivered
                is_whole = False
                complain("a record that can't be encoded is lost", self._cleaner)
        try:
            is_whole = (not records or self._deliver(records)) and is_whole
        except Exception:  # noqa: BLE001  # as above
            is_whole = False
            complain(f"{len(records)} records are lost", self._cleaner)
        return LogRecordExportResult.SUCCESS if is_whole else LogRecordExportResult.FAILURE

    def shutdown(self) -> None:
        """Nothing is kept here."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002  # the SDK's name
        """Return True: what was handed over has been delivered, or is lost, when `export` returns."""
        return True

    def _stored(self, record: ReadableLogRecord, scope: Mapping[str, Any]) -> StoredRecord:
        uids = self._uids.get()
        sequence = next(uids.sequences)
        entry = entry_of(record, scope, cleaner=self._cleaner, more=NO_ATTRIBUTES)
        entry = shrink(replace(entry, uid=f"{uids.instance}-{sequence:016x}"), self.settings.max_record_bytes)
        resource = self._resources.get(record.resource) or b""
        return StoredRecord(entry.uid, sequence, entry.to_otlp(), len(scope_field(entry)), resource)


class SinkProcessor(BatchLogRecordProcessor):
    """The SDK's batch processor for an exporter, with what `LogContext` said when the record was made.

    Records wait in memory: those that do end with the process, and beyond the SDK's 2,048 the oldest go.
    """

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        more = CURRENT.get().attributes
        if more:
            said = copy(log_record.log_record)
            said.attributes = {**more, **(said.attributes or {})}
            log_record = replace(log_record, log_record=said)
        super().on_emit(log_record)


class _Uids:
    """Of one process; a forked child has others."""

    def __init__(self) -> None:
        self.instance = secrets.token_hex(16)
        self.sequences = itertools.count(1)


class _Process:
    """What one process has: its writer, under the Resource of its first record."""

    def __init__(self) -> None:
        self.flushing: threading.Thread | None = None
        self._first: dict[str, tuple[bytes | None, Writer]] = {}

    @property
    def opened(self) -> tuple[bytes | None, Writer] | None:
        return self._first.get("first")

    @property
    def writer(self) -> Writer | None:
        return self._first["first"][1] if self._first else None

    def open(self, resource: bytes | None, make: Callable[[], Writer]) -> tuple[bytes | None, Writer]:
        """Return the writer and its Resource; of threads that come here together, one decides."""
        return self._first.setdefault("first", (resource, make()))
