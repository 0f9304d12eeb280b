"""Any Python value as one that OTLP can hold: nothing that an application logs may raise, hang or grow without bound."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from datetime import time as time_of_day
from enum import Enum
from itertools import islice
from typing import Any, NamedTuple, Protocol

from .protobuf import Plain

INT64 = 1 << 63
MAX_NAME_CHARS = 1024
MAX_BODY_CHARS = 262_144
_SLACK = 4096
"""Characters beyond a limit that redaction still sees, so that a cut doesn't hide half a secret from it."""
_HUGE_BITS = 4096
_SHALLOW = frozenset((str, int, bool, float, type(None)))


class Cleaner(Protocol):
    """What redaction looks like from here."""

    def text(self, text: str, /) -> str: ...
    def hides(self, key: str, /) -> bool: ...
    def mask(self, rule: str, secret: str, /) -> str: ...
    def spares(self, key: str, /) -> bool: ...


class NoCleaner:
    """Redaction switched off."""

    def text(self, text: str, /) -> str:
        return text

    def hides(self, key: str, /) -> bool:  # noqa: ARG002  # nothing is a secret here
        return False

    def mask(self, rule: str, secret: str, /) -> str:  # noqa: ARG002  # as above
        return secret

    def spares(self, key: str, /) -> bool:  # noqa: ARG002  # as above
        return True


class Limits(NamedTuple):
    """How much of a value is kept: *depth* of nesting, *items* in one container, *nodes* and *seconds* over all, *text_chars* in one string.

    No one can interrupt a `__str__` that hangs; *seconds* keeps its siblings from being asked as well. Only time in code
    of the application's own classes counts: a thread that had to wait for a busy CPU loses nothing of a plain value.
    """

    depth: int = 8
    items: int = 128
    nodes: int = 2048
    text_chars: int = 65_536
    seconds: float = 0.1


def encodable(text: str) -> str:
    """Return *text* with lone surrogates written as `\\udc80`, so that it encodes."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return text


def cut(text: str, limit: int) -> str:
    """Return at most *limit* characters, and after them how many more there were."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}… <{len(text) - limit} more characters>"


def describe(value: object) -> str:
    """Return `str(value)`, or what went wrong in it. Catches BaseException: the application's own code runs here."""
    try:
        return str.__str__(str(value))
    except BaseException as exc:  # noqa: BLE001  # also SystemExit and KeyboardInterrupt, raised by a __str__
        return f"<{type(value).__name__}: __str__ raised {type(exc).__name__}>"


def short_text(value: object) -> str:
    """Return *value* as a name: text that encodes and has at most 1,024 characters."""
    return encodable(cut(value if type(value) is str else describe(value), MAX_NAME_CHARS))


def body_text(text: str, cleaner: Cleaner, *, limit: int = MAX_BODY_CHARS) -> str:
    """Return *text* without secrets, and at most *limit* characters of it."""
    if len(text) <= limit:
        return cleaner.text(encodable(text))
    return cleaner.text(encodable(text[: limit + _SLACK]))[:limit]


def plain(value: object, *, limits: Limits = Limits(), cleaner: Cleaner = NoCleaner()) -> Plain:  # noqa: B008  # both are immutable
    """Return *value* as OTLP can hold it, or text that says why it can't be."""
    return Copy(limits, cleaner).of(value)


class Copy:
    """One copy of a value within limits; several values may share the limits of one copy."""

    def __init__(self, limits: Limits, cleaner: Cleaner) -> None:
        self._limits = limits
        self._cleaner = cleaner
        self._nodes = limits.nodes
        self._foreign_seconds = limits.seconds
        self._open: set[int] = set()

    def attribute(self, key: str, value: object) -> Plain:
        """Return the copy of *value*, masked if *key* says that it is a secret, and never cleaned if it identifies."""
        if self._cleaner.hides(key):
            # A digest needs the value as text; a container's own `str` would be without bounds.
            secret = value if type(value) is str else str(Copy(self._limits, NoCleaner()).of(value))
            return self._cleaner.mask("key", secret[: self._limits.text_chars])
        if self._cleaner.spares(key) and not issubclass(type(value), _CONTAINERS):
            return Copy(self._limits, NoCleaner()).of(value)
        return self.of(value)

    def text(self, text: str) -> str:
        limit = self._limits.text_chars
        if len(text) <= limit:
            return self._cleaner.text(encodable(text))
        return f"{body_text(text, self._cleaner, limit=limit)}… <of {len(text)} characters>"

    def of(self, value: object) -> Plain:
        try:
            return self._of(value)
        except BaseException as exc:  # noqa: BLE001  # the application's own __iter__, items and __hash__ run here
            return f"<{type(value).__name__}: {type(exc).__name__}>"

    def _of(self, value: object) -> Plain:
        kind = type(value)
        if kind is str:
            return self.text(str.__str__(value))
        if kind in _SHALLOW:
            return self._number(value) if kind is int else value  # type: ignore[return-value,arg-type]  # it is one of _SHALLOW
        self._nodes -= 1
        is_foreign = kind not in _BUILT_IN
        if self._nodes < 0 or (is_foreign and self._foreign_seconds <= 0):
            return f"<{kind.__name__}: too much to show>"
        copied = self._container if issubclass(kind, _CONTAINERS) else self._scalar
        if not is_foreign:
            return copied(value)
        began = time.monotonic()
        try:
            return copied(value)
        finally:
            self._foreign_seconds -= time.monotonic() - began

    def _scalar(self, value: object) -> Plain:
        if isinstance(value, bytes | bytearray | memoryview):
            return bytes(value[: self._limits.text_chars])
        for kinds, convert in _CONVERSIONS:
            if isinstance(value, kinds):
                return self.of(convert(value))
        return self.text(describe(value))

    def _number(self, value: int) -> Plain:
        if -INT64 <= value < INT64:
            return value
        # str() of a huge integer takes quadratic time, and refuses beyond a limit.
        return str(value) if value.bit_length() <= _HUGE_BITS else f"<int of {value.bit_length()} bits>"

    def _container(self, value: object) -> Plain:
        if id(value) in self._open:
            return f"<{type(value).__name__}: contains itself>"
        if len(self._open) >= self._limits.depth:
            return f"<{type(value).__name__}: nested too deeply>"
        self._open.add(id(value))
        try:
            if isinstance(value, Mapping):
                return self._mapping(value)
            return self._sequence(value)  # type: ignore[arg-type]  # _CONTAINERS are all iterable
        finally:
            self._open.discard(id(value))

    def _mapping(self, value: Mapping[object, object]) -> Plain:
        copied: dict[str, Plain] = {}
        for key, item in islice(value.items(), self._limits.items):
            name = self._cleaner.text(encodable(cut(key if type(key) is str else describe(key), MAX_NAME_CHARS)))
            copied[name] = self.attribute(name, item)
        if len(value) > len(copied):
            copied["…"] = f"<{len(value) - len(copied)} more>"
        return copied

    def _sequence(self, value: Iterable[object]) -> Plain:
        copied = [self.of(item) for item in islice(value, self._limits.items)]
        missing = len(value) - len(copied)  # type: ignore[arg-type]  # _CONTAINERS are all sized
        return [*copied, f"<{missing} more>"] if missing > 0 else copied


_CONTAINERS = (dict, list, tuple, set, frozenset, deque, Mapping)
_BUILT_IN = frozenset(
    (dict, list, tuple, set, frozenset, deque, bytes, bytearray, memoryview, datetime, date, time_of_day)
)

_CONVERSIONS: tuple[tuple[type | tuple[type, ...], Callable[[Any], object]], ...] = (
    (Enum, lambda member: member.value),
    # Of a subclass what is inside, not what its own methods say.
    (str, str.__str__),
    (int, int.__int__),
    (float, float.__float__),
    ((datetime, date, time_of_day), lambda moment: moment.isoformat()),
    (BaseException, lambda exc: f"{type(exc).__name__}: {describe(exc)}"),
)
