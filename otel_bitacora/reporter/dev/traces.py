"""Where an exception came from, as lines: of one that is at hand with source and locals, of a stored one as far as its text goes."""

from __future__ import annotations

import linecache
import re
import traceback
from collections.abc import Iterator, Mapping
from itertools import groupby, islice
from os.path import relpath
from types import FrameType, ModuleType, TracebackType
from typing import NamedTuple

from otel_bitacora.reporter.core.otlp import json_value
from otel_bitacora.reporter.core.plain import key_text
from otel_bitacora.reporter.core.printable import printable
from otel_bitacora.reporter.core.record_json import dumped
from otel_bitacora.reporter.core.safe import Cleaner, Copy, Limits, body_text, cut, encodable

MAX_CAUSES = 16
"""Exceptions that are shown of one chain; as many of a group."""
_MAX_DEPTH = 4  # of groups in groups
_MAX_FRAMES = 100_000
_FIRST_FRAMES, _LAST_FRAMES = 8, 24
_MAX_LINE_CHARS = 240
_MAX_MESSAGE_CHARS = 8192
_MAX_LOCALS = 24
_LOCALS = Limits(depth=3, items=12, nodes=256, text_chars=_MAX_LINE_CHARS)
_CAUSE = "The above exception was the direct cause of the following exception:"
_CONTEXT = "During handling of the above exception, another exception occurred:"
_PLACE = re.compile(r'^[ |+-]*File "([^"\n]*)", line (\d+)(?:, in ([^\n]*))?', re.MULTILINE)
_BETWEEN = re.compile(rf"^(?:{re.escape(_CAUSE)}|{re.escape(_CONTEXT)})[ ]*$", re.MULTILINE)
_IN_THE_GROUP = re.compile(r"^ *\+-\+-", re.MULTILINE)
_FIRST_LINES, _LAST_LINES = 40, 160


class TraceLine(NamedTuple):
    """One printable line, and what it is: `place`, `source`, `faint` or `exception`, as in a theme."""

    style: str
    text: str


class TraceSettings(NamedTuple):
    """How much is shown of each frame: *context_lines* above and below its own line, and its locals without secrets."""

    cleaner: Cleaner
    context_lines: int = 1
    show_locals: bool = False


def exception_lines(exc: BaseException, place: TracebackType | None, settings: TraceSettings) -> Iterator[TraceLine]:
    """Return *exc* with its causes, the first one first; whatever they are, nothing is raised."""
    yield from _chain_lines(exc, place, settings, depth=0)


def text_lines(trace: str) -> Iterator[TraceLine]:
    """Return a trace that is stored as text, of any language; what can be told of Python's is marked."""
    lines = lines_of(trace)
    left_out = len(lines) - _FIRST_LINES - _LAST_LINES
    for number, line in enumerate(lines):
        if left_out <= 0 or not _FIRST_LINES <= number < _FIRST_LINES + left_out:
            yield TraceLine(_style_of(line), printable(cut(line, _MAX_LINE_CHARS)))
        elif number == _FIRST_LINES:
            yield TraceLine("faint", f"… {left_out} lines")


def lines_of(text: str) -> list[str]:
    """Return the lines of *text*, with blanks for its tabs; what else a terminal might take for a line's end stays in it."""
    return text.expandtabs(4).replace("\r\n", "\n").split("\n")


def summary(kind: str, message: str, trace: str) -> str:
    """Return type, message and place of an exception and what caused it, on one printable line."""
    shown = f"{kind}: {message}" if message else kind
    # What is in a group has places and causes of its own.
    *before, last = [_IN_THE_GROUP.split(block, maxsplit=1)[0] for block in _BETWEEN.split(trace)]
    if places := _PLACE.findall(last):
        path, line, function = places[-1]
        shown += f" ({short_path(path)}:{line}{f' in {function}' if function else ''})"
    for cause in before[: -MAX_CAUSES - 1 : -1]:
        shown += f" ← {cut(_closing_line(cause), _MAX_LINE_CHARS)}"
    return printable(" ".join(lines_of(shown)))


def short_path(path: str) -> str:
    """Return *path* from the working directory on, or behind `site-packages/`, where that is shorter."""
    _, found, inside = path.rpartition("/site-packages/")
    if found:
        return inside
    try:
        relative = relpath(path)
    except (ValueError, OSError):  # another drive, a NUL, or no working directory any more
        return path
    # Within the root directory everything is relative: nothing is gained by a lost slash.
    return relative if len(relative) + 1 < len(path) and not relative.startswith("..") else path


def _closing_line(block: str) -> str:
    """Return the line that says type and message of the exception whose trace is *block*."""
    lines = [line[4:] if line.startswith(("  | ", "  + ")) else line for line in block.split("\n")]
    last_frame = max((number for number, line in enumerate(lines) if line.startswith('  File "')), default=-1)
    return next((line for line in lines[last_frame + 1 :] if line and not line.startswith(("  ", "Traceback "))), "?")


def _style_of(line: str) -> str:
    bare = line.lstrip(" |+")
    if bare.startswith('File "'):
        return "place"
    if bare in {"Traceback (most recent call last):", _CAUSE, _CONTEXT} or not bare.strip("^~- .0123456789"):
        return "faint"
    return "source" if line.startswith("  ") and not line.startswith("  |") else "exception"


def _chain_lines(
    exc: BaseException, place: TracebackType | None, settings: TraceSettings, depth: int
) -> Iterator[TraceLine]:
    chain = _chain(exc)
    for number, (each, connector) in enumerate(chain):
        yield from _one(each, place if each is exc else each.__traceback__, settings, depth)
        if number + 1 < len(chain):
            yield TraceLine("faint", connector)


def _chain(exc: BaseException) -> list[tuple[BaseException, str]]:
    """Return *exc* behind what led to it, each with the sentence that leads on to the next."""
    found = [(exc, "")]
    seen = {id(exc)}
    while len(found) < MAX_CAUSES:
        last = found[-1][0]
        cause = last.__cause__
        previous = cause if cause is not None or last.__suppress_context__ else last.__context__
        if previous is None or id(previous) in seen:
            break
        seen.add(id(previous))
        found.append((previous, _CAUSE if cause is not None else _CONTEXT))
    return found[::-1]


def _one(exc: BaseException, place: TracebackType | None, settings: TraceSettings, depth: int) -> Iterator[TraceLine]:
    yield from _frames(place, settings)
    for line in _closing_lines(exc, settings.cleaner):
        yield TraceLine("exception", printable(cut(line, _MAX_LINE_CHARS)))
    if not isinstance(exc, BaseExceptionGroup):
        return
    inner = exc.exceptions if depth < _MAX_DEPTH else ()
    for number, each in enumerate(inner[:MAX_CAUSES], 1):
        yield TraceLine("faint", f"├─ {number} of {len(exc.exceptions)}")
        for below in _chain_lines(each, each.__traceback__, settings, depth + 1):
            yield TraceLine(below.style, f"│  {below.text}")
    if missing := len(exc.exceptions) - len(inner[:MAX_CAUSES]):
        yield TraceLine("faint", f"└─ {missing} more")


def _closing_lines(exc: BaseException, cleaner: Cleaner) -> list[str]:
    try:
        said = "".join(traceback.format_exception_only(type(exc), exc))
    except BaseException as failure:  # noqa: BLE001  # asks the exception itself
        return [f"{type(exc).__qualname__}: <unreadable: {type(failure).__name__}>"]
    # Cleaned as a whole: a private key has many lines.
    return lines_of(body_text(said, cleaner, limit=_MAX_MESSAGE_CHARS).rstrip("\n"))


def _frames(place: TracebackType | None, settings: TraceSettings) -> Iterator[TraceLine]:
    """Return a few lines for each frame; for one that is repeated at once, in a recursion, only for the last of them."""
    frames = islice(traceback.walk_tb(place), _MAX_FRAMES)
    runs = [list(same) for _, same in groupby(frames, lambda found: (found[0].f_code, found[1]))]
    left_out = len(runs) - _FIRST_FRAMES - _LAST_FRAMES
    for number, run in enumerate(runs):
        if left_out <= 0 or not _FIRST_FRAMES <= number < _FIRST_FRAMES + left_out:
            yield from _frame(*run[-1], len(run), settings)
        elif number == _FIRST_FRAMES:
            yield TraceLine("faint", f"… {left_out} places")


def _frame(frame: FrameType, line: int | None, times: int, settings: TraceSettings) -> Iterator[TraceLine]:
    code = frame.f_code
    repeated = f", {times} times" if times > 1 else ""
    yield TraceLine("place", printable(f"{short_path(code.co_filename)}:{line} in {code.co_qualname}{repeated}"))
    yield from _source(frame, line or 0, settings)
    if settings.show_locals:
        yield from _locals(frame.f_locals, settings)


def _source(frame: FrameType, line: int, settings: TraceSettings) -> Iterator[TraceLine]:
    filename = frame.f_code.co_filename
    linecache.checkcache(filename)
    # The module's globals let a loader (zip files, notebooks) say what no file holds.
    lines = linecache.getlines(filename, frame.f_globals)
    for number in range(max(1, line - settings.context_lines), min(len(lines), line + settings.context_lines) + 1):
        text = _line(lines[number - 1].expandtabs(4).rstrip(), settings)
        own = number == line
        yield TraceLine("source" if own else "faint", f"{'❱' if own else ' '}{number:5} │ {text}".rstrip())


def _locals(found: Mapping[str, object], settings: TraceSettings) -> Iterator[TraceLine]:
    shown = [(name, value) for name, value in found.items() if not _is_noise(name, value)]
    for name, value in shown[:_MAX_LOCALS]:
        copied = Copy(_LOCALS, settings.cleaner).attribute(name, value)
        text = cut(printable(dumped(json_value(copied)).decode()), _MAX_LINE_CHARS)
        yield TraceLine("faint", f"        {key_text(name)} = {text}")
    if len(shown) > _MAX_LOCALS:
        yield TraceLine("faint", f"        … {len(shown) - _MAX_LOCALS} more")


def _is_noise(name: str, value: object) -> bool:
    return name.startswith("__") or issubclass(type(value), ModuleType | type)


def _line(text: str, settings: TraceSettings) -> str:
    return printable(cut(settings.cleaner.text(encodable(text)), _MAX_LINE_CHARS))
