"""Parses many records: what repeats in them, scopes and most attributes, is parsed once and then looked up.

Anything out of the ordinary goes to `otlp.decode`, which uses the official classes and gives the same entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from struct import Struct, error
from typing import Any

from .entry import LogEntry
from .names import UID
from .otlp import UID_CHARS, UID_PREFIX, decode, decode_attribute
from .protobuf import Plain

_CACHED = 4096
_CACHED_BYTES = 256
_UID_PREFIX = UID_PREFIX[2:]  # without the tag and the length of the attribute
_UID_BYTES = len(_UID_PREFIX) + UID_CHARS
_SCALARS = (str, int, float, type(None))
_unpack_64 = Struct("<Q").unpack_from
_unpack_32 = Struct("<I").unpack_from
_unpack_double = Struct("<d").unpack_from

# The fields of LogRecord by their tags.
_TIME, _OBSERVED, _FLAGS = 0x09, 0x59, 0x45
_SEVERITY, _DROPPED = 0x10, 0x38
_ATTRIBUTE, _BODY = 0x32, 0x2A
_TEXTS = {0x1A: "severity_text", 0x62: "event_name"}
_IS_TEXT, _IS_TRUTH, _IS_INTEGER, _IS_DOUBLE = 0x0A, 0x10, 0x18, 0x21  # of AnyValue
_DOUBLE_BYTES = 8
_INT32 = (1 << 31) - 1
_IDS = {0x4A: "trace_id", 0x52: "span_id"}


class Unusual(Exception):
    """These bytes are for the official classes."""


class RecordDecoder:
    """Not for several threads at once."""

    def __init__(self) -> None:
        self._attributes: dict[bytes, tuple[str, Plain]] = {}
        self._scopes: dict[bytes, dict[str, Any]] = {}

    def entry(self, payload: bytes, scope_length: int, resource: Mapping[str, Plain]) -> LogEntry:
        """Return the record of a serialized `ScopeLogs` whose first *scope_length* bytes are its scope.

        Raises:
            ValueError: these aren't the bytes of one.
        """
        try:
            fields = self._record(payload, scope_length)
            scope = self.scope(payload, scope_length)
        except (Unusual, IndexError, UnicodeDecodeError, error):
            return decode(payload, resource)
        return LogEntry(**fields, **scope, resource=resource)

    def scope(self, payload: bytes, scope_length: int) -> dict[str, Any]:
        """Return what the scope of *payload* says, by the names of `LogEntry`'s fields."""
        known = self._scopes.get(payload[:scope_length])
        if known is not None:
            return known
        entry = decode(payload, {})
        found = {
            "logger": entry.logger,
            "scope_version": entry.scope_version,
            "scope_attributes": entry.scope_attributes,
        }
        if len(self._scopes) >= _CACHED:
            self._scopes.clear()
        self._scopes[payload[:scope_length]] = found
        return found

    def _record(self, payload: bytes, at: int) -> dict[str, Any]:
        if payload[at] != 0x12:
            raise Unusual
        size, at = varint(payload, at + 1)
        if at + size != len(payload):  # a schema follows, or it is cut off
            raise Unusual
        attributes: dict[str, Plain] = {}
        fields: dict[str, Any] = {"attributes": attributes}
        known, stop = self._attributes, len(payload)
        while at < stop:
            tag = payload[at]
            at += 1
            if tag == _ATTRIBUTE:
                if (size := payload[at]) < 0x80 and at + size < stop:
                    at += 1
                    end = at + size
                else:
                    end, at = span(payload, at)
                raw = payload[at:end]
                if end - at == _UID_BYTES and raw.startswith(_UID_PREFIX):
                    attributes[UID] = raw[-UID_CHARS:].decode()  # never twice, so never looked up
                else:
                    key, value = known.get(raw) or self.attribute(raw)
                    attributes[key] = value
                at = end
            else:
                at = field(payload, at, tag, fields)
        if isinstance(attributes.get(UID), str):
            fields["uid"] = attributes.pop(UID)
        return fields

    def attribute(self, raw: bytes) -> tuple[str, Plain]:
        """Return name and value of a serialized `KeyValue`."""
        found = _plain_attribute(raw) or decode_attribute(raw)
        if len(raw) <= _CACHED_BYTES and isinstance(found[1], _SCALARS):  # what can't be changed may be shared
            if len(self._attributes) >= _CACHED:
                self._attributes.clear()
            self._attributes[raw] = found
        return found


def _plain_attribute(raw: bytes) -> tuple[str, Plain] | None:
    """Return name and value of a `KeyValue` that holds a short text, a number or a truth in the usual way."""
    size = len(raw)
    value_at = 2 + raw[1] if size > 1 else 0
    text_at = value_at + 4
    if not (text_at <= size < 0x80 and raw[0] == 0x0A and raw[value_at] == 0x12):
        return None
    if raw[value_at + 1] != size - value_at - 2:
        return None
    kind, least = raw[value_at + 2], raw[value_at + 3]
    value: Plain
    if kind == _IS_TEXT and least == size - text_at:
        value = raw[text_at:].decode()
    elif kind == _IS_DOUBLE and size - text_at == _DOUBLE_BYTES - 1:
        value = _unpack_double(raw, value_at + 3)[0]
    elif kind == _IS_INTEGER and size == text_at and least < 0x80:
        value = least
    elif kind == _IS_INTEGER and size == text_at + 1 and least >= 0x80 > raw[text_at]:
        value = least & 0x7F | raw[text_at] << 7
    elif kind == _IS_TRUTH and size == text_at and least in (0, 1):
        value = least == 1
    else:
        return None
    return raw[2:value_at].decode(), value


def field(payload: bytes, at: int, tag: int, fields: dict[str, Any]) -> int:
    """Read one field other than an attribute, and return where it ends."""
    if tag in (_TIME, _OBSERVED):
        fields["timestamp_unix_nano" if tag == _TIME else "observed_unix_nano"] = _unpack_64(payload, at)[0]
        return at + 8
    if tag in (_SEVERITY, _DROPPED):
        name = "severity_number" if tag == _SEVERITY else "dropped_attributes_count"
        number, at = varint(payload, at)
        if number > _INT32:  # protobuf would cut it
            raise Unusual
        fields[name] = number
        return at
    if tag == _FLAGS:
        fields["trace_flags"] = _unpack_32(payload, at)[0]
        return at + 4
    end, at = span(payload, at)
    if tag in _TEXTS:
        fields[_TEXTS[tag]] = payload[at:end].decode()
    elif tag in _IDS:
        fields[_IDS[tag]] = payload[at:end].hex()
    elif tag == _BODY:
        fields["body"] = text_of(payload, at, end)
    else:
        raise Unusual
    return end


def text_of(payload: bytes, at: int, end: int) -> str:
    """Return the text that an AnyValue holds."""
    if at == end or payload[at] != 0x0A:
        raise Unusual
    text_end, at = span(payload, at + 1)
    if text_end != end:
        raise Unusual
    return payload[at:end].decode()


def span(payload: bytes, at: int) -> tuple[int, int]:
    """Return the end and the start of a field of a length, which must lie within."""
    size, at = varint(payload, at)
    if at + size > len(payload):
        raise Unusual
    return at + size, at


def varint(payload: bytes, at: int) -> tuple[int, int]:
    number = payload[at]
    if number < 0x80:
        return number, at + 1
    following = payload[at + 1]
    if following < 0x80:
        return number & 0x7F | following << 7, at + 2
    number, at, shift = number & 0x7F | (following & 0x7F) << 7, at + 2, 14
    while shift < 35:
        byte = payload[at]
        number, at, shift = number | (byte & 0x7F) << shift, at + 1, shift + 7
        if byte < 0x80:
            return number, at
    raise Unusual
