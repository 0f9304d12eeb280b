"""What a query can't match, told by what the journal's index and a frame's head say of a record without parsing it.

A condition is judged on what is known: it may be true, it may be false, or both where too little is known.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from . import names
from .journal.frame import MAX_SEVERITY
from .journal.index import ALL_LEVELS, MAX_NAME_BYTES, Block, IndexKey
from .level import LogLevel
from .otlp import decode, decode_resource
from .protobuf import Plain
from .query import RESOURCE, AnyOf, Compare, Condition, Not, Text, as_numbers, attribute_of


class Truth(NamedTuple):
    can_be_true: bool
    can_be_false: bool


UNKNOWN = Truth(True, True)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a record. *severity* is clamped to 0 to 24; None in the other fields: not known."""

    severity: int
    logger: str | None = None
    session: str | None = None
    resource: bytes | None = None


class Possible:
    """Judges, for one condition, levels and blocks of the index and the heads of frames; each combination once."""

    def __init__(self, where: Condition) -> None:
        self._where = where
        self._levels: dict[IndexKey, int] = {}
        self._heads: dict[tuple[int, bytes, bytes | None], bool] = {}
        asked = _asked(where)
        self._asks_keys = "session" in asked or "logger" in asked
        self._asks_levels = "level" in asked
        self._any_levels = self._levels_of(None, None)
        self.asks_heads = not asked.isdisjoint(("level", "logger", "resource"))
        """Whether `admits` can say no."""

    def levels_of(self, block: Block) -> int:
        """Return the severities, a bit each, that a match in *block* may have; 0: there is none in it."""
        if block.is_any or not self._asks_keys:
            return self._any_levels & block.levels
        found = 0
        for key in block.keys:
            known = self._levels.get(key)
            if known is None:
                known = self._levels[key] = self._levels_of(*map(_told, key))
            found |= known
        return found & block.levels

    def admits(self, severity: int, scope: bytes, resource: bytes | None) -> bool:
        """Return whether a record with such a head may match."""
        head = severity, scope, resource
        found = self._heads.get(head)
        if found is None:
            if len(self._heads) >= _CACHED:
                self._heads.clear()
            known = Known(min(severity, MAX_SEVERITY), logger=_logger(scope), resource=resource)
            found = self._heads[head] = judge(self._where, known).can_be_true
        return found

    def _levels_of(self, session: str | None, logger: str | None) -> int:
        if not self._asks_levels:
            return ALL_LEVELS if judge(self._where, Known(0, logger, session)).can_be_true else 0
        known = (Known(severity, logger, session) for severity in range(MAX_SEVERITY + 1))
        return sum(1 << each.severity for each in known if judge(self._where, each).can_be_true)


_CACHED = 65_536
_EMPTY_RECORD = b"\x12\x00"


def judge(condition: Condition, known: Known) -> Truth:
    """Return what *condition* may be for a record of which this is known."""
    if isinstance(condition, Compare):
        return _comparison(condition, known)
    if isinstance(condition, Text):
        return UNKNOWN
    if isinstance(condition, Not):
        inner = judge(condition.condition, known)
        return Truth(inner.can_be_false, inner.can_be_true)
    parts = [judge(part, known) for part in condition.conditions]
    if isinstance(condition, AnyOf):
        return Truth(any(part.can_be_true for part in parts), all(part.can_be_false for part in parts))
    return Truth(all(part.can_be_true for part in parts), any(part.can_be_false for part in parts))


def _asked(condition: Condition) -> set[str]:
    """Return of which of the things that may be known *condition* asks."""
    if isinstance(condition, Compare):
        if attribute_of(condition.field) == names.SESSION_ID:
            return {"session"}
        return {"resource"} if condition.field.startswith(RESOURCE) else {_KINDS.get(condition.field, "")}
    if isinstance(condition, Text):
        return set()
    parts = (condition.condition,) if isinstance(condition, Not) else condition.conditions
    return set().union(*map(_asked, parts))


_KINDS = {"level": "level", "severity": "level", "logger": "logger"}


def _comparison(condition: Compare, known: Known) -> Truth:
    if condition.field == "level":
        return _truth(condition, [int(LogLevel.from_severity(known.severity))])
    if condition.field == "severity" and 0 < known.severity < MAX_SEVERITY:  # at the ends stands what lies beyond, too
        return _truth(condition, [known.severity])
    if condition.field == "logger" and known.logger is not None:
        return _truth(condition, [known.logger])
    if attribute_of(condition.field) == names.SESSION_ID and known.session is not None:
        said = _originals(known.session)
        return UNKNOWN if said is None else _truth(condition, said)
    if condition.field.startswith(RESOURCE) and known.resource is not None:
        resource = _resource(known.resource)
        return UNKNOWN if resource is None else _truth(condition, [resource.get(condition.field[len(RESOURCE) :])])
    return UNKNOWN


def _truth(condition: Compare, values: list[Plain]) -> Truth:
    found = {condition.holds_for(value) for value in values}
    return Truth(True in found, False in found)


def _originals(session: str) -> list[Plain] | None:
    """Return the values that the index would call *session*; None if there is no end to them."""
    if session[:1] in ("[", "(", "{") or session[:2] in ("b'", 'b"'):
        return None
    if not session:
        return [None, ""]
    if session in ("True", "False"):
        return [session, session == "True"]
    numbers = as_numbers(0, session)
    return [session] if numbers is None else [session, numbers[1]]


def _told(name: str) -> str | None:
    """Return a name from the index, if it is all of it."""
    return None if "\ufffd" in name or len(name.encode(errors="replace")) >= MAX_NAME_BYTES - 4 else name


@functools.lru_cache(maxsize=4096)
def _logger(scope: bytes) -> str | None:
    try:
        return decode(scope + _EMPTY_RECORD, {}).logger
    except ValueError:
        return None


@functools.lru_cache(maxsize=256)
def _resource(raw: bytes) -> Mapping[str, Plain] | None:
    try:
        return decode_resource(raw)
    except ValueError:
        return None
