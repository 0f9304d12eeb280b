"""A look at what a query asks of a record, a third of the work of parsing all of it: for records that are hardly wanted."""

from __future__ import annotations

from collections.abc import Callable
from struct import error
from typing import Any

from .decode import RecordDecoder, Unusual, span, text_of, varint
from .entry import LogEntry
from .journal.scan import Frame
from .names import UID
from .predicate import Predicate
from .protobuf import Plain
from .query import EXCEPTION, RESOURCE, Compare, Condition, Not, Text, attribute_of

_ATTRIBUTE, _BODY, _SEVERITY, _EVENT = 0x32, 0x2A, 0x10, 0x62
_FIXED = {0x09: 8, 0x59: 8, 0x45: 4}
_OTHER_SIZED = frozenset((0x1A, 0x4A, 0x52))
_OTHER_VARINT = 0x38


class Glimpse:
    """As much of a `LogEntry` as conditions ask for that `glancing` takes."""

    __slots__ = ("attributes", "body", "event_name", "logger", "severity_number")

    def __init__(self, logger: str) -> None:
        self.severity_number = 0
        self.body: Plain = None
        self.event_name = ""
        self.attributes: dict[str, Plain] = {}
        self.logger = logger

    level = LogEntry.level
    message = LogEntry.message


def glancing(where: Condition, is_wanted: Predicate) -> Callable[[Frame], bool] | None:
    """Return what says of a frame whether *is_wanted*, compiled from *where*, holds, or may; None where a look won't do."""
    asked = _asked(where)
    if asked is None:
        return None
    decoder = RecordDecoder()
    names = frozenset(name.encode(errors="replace") for name in asked)
    sizes = frozenset(map(len, names))

    def may_be_wanted(frame: Frame) -> bool:
        payload = bytes(frame.payload)
        try:
            glimpse: Any = _glimpse(payload, frame.scope_length, names, sizes, decoder)
        except (Unusual, ValueError, IndexError, error):
            return True
        return is_wanted(glimpse)

    return may_be_wanted


def _asked(condition: Condition) -> set[str] | None:
    """Return the names of the attributes that *condition* asks for; None if it asks for what no glimpse has."""
    if isinstance(condition, Text):
        return set(EXCEPTION)
    if isinstance(condition, Compare):
        name = attribute_of(condition.field)
        if condition.field in ("uid", "trace", "span") or condition.field.startswith(RESOURCE) or name == UID:
            return None
        return set() if name is None else {name}
    found: set[str] = set()
    for part in (condition.condition,) if isinstance(condition, Not) else condition.conditions:
        asked = _asked(part)
        if asked is None:
            return None
        found |= asked
    return found


# Inlined as far as it goes: it is there to be quick.
def _glimpse(  # noqa: PLR0912 - see above
    payload: bytes, at: int, names: frozenset[bytes], sizes: frozenset[int], decoder: RecordDecoder
) -> Glimpse:
    glimpse = Glimpse(decoder.scope(payload, at)["logger"])
    if payload[at] != 0x12:
        raise Unusual
    size, at = varint(payload, at + 1)
    stop = at + size
    if stop != len(payload):
        raise Unusual
    while at < stop:
        tag = payload[at]
        at += 1
        if tag in _FIXED:
            at += _FIXED[tag]
        elif tag == _SEVERITY:
            glimpse.severity_number, at = varint(payload, at)
        elif tag == _OTHER_VARINT:
            _, at = varint(payload, at)
        else:
            if (size := payload[at]) < 0x80 and at + size < stop:
                at += 1
                end = at + size
            else:
                end, at = span(payload, at)
            if tag == _ATTRIBUTE:
                if payload[at] != 0x0A:
                    raise Unusual
                size = payload[at + 1]
                if size >= 0x80 or (size in sizes and payload[at + 2 : at + 2 + size] in names):
                    name, value = decoder.attribute(payload[at:end])
                    glimpse.attributes[name] = value
            elif tag == _BODY:
                glimpse.body = text_of(payload, at, end)
            elif tag == _EVENT:
                glimpse.event_name = payload[at:end].decode()
            elif tag not in _OTHER_SIZED:
                raise Unusual
            at = end
    if at != stop:
        raise Unusual
    return glimpse
