"""Settings as people write them, in code, in a logging configuration or in the environment; what is wrong says what is right."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

_SIZES = {"": 1, "b": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40}
_SIZES |= {"kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_AGES = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_QUANTITY = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", re.IGNORECASE)
_FLAGS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def size(low: int, high: int) -> Callable[[object], int]:
    """Return what turns a number of bytes, or text such as `512MiB`, into bytes between *low* and *high*."""

    def convert(value: object) -> int:
        return int(_within(_quantity(value, _SIZES, "bytes, or a size such as 512MiB"), low, high, "bytes"))

    return convert


def age(low: float, high: float) -> Callable[[object], float]:
    """Return what turns seconds, a timedelta, or text such as `14d`, into seconds between *low* and *high*."""

    def convert(value: object) -> float:
        if not isinstance(value, str | int | float):
            value = _seconds_of(value)
        return _within(_quantity(value, _AGES, "seconds, or an age such as 14d or 12h"), low, high, "seconds")

    return convert


def _seconds_of(value: object) -> object:
    from datetime import timedelta  # noqa: PLC0415  # takes a millisecond to load

    return value.total_seconds() if isinstance(value, timedelta) else value


def number(low: float, high: float) -> Callable[[object], float]:
    def convert(value: object) -> float:
        return _within(_quantity(value, {"": 1}, "a number"), low, high, "")

    return convert


def one_of(*words: str) -> Callable[[object], str]:
    def convert(value: object) -> str:
        if not isinstance(value, str) or value not in words:
            raise ValueError(f"must be {', '.join(words[:-1])} or {words[-1]}")
        return value

    return convert


def flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    found = _FLAGS.get(str(value).lower())
    if found is None:
        raise ValueError("must be true or false")
    return found


def names(value: object) -> tuple[str, ...]:
    """Return a list of names, in the environment written as `a,b`."""
    if isinstance(value, str):
        return tuple(item.strip() for item in value.split(",") if item.strip())
    if isinstance(value, list | tuple | set | frozenset) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise TypeError("must be a list of names")


def key(value: object) -> bytes:
    """Return a secret key as bytes; as short a one as can be guessed protects nothing."""
    raw = value.encode() if isinstance(value, str) else value
    if not isinstance(raw, bytes) or len(raw) < 16:
        raise ValueError("must be a key of 16 bytes or more")
    return raw


def key_file(value: object) -> bytes:
    """Return the secret key in a file, such as a mounted secret."""
    found = path(value)
    try:
        return key(found.read_bytes().strip())
    except OSError as exc:
        raise ValueError(f"can't be read: {exc.strerror}") from exc


def path(value: object) -> Path:
    if not isinstance(value, str | os.PathLike) or not os.fspath(value):
        raise TypeError("must be a path")
    try:
        is_possible = b"\0" not in os.fsencode(value)
    except UnicodeEncodeError:
        is_possible = False
    if not is_possible:
        raise ValueError("must be a path that the system can write: no NUL, nothing that doesn't encode")
    return Path(os.path.expanduser(value)).absolute()  # noqa: PTH111 - never raises where there is no home


def _quantity(value: object, units: dict[str, int], wanted: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    written = _QUANTITY.fullmatch(value) if isinstance(value, str) else None
    if written is None or written[2].lower() not in units:
        raise ValueError(f"must be {wanted}")
    return float(written[1]) * units[written[2].lower()]


def _within(value: float, low: float, high: float, unit: str) -> float:
    if not low <= value <= high:
        raise ValueError(f"must be between {low} and {high} {unit}".rstrip())
    return value
