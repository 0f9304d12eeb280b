"""The long way of a record into the journal: where a rate limit, processors or a formatter have a say in it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from .encode import RecordEncoder, Taken
from .mapping import is_interruption
from .names import MESSAGE_TEMPLATE
from .protobuf import Plain
from .ratelimit import SUPPRESSED, RateLimit
from .safe import Cleaner, Copy, Limits, body_text, short_text

if TYPE_CHECKING:
    from .contract import Processor
    from .entry import LogEntry

RATE_LIMITED = "rate_limited"
PROCESSOR = "processor"
FAILED = "failed"
"""Reasons in tombstones; the last one for what couldn't be taken for want of memory or stack."""


class Intake:
    """Decides what becomes of a record: its encoded form, or the reason why it isn't kept.

    *report* is called, inside the `except`, for what an application's own formatter or processor raised; the record
    goes on without it.
    """

    def __init__(
        self,
        encoder: RecordEncoder,
        *,
        cleaner: Cleaner,
        rate_limit: RateLimit | None,
        processors: Sequence[Processor],
        report: Callable[[logging.LogRecord], None],
    ) -> None:
        self._encoder = encoder
        self._cleaner = cleaner
        self._rate_limit = rate_limit
        self._processors = tuple(processors)
        self._report = report
        self._inside = threading.local()

    def take(self, record: logging.LogRecord, formatter: logging.Formatter | None) -> Taken | str:
        """Return *record* encoded, with its row in the index, or the reason why it is dropped. It isn't changed."""
        extra: dict[str, Plain] = {}
        if self._rate_limit is not None:
            name = record.__dict__.get("name")
            passed_over = self._rate_limit.admit(name if type(name) is str else short_text(name))
            if passed_over is None:
                return RATE_LIMITED
            if passed_over:
                extra[SUPPRESSED] = passed_over
        if formatter is not None:
            record = self._formatted(record, formatter)
        # A processor that logs would be asked about its own records without end.
        if not self._processors or getattr(self._inside, "is_busy", False):
            return self._unprocessed(record, extra)
        self._inside.is_busy = True
        try:
            return self._processed(record, extra)
        except Exception:  # noqa: BLE001  # a processor's entry has what no record can have; it goes on as it was
            self._report(record)
            return self._unprocessed(record, extra)
        finally:
            self._inside.is_busy = False

    def _unprocessed(self, record: logging.LogRecord, extra: dict[str, Plain]) -> Taken:
        return self._encoder.take(_with_extra(record, extra) if extra else record)

    def _formatted(self, record: logging.LogRecord, formatter: logging.Formatter) -> logging.LogRecord:
        """Return a copy whose message is what *formatter* makes of it; exceptions and stacks have attributes of their own."""
        message, arguments = record.__dict__.get("msg"), record.__dict__.get("args")
        shown = _copy(record)
        shown.exc_info = shown.exc_text = shown.stack_info = None
        try:
            text = formatter.format(shown)
        except BaseException as exc:
            if type(message) is str and is_interruption(exc, arguments):
                raise
            self._report(record)  # the application's own code; the record goes on as it was
            return record
        formatted = _copy(record, logging.LogRecord)  # plain, because its message is worded already
        formatted.msg, formatted.args = text, None
        return _with_extra(formatted, {MESSAGE_TEMPLATE: message} if arguments and type(message) is str else {})

    def _processed(self, record: logging.LogRecord, extra: dict[str, Plain]) -> Taken | str:
        taken = self._encoder.entry_of(record)
        entry = taken.replace(attributes={**taken.attributes, **extra}) if extra else taken
        for processor in self._processors:
            try:
                processed = _result(processor, entry)
            except Exception:  # noqa: BLE001  # the application's own code; the record goes on as it was
                self._report(record)
                continue
            if processed is None:
                return PROCESSOR
            entry = processed
        if entry is not taken:
            entry = cleaned(entry, self._cleaner)
        return self._encoder.take_entry(entry)


def cleaned(entry: LogEntry, cleaner: Cleaner) -> LogEntry:
    """Return *entry*, which other code has made, without secrets and impossible values that it may have put in."""
    copied = Copy(Limits(), cleaner)
    attributes = {key: copied.attribute(key, value) for key, value in entry.attributes.items()}
    body = body_text(entry.body, cleaner) if isinstance(entry.body, str) else copied.of(entry.body)
    return entry.replace(body=body, attributes=attributes)


def _result(processor: Processor, entry: LogEntry) -> LogEntry | None:
    from .entry import LogEntry  # noqa: PLC0415  # as in mapping

    processed: object = processor.process(entry)
    if processed is None or isinstance(processed, LogEntry):
        return processed
    raise TypeError(f"{processor!r} returned a {type(processed).__name__}, not a LogEntry or None")


def _copy(record: logging.LogRecord, kind: type[logging.LogRecord] | None = None) -> logging.LogRecord:
    kind = kind or type(record)
    copied = kind.__new__(kind)  # not by its constructor, of which only its factory knows the arguments
    copied.__dict__.update(record.__dict__)
    return copied


def _with_extra(record: logging.LogRecord, extra: dict[str, Plain]) -> logging.LogRecord:
    copied = _copy(record)
    copied.__dict__.update(extra)
    return copied
