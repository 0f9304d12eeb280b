"""From a `logging.LogRecord` to the bytes of its OTLP record: the one piece of code that every logging call waits for.

An ordinary record takes a short way, on which everything that repeats (places in the code, threads, levels, attributes,
contexts) is encoded once and then looked up. Whatever is unusual about a record sends it the careful way, through
`mapping`, which gives the same bytes for the same record and copes with everything.
"""

from __future__ import annotations

import functools
import logging
import os
import time
from collections.abc import Callable
from typing import Any, TypeVar

from . import mapping, otlp
from .context import CURRENT, NOTHING, Bound
from .entry import LogEntry
from .extras import Extras
from .level import severity_number
from .names import GENERATED, MESSAGE_ARGUMENTS, MESSAGE_TEMPLATE, TASK_NAME
from .otlp import UID_CHARS, UID_PREFIX
from .protobuf import attribute, varint
from .redact import Redactor
from .safe import Copy, Limits, NoCleaner, short_text
from .shrink import shrink

MAX_RECORD_BYTES = 262_144
Encoded = tuple[bytes, bytes, int]
"""What precedes the uid's 49 characters, what follows them, and how many bytes of the former are the scope."""

Kept = TypeVar("Kept")

_CACHED = 4096
_CACHED_CHARS = 1024
_ORDINARY_BYTES = 32_768
_ORDINARY_EXTRAS = 64
_FIRST_EXTRA = len(mapping.STANDARD)
_LAST_FIELD = mapping.STANDARD[-1]
_FIXED_BYTES = 9 + len(UID_PREFIX) + UID_CHARS
"""Of a record: its time, and its uid."""


class RecordEncoder:
    """Encodes records for one journal; thread-safe without a lock, since its caches only ever lose entries."""

    def __init__(
        self,
        *,
        redactor: Redactor | None = None,
        limits: Limits = Limits(),  # noqa: B008  # immutable
        max_record_bytes: int = MAX_RECORD_BYTES,
        keep_arguments: bool = False,
    ) -> None:
        self._redactor = redactor
        self._cleaner = redactor or NoCleaner()
        self._suspects = redactor.suspects if redactor else _suspects_nothing
        self._limits = limits
        self._max_record_bytes = max_record_bytes
        self._keep_arguments = keep_arguments
        self._pid = os.getpid()
        self._scopes: dict[str, bytes] = {}
        self._levels: dict[tuple[object, object], bytes] = {}
        self._places: dict[tuple[object, ...], bytes] = {}
        self._threads: dict[object, tuple[bytes, object, object]] = {}
        self._extras = Extras(redactor, limits)
        self._span: tuple[object, bytes] = (None, b"")
        self._current_span: Callable[[], Any] | None = None

    def encode_record(self, record: logging.LogRecord) -> Encoded:
        """Return *record* as OTLP `ScopeLogs` split around its uid; the record isn't changed, and nothing raises."""
        try:
            encoded = self._encode_ordinary(record)
        except Exception:  # noqa: BLE001  # the careful way finds out what it was, and keeps the record
            encoded = None
        return encoded or self._encode_carefully(record)

    def entry_of(self, record: logging.LogRecord) -> LogEntry:
        """Return what `encode_record` would encode, for processors to change."""
        return mapping.map_record(
            record, cleaner=self._cleaner, limits=self._limits, keep_arguments=self._keep_arguments
        )

    def encode_entry(self, entry: LogEntry) -> Encoded:
        """Return an entry, of whatever origin, split in the same way and within the same size."""
        before, after, scope_length = otlp.split(entry)
        if len(before) + UID_CHARS + len(after) <= self._max_record_bytes:
            return before, after, scope_length
        return otlp.split(shrink(entry, self._max_record_bytes))

    def _encode_ordinary(self, record: logging.LogRecord) -> Encoded | None:
        """Return None for a record that needs care."""
        fields = record.__dict__
        keys = list(fields)
        if (
            type(fields["msg"]) is not str
            or fields["exc_info"]
            or fields["exc_text"]
            or fields["stack_info"]
            or fields["process"] != self._pid
            or (type(record) is not logging.LogRecord and mapping.has_own_message(record))
            or keys[_FIRST_EXTRA - 1] != _LAST_FIELD
        ):
            return None
        del keys[:_FIRST_EXTRA]
        bound = CURRENT.get()
        if len(keys) > _ORDINARY_EXTRAS or not GENERATED.isdisjoint(keys):
            return None
        if bound is not NOTHING and not (bound.is_plain and bound.names.isdisjoint(keys)):
            return None
        arguments = fields["args"]
        text = _format(fields["msg"], arguments) if arguments else fields["msg"]
        if len(text) > _ORDINARY_BYTES:  # before anything that would take as much again
            return None
        body = text.encode()
        if self._suspects(body):
            body = self._cleaner.text(text).encode()
        made = int(fields["created"] * 1e9)
        if len(body) > _ORDINARY_BYTES or not made:
            return None
        return self._joined(fields, made.to_bytes(8, "little"), body, self._tail(fields, keys, bound))

    def _joined(self, fields: dict[str, Any], made: bytes, body: bytes, tail: bytes) -> Encoded | None:
        """Return scope, time, severity, body and the beginning of the uid before *tail*; None if that is too much."""
        scope = self._scopes.get(fields["name"]) or self._scope(fields["name"])
        level = self._levels.get((fields["levelno"], fields["levelname"])) or self._level(fields)
        body_head = _body_head(len(body))
        size = _FIXED_BYTES + len(level) + len(body_head) + len(body) + len(tail)
        before = b"".join((scope, _record_head(size), made, level, body_head, body, UID_PREFIX))
        if len(before) + UID_CHARS + len(tail) > self._max_record_bytes:
            return None
        return before, tail, len(scope)

    def _tail(self, fields: dict[str, Any], keys: list[str], bound: Bound) -> bytes:
        """Return all that follows the uid: attributes in the order of the careful way, trace, time of observation."""
        arguments = fields["args"]
        place = fields["pathname"], fields["lineno"], fields["funcName"], fields["msg"] if arguments else None
        thread = self._threads.get(fields["thread"])
        if thread is None or thread[1] is not fields["threadName"] or thread[2] is not fields["processName"]:
            thread = self._thread(fields)
        parts = [self._places.get(place) or self._place(place, fields)]
        if arguments and self._keep_arguments:
            parts.append(attribute(MESSAGE_ARGUMENTS, Copy(self._limits, self._cleaner).of(arguments)))
        parts.append(thread[0])
        task = mapping.task_name(fields)
        if task is not None:
            parts.append(attribute(TASK_NAME, short_text(task)))
        if bound is not NOTHING:
            cached = bound.encoded
            parts.append(cached[1] if cached is not None and cached[0] is self else self._context(bound))
        remembered, encode = self._extras.remembered.get, self._extras.encode
        for key in keys:
            value = fields[key]
            kind = type(value)
            found = remembered((key, kind, value)) if kind is str or kind is int else None
            parts.append(found or encode(key, value))
        parts += (self._trace(), b"\x59", time.time_ns().to_bytes(8, "little"))
        return b"".join(parts)

    def _encode_carefully(self, record: logging.LogRecord) -> Encoded:
        self._pid = os.getpid()  # another one after a fork
        try:
            return self.encode_entry(self.entry_of(record))
        except Exception as exc:  # noqa: BLE001  # so near the end of the stack or of the memory that only this is left
            return otlp.split(_unreadable(record, exc))

    def _context(self, bound: Bound) -> bytes:
        copy = Copy(self._limits, self._cleaner)
        encoded = b"".join([attribute(key, copy.attribute(key, value)) for key, value in bound.attributes.items()])
        bound.encoded = (self, encoded)
        return encoded

    def _scope(self, logger: str) -> bytes:
        return _remember(self._scopes, logger, otlp.scope_of(short_text(logger or "")))

    def _level(self, fields: dict[str, Any]) -> bytes:
        severity = mapping.severity(fields)
        encoded = otlp.severity_fields(severity["severity_number"], severity["severity_text"])
        return _remember(self._levels, (fields["levelno"], fields["levelname"]), encoded)

    def _place(self, place: tuple[object, ...], fields: dict[str, Any]) -> bytes:
        attributes = mapping.code_attributes(fields)
        template = fields["msg"]
        shown = template
        if place[-1] is not None:
            shown = attributes[MESSAGE_TEMPLATE] = Copy(self._limits, self._cleaner).text(template)
        encoded = b"".join([attribute(key, value) for key, value in attributes.items()])
        # A template with a secret in it must not stay in memory, nor must one that is made anew for each call.
        return (
            _remember(self._places, place, encoded) if shown is template and len(template) < _CACHED_CHARS else encoded
        )

    def _thread(self, fields: dict[str, Any]) -> tuple[bytes, object, object]:
        attributes = mapping.thread_attributes(fields)
        encoded = b"".join([attribute(key, value) for key, value in attributes.items()])
        return _remember(self._threads, fields["thread"], (encoded, fields["threadName"], fields["processName"]))

    def _trace(self) -> bytes:
        current_span = self._current_span or self._find_current_span()
        context = current_span().get_span_context() if current_span is not None else None
        known, encoded = self._span
        if context is known:
            return encoded
        if context is not None and context.is_valid:
            trace_id, span_id = context.trace_id.to_bytes(16, "big"), context.span_id.to_bytes(8, "big")
            encoded = otlp.trace_fields(int(context.trace_flags), trace_id, span_id)
        else:
            encoded = b""
        self._span = (context, encoded)
        return encoded

    def _find_current_span(self) -> Callable[[], Any] | None:
        self._current_span = mapping.current_span_function()
        return self._current_span


@functools.lru_cache(maxsize=1024)
def _record_head(size: int) -> bytes:
    """Return what precedes the time in a record of *size* bytes."""
    return b"\x12" + varint(size) + b"\x09"


@functools.lru_cache(maxsize=1024)
def _body_head(size: int) -> bytes:
    """Return what precedes a body of *size* bytes of text."""
    value_head = b"\x0a" + varint(size)
    return b"\x2a" + varint(len(value_head) + size) + value_head


def _format(message: str, arguments: Any) -> str:
    try:
        return str(message % arguments)
    except Exception:
        raise
    except BaseException as exc:
        if mapping.is_interruption(exc, arguments):
            raise
        raise ValueError("the application's own code raised what isn't an Exception") from exc


def _unreadable(record: logging.LogRecord, exc: Exception) -> LogEntry:
    logger, level = record.__dict__.get("name"), record.__dict__.get("levelno")
    return LogEntry(
        observed_unix_nano=time.time_ns(),
        severity_number=severity_number(level) if type(level) is int else 0,
        body=f"<unreadable record: {type(exc).__name__}>",
        logger=short_text(logger) if type(logger) is str else "",
    )


def _suspects_nothing(_raw: bytes) -> bool:
    return False


def _remember(cache: dict[Any, Kept], key: object, encoded: Kept) -> Kept:
    if len(cache) >= _CACHED:
        cache.clear()
    cache[key] = encoded
    return encoded
