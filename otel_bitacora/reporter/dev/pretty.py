"""Records as a developer reads them all day: aligned, coloured, humane; on one line each, or with everything below it."""

from __future__ import annotations

import functools
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import tzinfo
from types import TracebackType
from typing import Any, TextIO, TypeAlias

from otel_bitacora.reporter.core import names
from otel_bitacora.reporter.core.entry import NO_ATTRIBUTES, LogEntry
from otel_bitacora.reporter.core.plain import LEFT_OUT, key_text
from otel_bitacora.reporter.core.printable import printable
from otel_bitacora.reporter.core.protobuf import Plain
from otel_bitacora.reporter.core.redact import Redactor
from otel_bitacora.reporter.core.safe import Cleaner, NoCleaner, cut, describe, encodable

from .columns import display_width, padded, shortened
from .humane import attribute_text
from .themes import PLAIN, Theme, painted, theme_of, wants_color
from .times import TimeColumn
from .traces import TraceLine, TraceSettings, exception_lines, lines_of, summary, text_lines

Raised: TypeAlias = tuple[BaseException, TracebackType | None]

SHORT_KEYS: Mapping[str, str] = {long: short.removesuffix("_id") for short, long in names.PROMOTED.items()}
"""`session` for `bitacora.session.id`, as the query language has it."""
_IN_THE_TRACE = frozenset(
    (names.EXCEPTION_TYPE, names.EXCEPTION_MESSAGE, names.EXCEPTION_STACKTRACE, names.CODE_STACKTRACE)
)
_SHOWN_APART = LEFT_OUT | _IN_THE_TRACE
_MESSAGE_KEYS = ("message", "msg")
_LEAST_SCOPE_WIDTH, _MOST_SCOPE_WIDTH = 12, 24
_MAX_LEVEL_CHARS = 16
_MAX_KEY_CHARS = 120
_MESSAGE_WIDTH = 32
_LONG_ATTRIBUTE = 72
"""Characters; several lines show a longer attribute on a line of its own."""
_MAX_CHARS = 8192
_MAX_LINES = 200
_GUTTER = "    │"


class PrettyRenderer:
    """Renders entries one after the other, each as one line, or as one with its long parts below; not for several threads at once.

    *time* is `absolute` (of the clock, in *timezone*, else local), `relative` (since the first record) or `delta`
    (since the one before). *theme* is `dark`, `light`, `mono` or a `Theme`; without *color* nothing is coloured. An
    attribute is shown with at most *max_chars* characters, a message with 8,192.

    Raises:
        ValueError: there is no such time or theme.
    """

    def __init__(
        self,
        *,
        time: str = "absolute",
        one_line: bool = True,
        theme: str | Theme = "dark",
        color: bool = False,
        timezone: tzinfo | None = None,
        max_chars: int = 200,
        traces: TraceSettings | None = None,
    ) -> None:
        chosen = theme_of(theme)
        self._theme = chosen if color else PLAIN
        self._one_line = one_line
        # Colours take no room.
        self._long = _LONG_ATTRIBUTE + len(painted("k", self._theme.key) + painted("v", self._theme.value)) - 2
        self._time = TimeColumn(time, timezone)
        self._traces = traces or TraceSettings(NoCleaner())
        self._max_chars = max_chars
        self._scope_width = _LEAST_SCOPE_WIDTH
        self._level = functools.lru_cache(maxsize=64)(self._level_cell)
        self._key = functools.lru_cache(maxsize=1024)(self._key_cell)

    def render(self, entry: LogEntry, raised: Raised | None = None) -> str:
        """Return *entry* without a line break at its end; *raised* is its exception, where that is still at hand.

        Whatever is in it, each line is printable but for the colours, and only the first one begins at the margin.
        """
        theme = self._theme
        head = (
            painted(self._time.text(entry.timestamp_unix_nano or entry.observed_unix_nano), theme.time),
            self._level(entry.severity_number, entry.severity_text or entry.level.name),
            self._scope_cell(entry.logger),
        )
        text, others = _said(entry)
        fields = self._fields(entry, text, others)
        style = theme.grave_message if entry.severity_number >= 17 else theme.message
        if self._one_line:
            message = self._first_line(printable(cut(text, _MAX_CHARS)), style, fields)
            return " ".join((*head, message, *fields, *self._summary(entry))).rstrip(" ")
        said, *more = lines_of(cut(text, _MAX_CHARS))
        inline = [field for field in fields if len(field) <= self._long]
        lines = [" ".join((*head, self._first_line(printable(said), style, inline), *inline)).rstrip(" ")]
        gutter = painted(_GUTTER, theme.faint)
        below = [painted(printable(line), style) for line in more[:_MAX_LINES]]
        if left_out := len(more) - len(below):
            below.append(painted(f"… {left_out} lines", theme.faint))
        below += [field for field in fields if len(field) > self._long]
        below += [painted(line.text, getattr(theme, line.style)) for line in self._trace(entry, raised)]
        return "\n".join(lines + [f"{gutter} {line}" if line else gutter for line in below])

    def _level_cell(self, severity_number: int, text: str) -> str:
        shown = "CRIT" if text == "CRITICAL" else printable(text[:_MAX_LEVEL_CHARS])
        return painted(padded(shown, 5), self._theme.level(severity_number))

    def _scope_cell(self, scope: str) -> str:
        name = _scope_name(scope)
        width = display_width(name)
        self._scope_width = max(self._scope_width, width)
        return painted(name, self._theme.scope) + " " * (self._scope_width - width)

    def _first_line(self, text: str, style: str, fields: Sequence[str]) -> str:
        missing = _MESSAGE_WIDTH - display_width(text) if fields else 0
        return painted(text, style) + " " * max(0, missing)

    def _fields(self, entry: LogEntry, text: str, others: Mapping[str, Plain]) -> list[str]:
        found = [self._field(key, value) for key, value in entry.attributes.items() if key not in _SHOWN_APART]
        found += [self._field(key, value) for key, value in others.items()]
        if entry.event_name and entry.event_name != text:
            found.append(self._field("event", entry.event_name))
        if entry.trace_id:
            found.append(self._field("trace", entry.trace_id))
        return found

    def _field(self, key: str, value: Plain) -> str:
        return self._key(key) + painted(attribute_text(key, value, self._max_chars), self._theme.value)

    def _key_cell(self, key: str) -> str:
        return painted(f"{key_text(SHORT_KEYS.get(key) or cut(key, _MAX_KEY_CHARS))}=", self._theme.key)

    def _summary(self, entry: LogEntry) -> Iterator[str]:
        kind, message, trace = _exception_of(entry)
        if kind or message or trace:
            shown = summary(kind or "exception", cut(message, self._max_chars), trace)
            yield painted(f"✗ {shown}", self._theme.exception)

    def _trace(self, entry: LogEntry, raised: Raised | None) -> Iterator[TraceLine]:
        if stack := _text(entry.attributes.get(names.CODE_STACKTRACE)):
            yield from text_lines(stack)
        if raised is not None:
            yield from exception_lines(*raised, self._traces)
            return
        kind, message, trace = _exception_of(entry)
        if trace:
            yield from text_lines(trace)
        elif kind or message:
            yield TraceLine("exception", summary(kind or "exception", message[:_MAX_CHARS], ""))


class PrettyFormatter(logging.Formatter):
    """A `logging.Formatter` for the terminal of who develops the program; it never raises, and changes no record.

    By default an exception is shown below its record, with *context_lines* of source around each of its frames, with
    *show_locals* also with the variables there. Secrets are replaced as in the journal, in *redact_names* too, unless
    *redact* is false. *color* `auto` colours where *stream*, stderr if none is given, is a terminal, unless `NO_COLOR` is
    set, and elsewhere if `FORCE_COLOR` is. The other arguments are `PrettyRenderer`'s.

    Raises:
        ValueError: an argument isn't one of its choices.
    """

    def __init__(
        self,
        *,
        time: str = "absolute",
        one_line: bool = False,
        theme: str | Theme = "dark",
        color: str = "auto",
        stream: TextIO | None = None,
        timezone: tzinfo | None = None,
        show_locals: bool = False,
        context_lines: int = 1,
        redact: bool = True,
        redact_names: Sequence[str] = (),
    ) -> None:
        super().__init__()
        stream = stream or sys.stderr
        self._cleaner: Cleaner = Redactor(secret_keys=redact_names) if redact else NoCleaner()
        self._encoding = getattr(stream, "encoding", None) or "utf-8"
        self._has_every_character = self._encoding.lower().replace("-", "").startswith("utf")
        self._one_line = one_line
        self._renderer = PrettyRenderer(
            time=time,
            one_line=one_line,
            theme=theme,
            color=wants_color(stream, color),
            timezone=timezone,
            traces=TraceSettings(self._cleaner, context_lines, show_locals),
        )

    def format(self, record: logging.LogRecord) -> str:
        """Return *record* as text for the stream's encoding: one line, or also what lies below it."""
        try:
            entry = LogEntry.from_record(record, cleaner=self._cleaner)
            text = self._renderer.render(entry, None if self._one_line else _raised(record.exc_info))
        except Exception as exc:  # noqa: BLE001  # hostile classes, or no stack left: the application goes on
            text = self._in_short(record, type(exc).__name__)
        if self._has_every_character or text.isascii():
            return text
        return text.encode(self._encoding, "backslashreplace").decode(self._encoding)

    def _in_short(self, record: logging.LogRecord, reason: str) -> str:
        try:
            said = " ".join(describe(record.__dict__.get(field)) for field in ("levelname", "name", "msg"))
            return printable(f"{self._cleaner.text(encodable(cut(said, _MAX_CHARS)))} <not formatted: {reason}>")
        except Exception:  # noqa: BLE001  # as above
            return f"<a record couldn't be formatted: {reason}>"


@functools.lru_cache(maxsize=1024)
def _scope_name(scope: str) -> str:
    return shortened(printable(scope) or "-", _MOST_SCOPE_WIDTH)


def _said(entry: LogEntry) -> tuple[str, Mapping[str, Plain]]:
    """Return the message, and what else a structured body holds."""
    body = entry.body
    if not isinstance(body, Mapping):
        return entry.message, NO_ATTRIBUTES
    key = next((key for key in _MESSAGE_KEYS if isinstance(body.get(key), str)), None)
    others = {name: value for name, value in body.items() if name != key}
    return (entry.event_name if key is None else _text(body[key])), others


def _raised(exc_info: Any) -> Raised | None:
    """Return the exception that a record's `exc_info` holds, in any of the forms that handlers accept."""
    if isinstance(exc_info, BaseException):
        return exc_info, exc_info.__traceback__
    if isinstance(exc_info, tuple) and len(exc_info) == 3 and isinstance(exc_info[1], BaseException):
        return exc_info[1], exc_info[2]
    return None


def _exception_of(entry: LogEntry) -> tuple[str, str, str]:
    found = entry.attributes
    return (
        _text(found.get(names.EXCEPTION_TYPE)),
        _text(found.get(names.EXCEPTION_MESSAGE)),
        _text(found.get(names.EXCEPTION_STACKTRACE)),
    )


def _text(value: Plain) -> str:
    return "" if value is None else str(value)
