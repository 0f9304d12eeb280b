"""`BitacoraHandler`: the standard `logging.Handler` whose records outlive their process."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from otel_bitacora.errors import ReporterSettingsError

from .core.config import ReporterSettings, open_writer, rate_limit_of, redactor_of
from .core.encode import RecordEncoder, Taken
from .core.identity import resource_of
from .core.intake import FAILED, Intake
from .core.journal.settings import WriterStats
from .core.journal.sync import SyncMode
from .core.mishap import mishap_text, say
from .core.ratelimit import RateLimit
from .core.safe import Cleaner, NoCleaner

if TYPE_CHECKING:
    from datetime import timedelta

    from .core.contract import Processor
    from .production.shipper.in_process import InProcess

MESSAGE_ONLY = logging.Formatter("%(message)s")
"""Stands for no formatter at all: `basicConfig` gives its layout for lines of text to handlers that have none."""


class HandlerStats(NamedTuple):
    """A handler's numbers since its process began; a forked child counts for itself."""

    taken: int
    """Calls past level and filters: each is in the journal, in memory, or among *dropped*."""
    journalled: int
    in_memory: int
    """Records that the disk refuses, and that wait for it."""
    dropped: Mapping[str, int]
    """By reason: `journal_full`, `memory_full`, `rate_limited`, `processor`, …"""
    redacted: Mapping[str, int]
    """Secrets replaced, by the rule that found them."""
    suppressed: Mapping[str, int]
    """Records over the rate limit, by logger."""
    health: Literal["ok", "degraded"]
    """`degraded` while the disk refuses records, or the bound lets only the graver ones through."""
    last_error: str
    journal: WriterStats


class BitacoraHandler(logging.Handler):
    """Keeps every record in a journal that survives `kill -9`, full disks and outages.

    When a logging call returns, its record is in the journal; from ERROR on it survives power loss as well, within
    *sync_budget*. No queue, no thread and no network stands in between.

    Every argument is optional. What isn't given comes from the environment (`BITACORA_JOURNAL_DIR`,
    `BITACORA_REPORTER__SYNC` and so on), else it is the default of `ReporterSettings`, where each is explained. A size
    may be text such as `512MiB`, an age `14d`, so that a logging configuration can say it.

    A formatter, if one is set, writes the body; without one it is the formatted message, or the mapping that was
    logged. `processors` change or drop entries one after the other. The service is named by *service_name*, else by
    *resource*, `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`.

    *ship* is a URL, or several, that a thread of this process sends the journal to, such as
    `otlp+http://collector:4318`; without it a sidecar does, or nobody. Where one ships there already, this one waits.

    Raises:
        ReporterSettingsError: a setting can't be used.
        JournalUnavailable: the directory can't hold a journal: not a directory, not ours, on a network.
    """

    def __init__(
        self,
        level: int | str = logging.NOTSET,
        *,
        journal: str | os.PathLike[str] | None = None,
        service_name: str | None = None,
        resource: Mapping[str, object] | None = None,
        sync: SyncMode | None = None,
        redact: bool | None = None,
        max_bytes: int | str | None = None,
        max_age: float | str | timedelta | None = None,
        max_record_bytes: int | str | None = None,
        processors: Sequence[Processor] = (),
        rate_limit: float | RateLimit | None = None,
        ship: str | Sequence[str] | None = None,
        ship_drain_seconds: float = 5.0,
        sync_budget: float | None = None,
        memory_bytes: int | str | None = None,
        redact_key: bytes | str | None = None,
        redact_key_file: str | os.PathLike[str] | None = None,
        redact_names: Sequence[str] | None = None,
        keep_arguments: bool | None = None,
        allow_network_fs: bool | None = None,
        shared: bool | None = None,
    ) -> None:
        super().__init__(level)
        self.formatter = MESSAGE_ONLY
        own_limit = rate_limit if isinstance(rate_limit, RateLimit) else None
        self.settings = ReporterSettings.load(
            {
                "journal": journal,
                "sync": sync,
                "redact": redact,
                "max_bytes": max_bytes,
                "max_age": max_age,
                "max_record_bytes": max_record_bytes,
                "rate_limit": None if own_limit else rate_limit,
                "sync_budget": sync_budget,
                "memory_bytes": memory_bytes,
                "redact_key": redact_key,
                "redact_key_file": redact_key_file,
                "redact_names": redact_names,
                "keep_arguments": keep_arguments,
                "allow_network_fs": allow_network_fs,
                "shared": shared,
            }
        )
        self._redactor = redactor_of(self.settings)
        self._cleaner: Cleaner = self._redactor or NoCleaner()
        self._rate_limit = own_limit or rate_limit_of(self.settings)
        self._writer = open_writer(self.settings, resource_of(service_name, resource), on_refusal=say)
        encoder = RecordEncoder(
            redactor=self._redactor,
            max_record_bytes=self.settings.max_record_bytes,
            keep_arguments=self.settings.keep_arguments,
        )
        self._take = encoder.take
        self._append = self._writer.append
        checked = _checked(processors)
        self._is_limited = bool(checked) or self._rate_limit is not None
        self._intake = Intake(
            encoder,
            cleaner=self._cleaner,
            rate_limit=self._rate_limit,
            processors=checked,
            report=lambda record: self.handleError(record),  # noqa: PLW0108  # applications replace it later
        )
        self._drain_seconds = ship_drain_seconds
        self._shipping = None if ship is None else self._ship([ship] if isinstance(ship, str) else list(ship))

    def _ship(self, urls: list[str]) -> InProcess:
        # Those who don't ask for it pay nothing for it.
        from .production.shipper.in_process import InProcess  # noqa: PLC0415

        shipping = InProcess(urls, self.settings.journal, say=say)
        self.addFilter(shipping.takes)
        return shipping

    def setFormatter(self, fmt: logging.Formatter | None) -> None:  # noqa: N802  # logging's name
        """Have *fmt* write the body of each record; None for the plain message again."""
        super().setFormatter(fmt or MESSAGE_ONLY)

    def createLock(self) -> None:  # noqa: N802  # logging's name
        """Have no lock: the writer's own is held for one write(2) alone, and never while anybody waits for the disk."""
        self.lock = None

    def _at_fork_reinit(self) -> None:
        pass

    def handle(self, record: logging.LogRecord) -> bool:
        if not self.filters:
            self.emit(record)
            return True
        passed: object = self.filter(record)
        if passed:
            self.emit(passed if isinstance(passed, logging.LogRecord) else record)
        return passed  # type: ignore[return-value]  # from Python 3.12 on the record, where a filter returned one

    def emit(self, record: logging.LogRecord) -> None:
        """Write *record* to the journal; whatever is in it, nothing is raised into the application."""
        try:
            if self._is_limited or self.formatter is not MESSAGE_ONLY:
                taken: Taken | str = self._intake.take(
                    record, None if self.formatter is MESSAGE_ONLY else self.formatter
                )
                if isinstance(taken, str):
                    self._writer.drop(taken)
                    return
            else:
                taken = self._take(record)
        except Exception:  # noqa: BLE001  # memory or the stack is exhausted: the application goes on, the loss is counted
            self._fail(record)
            return
        try:
            before, after, scope_length, severity, key, time_ns = taken
            self._append(before, after, scope_length, severity, key, time_ns)  # a call with a star costs 0.1 µs more
        except Exception:  # noqa: BLE001  # as above; the writer has counted it
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # logging's name
        """Say on stderr what was just raised in taking *record*, unless `logging.raiseExceptions` is off.

        As logging's own does, but without secrets, and it never raises.
        """
        if not logging.raiseExceptions or not sys.stderr:
            return
        try:
            sys.stderr.write(mishap_text(sys.exception(), record, self._cleaner))
        except Exception:  # noqa: BLE001  # nobody is left to be told
            return

    def flush(self) -> bool:  # type: ignore[override]  # logging's returns nothing
        """Return whether every record so far survives power loss, after having waited for the disk."""
        return self._writer.flush()

    def close(self) -> None:
        """Finish the segment, and with *ship* send what can be sent in *ship_drain_seconds*; say what stays.

        A record that is logged later, in `__del__` or `atexit`, opens another segment, and stays in the journal.
        """
        self._writer.close()
        if self._shipping is not None:
            self._shipping.stop(self._drain_seconds)
            self._shipping = None
        if left := self._writer.stats().memory_records:
            say(f"{self.settings.journal}: {left} records that the disk refuses end with this process")
        super().close()

    def stats(self) -> HandlerStats:
        journal = self._writer.stats()
        return HandlerStats(
            taken=journal.last_sequence,
            journalled=journal.journalled,
            in_memory=journal.memory_records,
            dropped=journal.counts.dropped,
            redacted=self._redactor.counts if self._redactor else {},
            suppressed=self._rate_limit.suppressed if self._rate_limit else {},
            health=journal.health,
            last_error=journal.counts.last_error,
            journal=journal,
        )

    def _fail(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(Exception):  # nothing is left to count it with; it is said all the same
            self._writer.drop(FAILED)
        self.handleError(record)


def _checked(processors: Sequence[Processor]) -> tuple[Processor, ...]:
    """Return the processors one by one by their index: only so does a logging configuration resolve `ext://` in a list."""
    try:
        found = tuple(processors[index] for index in range(len(processors)))
    except (TypeError, KeyError) as exc:
        raise ReporterSettingsError(f"processors = {processors!r}: must be a list of processors") from exc
    for processor in found:
        if isinstance(processor, type) or not callable(getattr(processor, "process", None)):
            raise ReporterSettingsError(f"processors: {processor!r} has no method process(entry)")
    return found
