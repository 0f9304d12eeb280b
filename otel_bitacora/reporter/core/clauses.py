"""From conditions to bytes to look for: each match holds, of each clause, at least one needle."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from . import names
from .literals import exact_literal, folded_literal
from .otlp import UID_CHARS, decode_attribute
from .query import All, AnyOf, Compare, Condition, Operator, Text, as_numbers, attribute_of

_HEX = re.compile(r"(?:[0-9a-f]{2})+")
_CACHED = 4096
_VALUE_TAG = 0x12  # KeyValue.value


@dataclass(frozen=True, slots=True)
class Needle:
    """*literal* in the bytes of a record, or in the same in lower case; where *admits* is given, only where it says so."""

    literal: bytes
    folds: bool = False
    admits: Callable[[bytes, int], bool] | None = None
    weight: int = 0
    """The larger, the fewer records are likely to hold it."""


Clause = tuple[Needle, ...]


def clauses_of(condition: Condition) -> list[Clause]:
    """Return what each match of *condition* must hold, the clause that leaves the fewest records first."""
    return sorted(_clauses(condition), key=_weight, reverse=True)


def _weight(clause: Clause) -> int:
    return min(needle.weight for needle in clause) - len(clause)


def _clauses(condition: Condition) -> list[Clause]:
    if isinstance(condition, All):
        return [clause for part in condition.conditions for clause in _clauses(part)]
    if isinstance(condition, AnyOf):
        parts = [clauses_of(part) for part in condition.conditions]
        return [tuple(needle for clauses in parts for needle in clauses[0])] if parts and all(parts) else []
    if isinstance(condition, Text):
        literal = folded_literal(condition.text.casefold())
        return [] if literal is None else [(Needle(literal, folds=True, weight=len(literal)),)]
    if isinstance(condition, Compare):
        return _of_comparison(condition)
    return []


def _of_comparison(condition: Compare) -> list[Clause]:
    if condition.operator is Operator.UNEQUAL or condition.field in ("level", "severity"):
        return []
    found: list[Clause] = []
    attribute = attribute_of(condition.field)
    if attribute:
        weight = 1 if attribute == names.SESSION_ID else 4
        found.append((Needle(attribute.encode(errors="replace"), admits=_judge(attribute, condition), weight=weight),))
    is_in_record = attribute is not None or condition.field in ("logger", "message", "event", "uid", "trace", "span")
    if condition.operator is Operator.EQUAL and isinstance(condition.value, str) and is_in_record:
        found += _of_value(condition.field, condition.value)
    return found


def _of_value(field: str, value: str) -> list[Clause]:
    if field in ("trace", "span"):
        return [(Needle(bytes.fromhex(value), weight=len(value)),)] if _HEX.fullmatch(value) else []
    if field == "uid":
        return _of_uid(value)
    is_text = field in ("logger", "event")
    if not is_text and (as_numbers(0, value) is not None or value.lower() in ("true", "false")):
        return []  # a number or a truth may be kept as such
    literals = [_encoded(part) if is_text else exact_literal(part) for part in value.split("*")]
    return [(Needle(literal, weight=len(literal)),) for literal in literals if literal]


def _of_uid(value: str) -> list[Clause]:
    """A record that came without uid has its frame's identity, of which the sequence number is in the frame's head."""
    literal = _encoded(value)
    if not literal or "*" in value:
        return []
    needle = Needle(literal, weight=len(literal))
    digits = value[-16:]
    if len(value) != UID_CHARS or not _HEX.fullmatch(digits):
        return [(needle,)]
    return [(needle, Needle(int(digits, 16).to_bytes(8, "little"), weight=8))]


def _encoded(text: str) -> bytes | None:
    try:
        return text.encode()
    except UnicodeEncodeError:  # a lone surrogate, which no record holds
        return None


def _judge(attribute: str, condition: Compare) -> Callable[[bytes, int], bool]:
    """Return what says of a place where the attribute's name stands whether its value there may fulfil *condition*."""
    size = len(attribute.encode(errors="replace"))
    verdicts: dict[bytes, bool] = {}

    def admits(data: bytes, at: int) -> bool:
        pair = _pair(data, at, size)
        if pair is None:
            return True
        verdict = verdicts.get(pair)
        if verdict is None:
            if len(verdicts) >= _CACHED:
                verdicts.clear()
            verdict = verdicts[pair] = _holds(condition, pair, size + 4)
        return verdict

    return admits


def _pair(data: bytes, at: int, size: int) -> bytes | None:
    """Return the `KeyValue` around the name at *at*, if it is written in the usual way and holds but a short value."""
    start, value_at = at - 2, at + size + 2
    if size > 0x7F or start < 1 or value_at > len(data):
        return None
    pair_size, value_size = data[start - 1], data[value_at - 1]
    is_usual = data[start] == 0x0A and data[start + 1] == size and data[value_at - 2] == _VALUE_TAG
    if not is_usual or value_size > 0x7F or pair_size > 0x7F or pair_size != size + 4 + value_size:
        return None
    return data[start : start + pair_size]


def _holds(condition: Compare, pair: bytes, value_at: int) -> bool:
    try:
        if pair[value_at : value_at + 2] == b"\x0a%c" % max(len(pair) - value_at - 2, 0):  # a text, and nothing else
            return condition.holds_for(pair[value_at + 2 :].decode())
        return condition.holds_for(decode_attribute(pair)[1])
    except ValueError:
        return True
