"""What an exception says about itself: type, message, and the trace with all its causes."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from . import names
from .protobuf import Plain
from .safe import MAX_BODY_CHARS, Cleaner, body_text, describe, encodable, short_text

_TRACE_CHARS = 65_536


def exception_attributes(fields: Mapping[str, Any], cleaner: Cleaner) -> dict[str, Plain]:
    """Return type, message and trace of the exception; a trace that another handler left, if that is all there is."""
    found = fields.get("exc_info")
    if isinstance(found, BaseException):
        found = (type(found), found, found.__traceback__)
    if not isinstance(found, tuple) or len(found) != 3 or found[1] is None:
        trace = fields.get("exc_text")
        return {names.EXCEPTION_STACKTRACE: _trace_text(describe(trace), cleaner)} if trace else {}
    kind, exc, place = found
    message = describe(exc)
    return {
        names.EXCEPTION_TYPE: type_name(kind if isinstance(kind, type) else type(exc)),
        names.EXCEPTION_MESSAGE: body_text(message, cleaner, limit=_TRACE_CHARS),
        names.EXCEPTION_STACKTRACE: _trace_text(_format_trace(exc, place), cleaner),
    }


def type_name(kind: type) -> str:
    """Return the name of an exception's type, with its module unless that is `builtins`."""
    module, name = kind.__module__, kind.__qualname__
    return short_text(name if module == "builtins" else f"{module}.{name}")


def _format_trace(exc: BaseException, place: TracebackType | None) -> str:
    try:
        return "".join(traceback.format_exception(type(exc), exc, place)).rstrip("\n")
    except BaseException as failure:  # noqa: BLE001  # formatting asks the exception itself
        return f"<the trace raised {type(failure).__name__}>"


def _trace_text(trace: str, cleaner: Cleaner) -> str:
    """Return *trace* without secrets; of a very long one the beginning and, which matters most, the end."""
    text = cleaner.text(encodable(trace[: 4 * MAX_BODY_CHARS]))
    if len(text) <= _TRACE_CHARS:
        return text
    head = _TRACE_CHARS // 4
    return f"{text[:head]}\n… <{len(text) - _TRACE_CHARS} characters> …\n{text[head - _TRACE_CHARS :]}"
