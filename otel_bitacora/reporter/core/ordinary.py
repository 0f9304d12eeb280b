"""An ordinary record's bytes cut into their parts, without parsing these: for what turns many records into other bytes.

Ordinary is what our own handler writes of an ordinary call: time, level, a text, the uid, attributes, trace and when it was
observed, in the order of their numbers. Parts that repeat between records can then be looked up instead of parsed.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import Any, TypeAlias, TypeVar

from .decode import Unusual, field, span, varint
from .otlp import UID_CHARS, UID_PREFIX

_RECORD, _TIME, _SEVERITY, _SEVERITY_TEXT, _BODY, _TEXT, _OBSERVED = (
    *(0x12, 0x09, 0x10, 0x1A),
    *(0x2A, 0x0A, 0x59),
)
_LONG = 0x80
"""A length from here on takes more than one byte."""
_TIME_BYTES = 9
_TRACE_BYTES, _TRACE_TAGS, _NO_FLAGS = 33, (0x45, b"\x4a\x10", b"\x52\x08"), b"\0\0\0\0"
"""Of flags and both ids, which is all that most records have behind their attributes, if anything."""
_SEVERITY_NUMBER = "severity_number"
_REST = frozenset(("dropped_attributes_count", "trace_flags", "trace_id", "span_id"))
_UID_PREFIX_BYTES = len(UID_PREFIX)
_KEY, _VALUE, _DOUBLE = 0x0A, 0x12, 0x21
_DOUBLE_BYTES = 11
"""Of a value that is a double, with its tags and lengths."""
_unpack_double = Struct("<d").unpack_from
_unpack_64 = Struct("<Q").unpack_from
_Made = TypeVar("_Made")

Parts: TypeAlias = tuple[int, bytes, bytes, list[bytes], bytes, int]
"""When it was logged, in nanoseconds since 1970; the fields of its level; its text, in UTF-8 or not; serialized `KeyValue`s, without that of the
uid; what is behind these but for the last field; and that, when it was observed."""


def parts_of(payload: bytes, at: int, uid: bytes) -> Parts:
    """Return the parts of the record at *at* in a `ScopeLogs`, whose last field it is and which must say that it is *uid*.

    What the fields of the level, the attributes and what follows them hold is for their readers to judge.

    Raises:
        Unusual, IndexError, UnicodeDecodeError, struct.error: it isn't ordinary.
    """
    if payload[at] != _RECORD:
        raise Unusual
    size, at = varint(payload, at + 1)
    stop = at + size
    last = stop - _TIME_BYTES
    level_at = at + _TIME_BYTES
    if stop != len(payload) or payload[at] != _TIME or payload[last] != _OBSERVED or payload[level_at] != _SEVERITY:
        raise Unusual
    moment, observed = _unpack_64(payload, at + 1)[0], _unpack_64(payload, last + 1)[0]
    at = level_at + 2
    if payload[at] == _SEVERITY_TEXT:
        at += 2 + payload[at + 1]
    level = payload[level_at:at]
    if payload[at] != _BODY:
        raise Unusual
    end, at = span(payload, at + 1)
    if payload[at] != _TEXT:
        raise Unusual
    text_end, at = span(payload, at + 1)
    if text_end != end or not payload.startswith(UID_PREFIX, end):
        raise Unusual
    uid_at = end + _UID_PREFIX_BYTES
    if len(uid) != UID_CHARS or not payload.startswith(uid, uid_at):
        raise Unusual
    text = payload[at:end]
    at = uid_at + UID_CHARS
    attributes: list[bytes] = []
    append = attributes.append
    # Literals, and lengths of two bytes apart: this loop is half of what a record costs.
    while payload[at] == 0x32:
        size = payload[at + 1]
        if size < 0x80:
            at += 2
            end = at + size
        elif (high := payload[at + 2]) < 0x80:
            at += 3
            end = at + (size & 0x7F | high << 7)
        else:
            end, at = span(payload, at + 1)
        append(payload[at:end])
        at = end
    if at > last:
        raise Unusual
    return moment, level, text, attributes, payload[at:last], observed


def level_of(raw: bytes) -> dict[str, Any]:
    """Return what the fields of a level say, by the names of `LogEntry`'s; an empty text is left out.

    Raises:
        Unusual, IndexError, UnicodeDecodeError: they aren't ordinary.
    """
    fields = _fields(raw)
    if not {_SEVERITY_NUMBER} <= fields.keys() <= {_SEVERITY_NUMBER, "severity_text"}:
        raise Unusual
    return {name: value for name, value in fields.items() if value or name == _SEVERITY_NUMBER}


def rest_of(raw: bytes) -> dict[str, Any]:
    """Return what the fields behind the attributes say, by the names of `LogEntry`'s; what is empty is left out.

    Raises:
        Unusual, IndexError, struct.error: they aren't ordinary.
    """
    if len(raw) == _TRACE_BYTES and (raw[0], raw[5:7], raw[23:25]) == _TRACE_TAGS and (flags := raw[1:5]) != _NO_FLAGS:
        return {
            "trace_flags": int.from_bytes(flags, "little"),
            "trace_id": raw[7:23].hex(),
            "span_id": raw[25:].hex(),
        }
    fields = {name: value for name, value in _fields(raw).items() if value}
    if not fields.keys() <= _REST:
        raise Unusual
    return fields


def _fields(raw: bytes) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    at = 0
    while at < len(raw):
        at = field(raw, at + 1, raw[at], fields)
    if at != len(raw):
        raise Unusual
    return fields


def plain_of(raw: bytes) -> tuple[bytes, str | float] | None:
    """Return the key of a serialized `KeyValue`, with tag and length, and its value, if that is a short text or a double.

    Raises:
        UnicodeDecodeError: the text isn't UTF-8.
    """
    size = len(raw)
    at = 2 + raw[1] if size > 1 else 0
    if not (at + 4 <= size < _LONG and raw[0] == _KEY and raw[at] == _VALUE and raw[at + 1] == size - at - 2):
        return None
    kind = raw[at + 2]
    if kind == _DOUBLE and size == at + _DOUBLE_BYTES:
        return raw[:at], _unpack_double(raw, at + 3)[0]
    if kind == _TEXT and raw[at + 3] == size - at - 4:
        return raw[:at], raw[at + 4 :].decode()
    return None


class Kept(dict[bytes, _Made]):
    """What *make* makes of bytes, once for those that come often.

    Holds at most *limit* pieces, none of more than *limit_bytes*; what *make* raises is raised for each look-up.
    """

    def __init__(self, make: Callable[[bytes], _Made], *, limit: int = 8192, limit_bytes: int = 256) -> None:
        super().__init__()
        self._make = make
        self._limit = limit
        self._limit_bytes = limit_bytes

    def __missing__(self, raw: bytes) -> _Made:
        made = self._make(raw)
        if len(raw) <= self._limit_bytes:
            if len(self) >= self._limit:
                self.clear()
            self[raw] = made
        return made
