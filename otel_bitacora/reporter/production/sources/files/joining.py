"""Lines joined into records: parts of a container's line, and what follows a first line, such as a traceback."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from otel_bitacora.reporter.core.names import EXCEPTION_MESSAGE, EXCEPTION_STACKTRACE, EXCEPTION_TYPE
from otel_bitacora.reporter.core.protobuf import Plain

from .heads import Head, Wrapped, head_of, unwrap
from .lines import Line

MAX_LINES = 1000
MAX_CHARS = 256 * 1024
STREAM = "log.iostream"
_DROPPED = "bitacora.file.dropped_bytes"
_TRACEBACK = "Traceback (most recent call last):"
_FOLLOWS = re.compile(
    r"\s|$|Traceback \(most recent call last\):|Caused by:|stack backtrace:"
    r"|During handling of the above exception|The above exception was the direct cause"
)
_RAISED = re.compile(r"(?P<type>[A-Za-z_][\w.]*)(?:: (?P<message>.*))?", re.DOTALL)


@dataclass(slots=True)
class Joined:
    """One record: its head, what follows it, and where in the file it stands."""

    head: Head
    offset: int
    end: int
    is_dated: bool = False
    """Whether its first line has a time of its own: then a line without one belongs to it."""
    following: list[str] = field(default_factory=list)
    chars: int = 0
    attributes: dict[str, Plain] = field(default_factory=dict)

    def body(self) -> Plain:
        """The first line's message with all lines after it, where there are any."""
        if not self.following:
            return self.head.body
        return "\n".join((str(self.head.body), *self.following)).rstrip("\n")

    def exception(self) -> dict[str, Plain]:
        """Type, message and stack trace, where a traceback of Python follows."""
        lines = [str(self.head.body), *self.following]
        starts = [number for number, text in enumerate(lines) if text.startswith(_TRACEBACK)]
        if not starts:
            return {}
        after = [text for text in lines[starts[-1] + 1 :] if text and not text[0].isspace()]
        raised = _RAISED.fullmatch(after[0]) if after else None
        found: dict[str, Plain] = {EXCEPTION_STACKTRACE: "\n".join(lines[starts[0] :]).rstrip("\n")}
        if raised:
            found |= {EXCEPTION_TYPE: raised["type"], EXCEPTION_MESSAGE: raised["message"] or ""}
        return found


class Joiner:
    """Takes lines in their order; a record is given out when the next one begins, or by `flush`."""

    def __init__(self) -> None:
        self._pending: Joined | None = None
        self._is_in_traceback = False
        self._parts: dict[str, tuple[int, list[bytes]]] = {}

    @property
    def waits_at(self) -> int | None:
        """Where the record ends that a next line may be added to; None if there is none."""
        return None if self._pending is None else self._pending.end

    @property
    def held_from(self) -> int | None:
        """Where the first of what isn't given out yet begins; None if there is nothing."""
        held = [offset for offset, _ in self._parts.values()]
        if self._pending is not None:
            held.append(self._pending.offset)
        return min(held, default=None)

    def feed(self, line: Line) -> Iterator[Joined]:
        """Yield what *line* completes."""
        wrapped = unwrap(line.data)
        if wrapped is None:
            attributes: dict[str, Plain] = {_DROPPED: line.dropped_bytes} if line.dropped_bytes else {}
            yield from self._add(line.data, line.offset, line.end, attributes, None)
            return
        offset, parts = self._parts.pop(wrapped.stream, (line.offset, []))
        parts.append(wrapped.data)
        if wrapped.is_partial and sum(map(len, parts)) < MAX_CHARS:
            self._parts[wrapped.stream] = (offset, parts)
            return
        yield from self._add(b"".join(parts), offset, line.end, {STREAM: wrapped.stream}, wrapped)

    def flush(self) -> Iterator[Joined]:
        """Yield what waits for a next line."""
        if self._pending is not None:
            yield self._pending
            self._pending = None
        self._is_in_traceback = False

    def _add(
        self, data: bytes, offset: int, end: int, attributes: dict[str, Plain], wrapped: Wrapped | None
    ) -> Iterator[Joined]:
        text = data.decode("utf-8", "replace")
        head = head_of(text)
        pending = self._pending
        if pending is not None and self._belongs(pending, head, text, attributes):
            pending.following.append(text)
            pending.chars += len(text)
            pending.end = end
            return
        yield from self.flush()
        is_dated = head.is_dated
        if wrapped is not None and not is_dated:
            head = replace(head, timestamp_unix_nano=wrapped.timestamp_unix_nano)
        joined = Joined(head, offset, end, is_dated, chars=len(text), attributes=attributes)
        if head.is_whole:
            yield joined
        elif text.strip():
            self._pending = joined
            self._is_in_traceback = text.startswith(_TRACEBACK)

    def _belongs(self, pending: Joined, head: Head, text: str, attributes: dict[str, Plain]) -> bool:
        if head.is_dated or head.is_whole or len(pending.following) >= MAX_LINES or pending.chars >= MAX_CHARS:
            return False
        if attributes.get(STREAM) != pending.attributes.get(STREAM):
            return False
        is_last_of_traceback = self._is_in_traceback and bool(text) and not text[0].isspace()
        if text.startswith(_TRACEBACK):
            self._is_in_traceback = True
        elif is_last_of_traceback:
            self._is_in_traceback = False
        return pending.is_dated or is_last_of_traceback or _FOLLOWS.match(text) is not None
