"""From a `logging.LogRecord` to the bytes of its OTLP record: the one piece of code that every logging call waits for.

An ordinary record takes a short way, on which everything that repeats (places in the code, threads, attributes,
contexts) is encoded once and then looked up. Whatever is unusual about a record sends it the careful way, through
`mapping`, which gives the same bytes for the same record and copes with everything.
"""

from __future__ import annotations

import logging
import operator
import os
import sys
import time
from collections.abc import Callable
from struct import Struct
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from . import mapping, otlp
from .context import CURRENT, NOTHING, Bound
from .extras import Extras
from .indexing import of_entry
from .journal.index import IndexKey
from .level import severity_number
from .names import GENERATED, MESSAGE_ARGUMENTS, MESSAGE_TEMPLATE, PROMOTED, TASK_NAME
from .otlp import UID_CHARS, UID_PREFIX
from .protobuf import Plain, attribute, varint
from .redact import Redactor
from .safe import Copy, Limits, NoCleaner, short_text
from .shrink import shrink

if TYPE_CHECKING:
    from .entry import LogEntry

MAX_RECORD_BYTES = 262_144
Encoded = tuple[bytes, bytes, int]
"""What precedes the uid's 49 characters, what follows them, and how many bytes of the former are the scope."""

Taken = tuple[bytes, bytes, int, int, IndexKey, int]
"""The same, with what the index says of the record: severity number, session and logger, nanoseconds since 1970."""

Kept = TypeVar("Kept")
_modules = sys.modules
_now_ns = time.time_ns

_CACHED = 4096
_CACHED_CHARS = 1024
_ORDINARY_BYTES = 32_768
_ORDINARY_EXTRAS = 64
_FIRST_EXTRA = len(mapping.STANDARD)
_LAST_FIELD = mapping.STANDARD[-1]
_judged = operator.itemgetter("msg", "args", "exc_info", "exc_text", "stack_info", "process", "created")
_SITE = ("lineno", "pathname", "funcName", "name", "levelno", "levelname")
_thread_of = operator.itemgetter("thread", "threadName", "processName")
_site_without_template = operator.itemgetter(*_SITE)
_site_of = operator.itemgetter("msg", *_SITE)
_SIZE_BYTES = 16
"""More than the sizes before a record take."""
_eight = Struct("<Q").pack
_record_heads: dict[int, bytes] = {}
_body_heads: dict[int, bytes] = {}
"""By size, since asking a dict takes half as long as calling a cached function."""
_FIXED_BYTES = 9 + len(UID_PREFIX) + UID_CHARS
"""Of a record: its time, and its uid."""


class Site(NamedTuple):
    """What all records of one place in the code have in common, encoded."""

    scope: bytes
    level: bytes
    place: bytes
    severity: int
    name: str


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
        self._max_ordinary_bytes = max_record_bytes - _SIZE_BYTES
        self._keep_arguments = keep_arguments
        self._pid = os.getpid()
        self._sites: dict[tuple[object, ...], Site] = {}
        self._threads: dict[tuple[object, ...], bytes] = {}
        self._index_keys: dict[IndexKey, IndexKey] = {}
        self._extras = Extras(redactor, limits)
        self._span: tuple[object, bytes] = (None, b"")
        self._current_context: Callable[[], object] | None = None

    def take(self, record: logging.LogRecord) -> Taken:
        """Return *record*, logged here and now, as the writer appends it; it isn't changed, and nothing raises."""
        try:
            taken = self._take_ordinary(record)
        except Exception:  # noqa: BLE001  # the careful way finds out what it was, and keeps the record
            taken = None
        except BaseException as exc:
            arguments = record.__dict__.get("args")
            if not arguments or mapping.is_interruption(exc, arguments):
                raise
            taken = None  # the application's own code raised what isn't an Exception
        return taken or self._take_carefully(record)

    def encode_record(self, record: logging.LogRecord) -> Encoded:
        """Return *record* as OTLP `ScopeLogs` split around its uid."""
        return self.take(record)[:3]

    def entry_of(self, record: logging.LogRecord) -> LogEntry:
        """Return what `encode_record` would encode, for processors to change."""
        return mapping.map_record(
            record, cleaner=self._cleaner, limits=self._limits, keep_arguments=self._keep_arguments
        )

    def take_entry(self, entry: LogEntry) -> Taken:
        """Return an entry, of whatever origin, as the writer appends it.

        Raises:
            TypeError: a field isn't what `LogEntry` says.
        """
        return *self.encode_entry(entry), *of_entry(entry)

    def encode_entry(self, entry: LogEntry) -> Encoded:
        """Return an entry, of whatever origin, split in the same way and within the same size."""
        before, after, scope_length = otlp.split(entry)
        if len(before) + UID_CHARS + len(after) <= self._max_record_bytes:
            return before, after, scope_length
        return otlp.split(shrink(entry, self._max_record_bytes))

    # Longer than other functions: each call taken out of it costs a logging call a fiftieth of its time.
    def _take_ordinary(  # noqa: PLR0911, PLR0912, PLR0915 - see above
        self, record: logging.LogRecord
    ) -> Taken | None:
        """Return None for a record that needs care."""
        fields = record.__dict__
        message, arguments, exc_info, exc_text, stack_info, process, created = _judged(fields)
        if (
            type(message) is not str
            or exc_info
            or exc_text
            or stack_info
            or process != self._pid
            or (type(record) is not logging.LogRecord and mapping.has_own_message(record))
        ):
            return None
        keys = list(fields)
        if keys[_FIRST_EXTRA - 1] != _LAST_FIELD:
            return None
        del keys[:_FIRST_EXTRA]
        text = message % arguments if arguments else message
        made = int(created * 1e9)
        # Before anything that would take as much again.
        if len(text) > _ORDINARY_BYTES or not made or len(keys) > _ORDINARY_EXTRAS:
            return None
        site_key = _site_of(fields) if arguments else _site_without_template(fields)
        scope, level, place, severity, name = self._sites.get(site_key) or self._site(
            site_key, fields, template=message if arguments else None
        )
        thread = _thread_of(fields)
        parts = [place, self._threads.get(thread) or self._thread(thread, fields)]
        if arguments and self._keep_arguments:
            parts.insert(1, attribute(MESSAGE_ARGUMENTS, Copy(self._limits, self._cleaner).of(arguments)))
        tasks = _modules.get("asyncio.tasks")
        # Up to Python 3.11; empty while no task runs in any thread. Asking for this thread's costs a system call.
        if "taskName" in fields or (tasks is not None and getattr(tasks, "_current_tasks", True)):
            task = mapping.task_name(fields)
            if task is not None:
                parts.append(attribute(TASK_NAME, short_text(task)))
        bound = CURRENT.get()
        if bound is not NOTHING:
            context = self._context(bound, keys, fields)
            if context is None:
                return None
            parts.append(context)
        remembered = self._extras.remembered.get
        is_judged = False
        for key in keys:
            value = fields[key]
            kind = type(value)
            found = remembered((key, kind, value)) if kind is str or kind is int else None
            if found is None:
                if not (is_judged or GENERATED.isdisjoint(keys)):  # these are never remembered
                    return None
                is_judged = True
                found = self._extras.encode(key, value)
            parts.append(found)
        session = fields.get("session_id")
        if type(session) is not str:
            session = bound.session if session is None else mapping.id_text(session)
        traced, trace = self._span
        current_context = self._current_context
        if current_context is None or current_context() is not traced:
            trace = self._trace()
        parts += (trace, b"\x59", _eight(_now_ns()))
        tail = b"".join(parts)
        body = text.encode()
        if self._suspects(body):
            body = self._cleaner.text(text).encode()
        body_bytes = len(body)
        body_head = _body_heads.get(body_bytes) or _body_head(body_bytes)
        size = _FIXED_BYTES + len(level) + len(body_head) + body_bytes + len(tail)
        scope_bytes = len(scope)
        if body_bytes > _ORDINARY_BYTES or size + scope_bytes > self._max_ordinary_bytes:
            return None
        before = b"".join(
            (scope, _record_heads.get(size) or _record_head(size), _eight(made), level, body_head, body, UID_PREFIX)
        )
        index_key = self._index_keys.get((session, name)) or self._index_key(session, name)
        return before, tail, scope_bytes, severity, index_key, made

    def _take_carefully(self, record: logging.LogRecord) -> Taken:
        self._pid = os.getpid()  # another one after a fork
        try:
            return self.take_entry(self.entry_of(record))
        except Exception as exc:  # noqa: BLE001  # so near the end of the stack or of the memory that only this is left
            entry = _unreadable(record, exc)
            return *otlp.split(entry), *of_entry(entry)

    def _site(self, key: tuple[object, ...], fields: dict[str, Any], *, template: str | None) -> Site:
        severity = mapping.severity(fields)
        shown: Plain = template
        about_place = mapping.code_attributes(fields)
        if template is not None:
            shown = about_place[MESSAGE_TEMPLATE] = Copy(self._limits, self._cleaner).text(template)
        name = short_text(fields["name"] or "")
        site = Site(
            scope=otlp.scope_of(name),
            level=otlp.severity_fields(severity["severity_number"], severity["severity_text"]),
            place=_attributes(about_place),
            severity=severity["severity_number"],
            name=name,
        )
        # A template with a secret in it must not stay in memory, nor must one that is made anew for each call.
        is_kept = shown is template and (template is None or len(template) < _CACHED_CHARS)
        return _remember(self._sites, key, site) if is_kept else site

    def _thread(self, key: tuple[object, ...], fields: dict[str, Any]) -> bytes:
        return _remember(self._threads, key, _attributes(mapping.thread_attributes(fields)))

    def _context(self, bound: Bound, keys: list[str], fields: dict[str, Any]) -> bytes | None:
        """Return the context's attributes but those that the record's own extras say; None if that needs care."""
        said = bound.names.intersection(keys)
        if said and any(fields[key] is None for key in said):  # no id is no reason to forget the context's
            return None
        known = bound.encoded.get(said)
        if known is not None and known[0] is self:
            return known[1]
        if not bound.is_plain:
            return None
        names = {PROMOTED.get(key, key) for key in said}
        copy = Copy(self._limits, self._cleaner)
        encoded = _attributes(
            {key: copy.attribute(key, value) for key, value in bound.attributes.items() if key not in names}
        )
        bound.encoded[said] = self, encoded
        return encoded

    def _index_key(self, session: str, name: str) -> IndexKey:
        """Return session and logger as the record's bytes have them, by which queries look for it."""
        key = str(Copy(self._limits, NoCleaner()).of(session)), name
        return _remember(self._index_keys, (session, name), key)

    def _trace(self) -> bytes:
        current_context = self._current_context or self._find_current_context()
        context = current_context() if current_context is not None else None
        known, encoded = self._span
        if context is known:
            return encoded
        trace = mapping.current_trace()
        encoded = otlp.trace_fields(
            trace["trace_flags"], bytes.fromhex(trace["trace_id"]), bytes.fromhex(trace["span_id"])
        )
        # A context never changes: what span is current in it needs to be asked once.
        self._span = (context, encoded)
        return encoded

    def _find_current_context(self) -> Callable[[], object] | None:
        self._current_context = mapping.current_context_function()
        return self._current_context


def _record_head(size: int) -> bytes:
    """Return what precedes the time in a record of *size* bytes."""
    return _remember(_record_heads, size, b"\x12" + varint(size) + b"\x09")


def _body_head(size: int) -> bytes:
    """Return what precedes a body of *size* bytes of text."""
    value_head = b"\x0a" + varint(size)
    return _remember(_body_heads, size, b"\x2a" + varint(len(value_head) + size) + value_head)


def _unreadable(record: logging.LogRecord, exc: Exception) -> LogEntry:
    from .entry import LogEntry  # noqa: PLC0415  # as in mapping

    logger, level = record.__dict__.get("name"), record.__dict__.get("levelno")
    return LogEntry(
        observed_unix_nano=time.time_ns(),
        severity_number=severity_number(level) if type(level) is int else 0,
        body=f"<unreadable record: {type(exc).__name__}>",
        logger=short_text(logger) if type(logger) is str else "",
    )


def _attributes(found: mapping.Attributes) -> bytes:
    return b"".join([attribute(key, value) for key, value in found.items()])


def _suspects_nothing(_raw: bytes) -> bool:
    return False


def _remember(cache: dict[Any, Kept], key: object, encoded: Kept) -> Kept:
    if len(cache) >= _CACHED:
        cache.clear()
    cache[key] = encoded
    return encoded
