"""What is said on stderr when something in taking a record went wrong: as `logging` says it, but without secrets."""

from __future__ import annotations

import contextlib
import logging
import sys
import traceback

from .safe import Cleaner, Copy, Limits, body_text

_LIMITS = Limits(text_chars=2048, nodes=64)
_TRACE_CHARS = 65_536


def mishap_text(error: BaseException | None, record: logging.LogRecord, cleaner: Cleaner) -> str:
    """Return the trace of *error*, where the record was logged, and its message with its arguments, within bounds."""
    fields = record.__dict__
    trace = "".join(traceback.format_exception(error)) if error is not None else ""
    said = {"message": fields.get("msg"), "arguments": fields.get("args")}
    shown = [f"{key.capitalize()}: {Copy(_LIMITS, cleaner).of(value)!r}\n" for key, value in said.items()]
    return "".join(
        (
            "--- Logging error ---\n",
            body_text(trace, cleaner, limit=_TRACE_CHARS),
            f"Logged from file {Copy(_LIMITS, cleaner).of(fields.get('pathname'))}, line {fields.get('lineno')!r:.20}\n",
            *shown,
        )
    )


def say(text: str) -> None:
    """Tell the one who runs the application, as `logging` itself would: it has no other way to hear of it."""
    if logging.raiseExceptions and sys.stderr:
        with contextlib.suppress(Exception):
            sys.stderr.write(f"otel-bitacora: {text}\n")
