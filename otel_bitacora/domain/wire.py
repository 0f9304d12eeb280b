"""How values stand in Bitacora's JSON, read leniently and written exactly as its own programs write them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Self, TypeVar
from uuid import UUID

from otel_bitacora.errors import WireError

Choice = TypeVar("Choice", bound=StrEnum)
Source = Mapping[str, Any] | str | bytes
"""A mapping as JSON has it, or the JSON itself."""

_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:?\d\d)?")


@dataclass(frozen=True, slots=True)
class Codec:
    """How one value is read from the wire and written to it; `None` never gets here."""

    read: Callable[[Any], Any]
    write: Callable[[Any], Any]


def read_id(value: object) -> str:
    """Return an id as text: a UUID in any of the forms that stores give back, or whatever string it is."""
    if isinstance(value, bytes) and len(value) == 16:
        return str(UUID(bytes=value))
    if isinstance(value, str | UUID | int):
        return str(value)
    raise ValueError(f"no id: {value!r}")


def read_time(value: object) -> datetime:
    """Return a moment, aware and in its own offset; without one it is UTC. Digits beyond microseconds are cut."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"no RFC 3339 time: {value!r}")
    day, clock, fraction, offset = match.groups()
    micros = (fraction or "").ljust(6, "0")[:6]
    return datetime.fromisoformat(f"{day}T{clock}.{micros}{(offset or 'Z').upper()}")


def write_time(moment: datetime) -> str:
    """Return RFC 3339 in UTC, with 0, 3 or 6 digits of fraction: as many as it needs."""
    text = moment.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00")
    whole, micros = text.split(".")
    fraction = "" if micros == "000000" else "." + (micros[:3] if micros.endswith("000") else micros)
    return f"{whole}{fraction}Z"


def folded(text: str) -> str:
    """Return *text* as spellings are compared: `InProgress`, `in_progress` and `inprogress` are one."""
    return text.replace("_", "").replace("-", "").replace(" ", "").lower()


def choice(kind: type[Choice], aliases: Mapping[str, Choice] = MappingProxyType({})) -> Codec:
    """Return the codec of an enum in any spelling; a value that nobody knows yet is kept as it came."""
    known = {folded(member.value): member for member in kind} | {folded(key): member for key, member in aliases.items()}

    def read(value: object) -> str:
        if not isinstance(value, str):
            raise TypeError(f"no {kind.__name__}: {value!r}")
        return known.get(folded(value), value)

    return Codec(read, str)


def _read_text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"no text: {value!r}")
    return value


def _read_number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"no number: {value!r}")
    return value


def _read_whole(value: object) -> int:
    number = _read_number(value)
    if number != int(number):
        raise ValueError(f"no whole number: {value!r}")
    return int(number)


def _read_flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"neither true nor false: {value!r}")
    return value


def _read_texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise TypeError(f"no list: {value!r}")
    return tuple(map(_read_text, value))


def _read_mapping(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError(f"no mapping: {value!r}")
    return dict(value)


ID = Codec(read_id, str)
TIME = Codec(read_time, write_time)
TEXT = Codec(_read_text, str)
NUMBER = Codec(_read_number, lambda number: number)
WHOLE = Codec(_read_whole, int)
FLAG = Codec(_read_flag, bool)
TEXTS = Codec(_read_texts, list)
MAPPING = Codec(_read_mapping, dict)


def wire(codec: Codec, *aliases: str, default: Any = MISSING, rare: bool = False) -> Any:
    """Return a dataclass field that stands on the wire; without a default it is required.

    A *rare* one is left out when it is `None`, where Bitacora's own programs don't have the key at all.
    """
    metadata = {"codec": codec, "aliases": aliases, "rare": rare}
    return field(default=default, metadata=metadata) if default is not MISSING else field(metadata=metadata)


def wire_mapping() -> Any:
    """Return a field for a mapping of text, empty by default."""
    return field(default_factory=dict, metadata={"codec": MAPPING, "aliases": (), "rare": False})


def decoded(source: Source) -> Mapping[str, Any]:
    """Return *source* as a mapping.

    Raises:
        WireError: it isn't JSON, or not an object.
    """
    try:
        value = json.loads(source) if isinstance(source, str | bytes) else source
    except ValueError as exc:
        raise WireError(f"not JSON: {exc}") from exc
    if not isinstance(value, Mapping):
        raise WireError(f"expected a JSON object, got {type(value).__name__}")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """Something that Bitacora writes as a JSON object; keys that it doesn't know yet are kept in *unknown*."""

    unknown: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_wire(cls, source: Source) -> Self:
        """Return the model that *source* says.

        Raises:
            WireError: a required key is missing, or a value can't be read.
        """
        left = dict(decoded(source))
        known: dict[str, Any] = {}
        for each in fields(cls):
            if "codec" in each.metadata:
                known |= _taken(cls.__name__, each, left)
        return cls(**known, unknown=left)

    def to_wire(self) -> dict[str, Any]:
        """Return what Bitacora would write, as JSON has it, and after it the unknown keys."""
        found: dict[str, Any] = {}
        for each in fields(self):
            if "codec" in each.metadata:
                value = getattr(self, each.name)
                if value is not None or not each.metadata["rare"]:
                    found[each.name] = None if value is None else each.metadata["codec"].write(value)
        return {**found, **self.unknown}

    def to_json(self) -> str:
        return json.dumps(self.to_wire(), ensure_ascii=False)


def _taken(model: str, each: Any, left: dict[str, Any]) -> dict[str, Any]:
    """Return the value of one field, taken out of *left*, by its name or the first of its other names that is there."""
    names = (each.name, *each.metadata["aliases"])
    name = next((name for name in names if left.get(name) is not None), None)
    is_required = each.default is MISSING and each.default_factory is MISSING
    if name is None:
        if is_required:
            raise WireError(f"{model}: no {each.name!r}")
        left.pop(each.name, None)
        return {}
    value = left.pop(name)
    try:
        return {each.name: each.metadata["codec"].read(value)}
    except (TypeError, ValueError, OverflowError) as exc:
        raise WireError(f"{model}: {name!r} is {exc}") from exc


def nested(model: type[Model]) -> Codec:
    """Return the codec of a model inside another."""
    return Codec(model.from_wire, lambda value: value.to_wire())
