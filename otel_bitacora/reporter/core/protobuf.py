"""The few pieces of protobuf that a log record needs, by hand: a message object per record costs several times more."""

from __future__ import annotations

import functools
import struct
from collections.abc import Mapping, Sequence
from typing import TypeAlias

Plain: TypeAlias = "str | bool | int | float | bytes | Sequence[Plain] | Mapping[str, Plain] | None"
"""What OTLP's AnyValue holds: strings that encode to UTF-8, integers of 64 bits, and lists and mappings of those."""

_SMALL = 2048
_INT64 = (1 << 64) - 1
_double = struct.Struct("<d").pack

ATTRIBUTE_TAG = b"\x32"
"""LogRecord.attributes, and by chance AnyValue.kvlist_value."""


def varint(number: int) -> bytes:
    """Return *number*, which isn't negative, in protobuf's variable length."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


VARINTS = (
    *[bytes((number,)) for number in range(0x80)],
    *[bytes((number & 0x7F | 0x80, number >> 7)) for number in range(0x80, _SMALL)],
)
"""The varints of all lengths that are usual."""


def sized(payload: bytes) -> bytes:
    """Return *payload* after its length."""
    size = len(payload)
    return (VARINTS[size] if size < _SMALL else varint(size)) + payload


def text_value(raw: bytes) -> bytes:
    """Return an AnyValue that holds the string whose UTF-8 is *raw*."""
    return b"\x0a" + sized(raw)


def any_value(value: Plain) -> bytes:
    """Return the bytes of an AnyValue; `None` is the empty one.

    Raises:
        UnicodeEncodeError: a string has a lone surrogate.
        RecursionError: *value* is nested too deeply, or in itself.
    """
    kind = type(value)
    if kind is str:
        return b"\x0a" + sized(value.encode())  # type: ignore[union-attr]  # mypy doesn't narrow by type()
    if kind is bool:
        return b"\x10\x01" if value else b"\x10\x00"
    if kind is int:
        return b"\x18" + (VARINTS[value] if 0 <= value < _SMALL else varint(value & _INT64))  # type: ignore[operator,index]  # as above
    if kind is float:
        return b"\x21" + _double(value)
    return _compound_value(value)


def _compound_value(value: Plain) -> bytes:
    if value is None:
        return b""
    if isinstance(value, bytes):
        return b"\x3a" + sized(value)
    if isinstance(value, Mapping):
        return b"\x32" + sized(b"".join([b"\x0a" + sized(key_value(key, item)) for key, item in value.items()]))
    if isinstance(value, str):
        return any_value(str(value))
    if isinstance(value, Sequence):
        return b"\x2a" + sized(b"".join([b"\x0a" + sized(any_value(item)) for item in value]))
    raise TypeError(f"{type(value).__name__} isn't a plain value")


@functools.lru_cache(maxsize=1024)
def key_field(key: str) -> bytes:
    """Return what precedes the length of a value in a KeyValue; protobuf leaves an empty key out."""
    return b"\x0a" + sized(key.encode()) + b"\x12" if key else b"\x12"


def key_value(key: str, value: Plain) -> bytes:
    return key_field(key) + sized(any_value(value))


def attribute(key: str, value: Plain) -> bytes:
    """Return one `LogRecord.attributes` field."""
    pair = key_field(key) + sized(any_value(value))
    return ATTRIBUTE_TAG + sized(pair)
