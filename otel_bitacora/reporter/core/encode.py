"""From a `logging.LogRecord` to the bytes of its OTLP record: the one piece of code that every logging call waits for.

An ordinary record takes a short way, on which everything that repeats (the place in the code with its thread, context and
extras, and each of these alone) is encoded once and then looked up. Whatever is unusual about a record sends it the careful
way, through `mapping`, which gives the same bytes for the same record and copes with everything.
"""

from __future__ import annotations

import logging
import operator
import os
import sys
import time
from collections.abc import Callable
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
# fmt: off
_ORDER = [
    "name", "msg", "args", "levelname", "levelno", "pathname", "filename", "module", "exc_info", "exc_text", "stack_info",
    "lineno", "funcName", "created", "msecs", "relativeCreated", "thread", "threadName", "processName", "process",
]
# fmt: on
_ORDER += mapping.STANDARD[len(_ORDER) :]
"""The fields of a record as its constructor sets them, with `taskName` from Python 3.12 on; what follows came by `extra`."""
_FIRST_EXTRA = len(_ORDER)
_KEPT_KINDS = frozenset((str, int))
"""Of extras that are remembered; another may not even have a hash."""
_KEPT_COMMON, _KEPT_BYTES = 1024, 2048
_site_of = operator.itemgetter("lineno", "pathname", "funcName", "name", "levelno", "levelname")
_thread_of = operator.itemgetter("thread", "threadName", "processName")
_SIZE_BYTES = 16
"""More than the sizes before a record take."""
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


Common = tuple[bytes, bytes, int, bytes, IndexKey]
"""What records have in common that say the same but for their message and its arguments: scope, level, severity number,
attributes, session and logger. A plain tuple, since a named one takes longer to unpack."""


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
        self._common: dict[tuple[object, ...], Common] = {}
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
    def _take_ordinary(self, record: logging.LogRecord) -> Taken | None:  # noqa: PLR0911 - see above
        """Return None for a record that needs care."""
        fields = record.__dict__
        keys = list(fields)
        values = list(fields.values())
        if keys[:_FIRST_EXTRA] != _ORDER:
            return None
        del keys[:_FIRST_EXTRA], values[:_FIRST_EXTRA]
        message, arguments = fields["msg"], fields["args"]
        if (
            type(message) is not str
            or fields["exc_info"]
            or fields["exc_text"]
            or fields["stack_info"]
            or (type(record) is not logging.LogRecord and mapping.has_own_message(record))
        ):
            return None
        text = message % arguments if arguments else message
        made = int(fields["created"] * 1e9)
        # Before anything that would take as much again.
        if len(text) > _ORDINARY_BYTES or not made or len(keys) > _ORDINARY_EXTRAS:
            return None
        bound = CURRENT.get()
        context = b"" if bound is NOTHING else self._context(bound, keys, fields)
        if context is None:
            return None
        task = None
        tasks = _modules.get("asyncio.tasks")
        # Up to Python 3.11; empty while no task runs in any thread. Asking for this thread's costs a system call.
        if "taskName" in fields or (tasks is not None and getattr(tasks, "_current_tasks", True)):
            task = mapping.task_name(fields)
        template = message if arguments else None
        common = key = None
        if _KEPT_KINDS.issuperset(map(type, values)) and not self._keep_arguments:
            # fmt: off
            key = (
                template, context, task, fields["lineno"], fields["pathname"], fields["funcName"], fields["name"],
                fields["levelno"], fields["levelname"], fields["thread"], fields["threadName"], fields["processName"],
                fields["process"], *keys, *values,
            )
            # fmt: on
            common = self._common.get(key)
        if common is None:
            common = self._find_common(key, fields, context, task, template)
            if common is None:
                return None
        scope, level, severity, attributes, index_key = common
        traced, trace = self._span
        current_context = self._current_context
        if current_context is None or current_context() is not traced:
            trace = self._trace()
        tail = b"".join((attributes, trace, b"\x59", _now_ns().to_bytes(8, "little")))
        body = text.encode()
        if self._suspects(body):
            body = self._cleaner.text(text).encode()
        body_bytes = len(body)
        body_head = _body_heads.get(body_bytes) or _body_head(body_bytes)
        size = _FIXED_BYTES + len(level) + len(body_head) + body_bytes + len(tail)
        scope_bytes = len(scope)
        if body_bytes > _ORDINARY_BYTES or size + scope_bytes > self._max_ordinary_bytes:
            return None
        head = _record_heads.get(size) or _record_head(size)
        before = b"".join((scope, head, made.to_bytes(8, "little"), level, body_head, body, UID_PREFIX))
        return before, tail, scope_bytes, severity, index_key, made

    def _find_common(
        self,
        key: tuple[object, ...] | None,
        fields: dict[str, Any],
        context: bytes,
        task: object,
        template: str | None,
    ) -> Common | None:
        """Return what all records of the same *key* have in common; None for one that needs care.

        It is remembered if each extra has been seen before: what has a request's own id, say, won't come again.
        """
        if fields["process"] != self._pid:
            return None
        site_key = template, *_site_of(fields)
        site = self._sites.get(site_key) or self._site(site_key, fields, template=template)
        thread = _thread_of(fields)
        parts = [site.place, self._threads.get(thread) or self._thread(thread, fields)]
        if self._keep_arguments and (arguments := fields["args"]):
            parts.insert(1, attribute(MESSAGE_ARGUMENTS, Copy(self._limits, self._cleaner).of(arguments)))
        if task is not None:
            parts.append(attribute(TASK_NAME, short_text(task)))
        parts.append(context)
        remembered = self._extras.remembered.get
        is_kept, is_judged = key is not None, False
        keys = list(fields)[_FIRST_EXTRA:]
        for name in keys:
            value = fields[name]
            kind = type(value)
            found = remembered((name, kind, value)) if kind is str or kind is int else None
            if found is None:
                if not (is_judged or GENERATED.isdisjoint(keys)):  # these are never remembered
                    return None
                is_judged, is_kept = True, False
                found = self._extras.encode(name, value)
            parts.append(found)
        session = fields.get("session_id")
        if type(session) is not str:
            session = CURRENT.get().session if session is None else mapping.id_text(session)
        index_key = self._index_keys.get((session, site.name)) or self._index_key(session, site.name)
        attributes = b"".join(parts)
        common = site.scope, site.level, site.severity, attributes, index_key
        is_kept = is_kept and len(attributes) <= _KEPT_BYTES and site_key in self._sites
        return _remember(self._common, key, common, limit=_KEPT_COMMON) if is_kept else common

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


def _remember(cache: dict[Any, Kept], key: object, encoded: Kept, *, limit: int = _CACHED) -> Kept:
    if len(cache) >= limit:
        cache.clear()
    cache[key] = encoded
    return encoded
