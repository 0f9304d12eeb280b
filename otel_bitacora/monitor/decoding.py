"""Reads models from JSON: what a newer sidecar adds is passed over, what an older one lacks is None where it may be."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import orjson

from otel_bitacora.errors import MonitorProtocolError

T = TypeVar("T")
_Reader = Callable[[Any, str], Any]


def decode(kind: type[T], body: bytes | str) -> T:
    """Return the *kind* of model that *body* holds as JSON.

    Raises:
        MonitorProtocolError: it holds something else; the message names the field.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MonitorProtocolError(f"a {kind.__name__} was expected, and this is no JSON: {error}") from error
    return cast("T", _reader(cast("Any", kind))(value, kind.__name__))


@cache
def _reader(hint: Any) -> _Reader:
    """Return what reads a value of the type *hint*, one of those that models are made of."""
    if is_dataclass(hint):
        return _dataclass_reader(cast("type", hint))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _enum_reader(hint)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        (inner,) = (argument for argument in arguments if argument is not type(None))
        return _optional_reader(_reader(inner))
    if origin is tuple:
        return _tuple_reader(_reader(arguments[0]))
    if origin is Mapping:
        return _mapping_reader(_reader(arguments[1]))
    return _PLAIN[hint]


def _dataclass_reader(kind: type) -> _Reader:
    hints = get_type_hints(kind)
    readers = {field.name: _reader(hints[field.name]) for field in fields(kind)}
    optional = {name for name in readers if type(None) in get_args(hints[name])}
    has_default = {one.name for one in fields(kind) if (one.default, one.default_factory) != (MISSING, MISSING)}

    def read(value: Any, where: str) -> Any:
        if not isinstance(value, dict):
            raise _unexpected(where, "an object", value)
        found = {}
        for name, reader in readers.items():
            if name in value:
                found[name] = reader(value[name], f"{where}.{name}")
            elif name in has_default:
                continue
            elif name in optional:
                found[name] = None
            else:
                raise MonitorProtocolError(f"{where}.{name} is missing")
        return kind(**found)

    return read


def _optional_reader(inner: _Reader) -> _Reader:
    return lambda value, where: None if value is None else inner(value, where)


def _tuple_reader(inner: _Reader) -> _Reader:
    def read(value: Any, where: str) -> Any:
        if not isinstance(value, list):
            raise _unexpected(where, "an array", value)
        return tuple(inner(item, f"{where}[{index}]") for index, item in enumerate(value))

    return read


def _mapping_reader(inner: _Reader) -> _Reader:
    def read(value: Any, where: str) -> Any:
        if not isinstance(value, dict):
            raise _unexpected(where, "an object", value)
        return {key: inner(item, f"{where}.{key}") for key, item in value.items()}

    return read


def _enum_reader(kind: type[Enum]) -> _Reader:
    def read(value: Any, where: str) -> Any:
        try:
            return kind(value)
        except ValueError:
            raise _unexpected(where, "one of " + ", ".join(str(one.value) for one in kind), value) from None

    return read


def _plain(kind: type, expected: str) -> _Reader:
    def read(value: Any, where: str) -> Any:
        if type(value) is not kind:  # not isinstance: to Python, true is an integer
            raise _unexpected(where, expected, value)
        return value

    return read


def _float(value: Any, where: str) -> float:
    if type(value) not in (int, float):
        raise _unexpected(where, "a number", value)
    return float(value)


def _time(value: Any, where: str) -> datetime:
    try:
        time = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise _unexpected(where, "a time with its offset", value) from None
    if time.tzinfo is None:
        raise _unexpected(where, "a time with its offset", value)
    return time


_PLAIN: Mapping[Any, _Reader] = {
    str: _plain(str, "text"),
    int: _plain(int, "an integer"),
    bool: _plain(bool, "true or false"),
    float: _float,
    datetime: _time,
}


def _unexpected(where: str, expected: str, value: object) -> MonitorProtocolError:
    return MonitorProtocolError(f"{where}: expected {expected}, got {value!r:.80}")
