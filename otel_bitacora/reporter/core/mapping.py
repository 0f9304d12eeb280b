"""What a `logging.LogRecord` says, in the words of OpenTelemetry. The record itself is never changed: other handlers follow."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict

from . import names
from .context import CURRENT
from .exceptions import exception_attributes
from .level import severity_number, severity_text
from .protobuf import Plain
from .safe import MAX_BODY_CHARS, Cleaner, Copy, Limits, NoCleaner, body_text, describe, short_text

if TYPE_CHECKING:
    from .entry import LogEntry

Fields: TypeAlias = Mapping[str, Any]
Attributes: TypeAlias = dict[str, Plain]

STANDARD = tuple(vars(logging.LogRecord("", 0, "", 0, "", None, None)))
"""The fields of every record, in the order in which its constructor sets them; what follows came by `extra`."""
OWN_FIELDS = frozenset(STANDARD) | {"message", "asctime", "taskName"}
"""Not extras: the last three are left behind by formatters, or are standard from Python 3.12 on."""

MAX_ATTRIBUTES = 128
NUMBERS = frozenset((bool, int, float))
_BUILT_IN = frozenset((str, int, float, bool, bytes, type(None), complex))


def map_record(
    record: logging.LogRecord,
    *,
    cleaner: Cleaner = NoCleaner(),  # noqa: B008  # without state
    limits: Limits = Limits(),  # noqa: B008  # immutable
    observed_unix_nano: int | None = None,
    keep_arguments: bool = False,
) -> LogEntry:
    """Return the entry of a record that was logged in this thread and context; whatever is in the record, nothing raises."""
    from .entry import LogEntry  # noqa: PLC0415  # only for what isn't encoded at once; dataclasses take long to load

    fields = record.__dict__
    copy = Copy(limits, cleaner)
    observed = observed_unix_nano or time.time_ns()
    body, about_message = map_message(record, copy, cleaner, keep_arguments=keep_arguments)
    attributes = code_attributes(fields) | about_message | thread_attributes(fields) | process_attributes(fields)
    attributes |= (
        task_attributes(fields) | _attempt(exception_attributes, fields, cleaner) | stack_attributes(fields, copy)
    )
    # Last, so that an extra wins, and what is too much is taken from the extras.
    extras = extra_attributes(fields, copy)
    context = context_attributes(copy)
    attributes |= {key: value for key, value in context.items() if key not in extras} | extras
    kept = dict(list(attributes.items())[:MAX_ATTRIBUTES])
    return LogEntry(
        timestamp_unix_nano=timestamp(fields, observed),
        observed_unix_nano=observed,
        **severity(fields),
        body=body,
        attributes=kept,
        dropped_attributes_count=len(attributes) - len(kept),
        **current_trace(),
        event_name=short_text(fields.get(names.EVENT_NAME_EXTRA) or ""),
        logger=short_text(fields.get("name") or ""),
    )


def timestamp(fields: Fields, observed: int) -> int:
    """Return when the record was made, in nanoseconds; *observed* if that isn't a time."""
    try:
        made = int(fields["created"] * 1e9)
    except (KeyError, TypeError, ValueError, OverflowError):
        return observed
    return made if 0 < made < 1 << 64 else observed


class Severity(TypedDict):
    severity_number: int
    severity_text: str


def severity(fields: Fields) -> Severity:
    level, name = fields.get("levelno"), fields.get("levelname")
    number = severity_number(int.__int__(level)) if isinstance(level, int) else 0
    return {"severity_number": number, "severity_text": severity_text(short_text(name)) if name else ""}


def has_own_message(record: logging.LogRecord) -> bool:
    """Return whether a factory of the application's made a record that words its message in its own way."""
    return type(record).getMessage is not logging.LogRecord.getMessage


def map_message(
    record: logging.LogRecord, copy: Copy, cleaner: Cleaner, *, keep_arguments: bool
) -> tuple[Plain, Attributes]:
    """Return the body, and what is to be said about it: its template, why it couldn't be formatted, its full length.

    Arguments are kept apart from the text if asked for, and always if they aren't in it.
    """
    message, arguments = record.__dict__.get("msg"), record.__dict__.get("args")
    if issubclass(type(message), Mapping) and not arguments:
        return copy.of(message), {}
    template = message if type(message) is str else describe(message)
    is_own = has_own_message(record)
    if not (arguments or is_own):
        return body_and_length(template, cleaner)
    about: Attributes = {names.MESSAGE_TEMPLATE: copy.text(template)} if arguments else {}
    try:
        text = str(record.getMessage()) if is_own else str(template % arguments)
    except BaseException as exc:
        if is_interruption(exc, arguments):
            raise
        about[names.FORMAT_ERROR] = copy.text(f"{type(exc).__name__}: {describe(exc)}")
        text, keep_arguments = template, True
    if keep_arguments:
        about[names.MESSAGE_ARGUMENTS] = copy.of(arguments)
    body, about_length = body_and_length(text, cleaner)
    return body, about | about_length


def is_interruption(exc: BaseException, arguments: object) -> bool:
    """Return whether *exc*, raised while formatting, is a real Ctrl-C: no code of the application can have raised it."""
    if isinstance(exc, Exception) or not isinstance(arguments, tuple | dict):
        return False
    values = arguments.values() if isinstance(arguments, dict) else arguments
    return all(type(value) in _BUILT_IN for value in values)


def body_and_length(text: str, cleaner: Cleaner) -> tuple[str, Attributes]:
    """Return *text* as a body, and its full length in characters if it was cut."""
    return body_text(text, cleaner), {names.BODY_LENGTH: len(text)} if len(text) > MAX_BODY_CHARS else {}


def code_attributes(fields: Fields) -> Attributes:
    line = fields.get("lineno")
    found = {
        names.CODE_FILE_PATH: _name_or_none(fields.get("pathname")),
        names.CODE_FUNCTION_NAME: _name_or_none(fields.get("funcName")),
        names.CODE_LINE_NUMBER: line if type(line) is int and 0 <= line < 1 << 63 else None,
    }
    return {key: value for key, value in found.items() if value is not None}


def _name_or_none(value: object) -> str | None:
    return None if value is None else short_text(value)


def thread_attributes(fields: Fields) -> Attributes:
    thread, name, process = fields.get("thread"), fields.get("threadName"), fields.get("processName")
    found: Attributes = {}
    if type(thread) is int and 0 <= thread < 1 << 63:
        found[names.THREAD_ID] = thread
    if name is not None:
        found[names.THREAD_NAME] = short_text(name)
    if process not in (None, "MainProcess"):
        found[names.PROCESS_NAME] = short_text(process)
    return found


def process_attributes(fields: Fields) -> Attributes:
    """Return the pid of a record from another process; that of this one is in the Resource."""
    process = fields.get("process")
    return {} if type(process) is not int or process == os.getpid() else {names.PROCESS_PID: process}


def task_attributes(fields: Fields) -> Attributes:
    name = _attempt_value(lambda: task_name(fields))
    return {} if name is None else {names.TASK_NAME: short_text(name)}


def task_name(fields: Fields) -> object:
    """Return the name of the asyncio task: from the record (Python 3.12), else of the task that runs now."""
    if "taskName" in fields:
        return fields["taskName"]
    asyncio = sys.modules.get("asyncio")
    # Without a running loop `current_task` would raise, which takes longer than the whole record should.
    running_loop = getattr(asyncio, "_get_running_loop", None)
    loop = running_loop and running_loop()
    if loop is None or asyncio is None:
        return None
    task = asyncio.current_task(loop)
    return None if task is None else task.get_name()


def context_attributes(copy: Copy) -> Attributes:
    return {key: copy.attribute(key, value) for key, value in CURRENT.get().attributes.items()}


def extra_attributes(fields: Fields, copy: Copy) -> Attributes:
    found: Attributes = {}
    for key, value in fields.items():
        if key not in OWN_FIELDS and key != names.EVENT_NAME_EXTRA:
            found |= extra_attribute(key, value, copy)
    return found


def extra_attribute(key: object, value: object, copy: Copy) -> Attributes:
    """Return one extra under its full name; an id is always text, since stores index it, and `None` is no id."""
    name = key if type(key) is str else describe(key)
    if name in names.IDENTIFYING:
        text = value if type(value) is str else describe(value)
        return {} if value is None else {names.PROMOTED.get(name, name): copy.attribute(name, text)}
    return {names.OTHER_UID if name == names.UID else short_text(name): copy.attribute(name, value)}


def id_text(value: object) -> str:
    """Return an id as the text that it is in attributes, since stores index it."""
    return value if type(value) is str else describe(value)


def stack_attributes(fields: Fields, copy: Copy) -> Attributes:
    stack = fields.get("stack_info")
    return {names.CODE_STACKTRACE: copy.text(stack if type(stack) is str else describe(stack))} if stack else {}


def current_span_function() -> Callable[[], Any] | None:
    """Return what gives the current span, or None where there can be none: OpenTelemetry isn't imported to find out."""
    trace = sys.modules.get("opentelemetry.trace")
    return getattr(trace, "get_current_span", None)


def current_context_function() -> Callable[[], object] | None:
    """Return what gives the immutable context that the current span lies in, or None where there can be no span."""
    if current_span_function() is None:
        return None
    module = sys.modules.get("opentelemetry.context")
    # What `get_current` does in the end, without the two calls that lead there; by its private names, where they are.
    variable = getattr(getattr(module, "_RUNTIME_CONTEXT", None), "_current_context", None)
    return variable.get if type(variable) is ContextVar else getattr(module, "get_current", None)


class Trace(TypedDict):
    trace_flags: int
    trace_id: str
    span_id: str


def current_trace() -> Trace:
    """Return flags and ids of the current span; zero and empty without one."""
    found: Trace | None = _attempt_value(_trace_of_span)
    return found or {"trace_flags": 0, "trace_id": "", "span_id": ""}


def _trace_of_span() -> Trace | None:
    current_span = current_span_function()
    context = current_span().get_span_context() if current_span is not None else None
    if context is None or not context.is_valid:
        return None
    flags = int(context.trace_flags)
    return {"trace_flags": flags, "trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}


def _attempt_value(function: Any) -> Any:
    try:
        return function()
    except Exception:  # noqa: BLE001  # a defect of a tracer or of an event loop must not cost the record
        return None


def _attempt(function: Any, fields: Fields, cleaner: Cleaner) -> Attributes:
    try:
        found: Attributes = function(fields, cleaner)
    except Exception as exc:  # noqa: BLE001  # exceptions may have hostile classes; the record stays
        return {names.EXCEPTION_TYPE: f"<unreadable: {type(exc).__name__}>"}
    return found
