"""The check digits of card numbers, of many at once: a megabyte of text may hold 60,000."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import compress

_DIGITS = bytes(c - 48 if 48 <= c <= 57 else 0 for c in range(256))
_DOUBLED = bytes(c * 2 - (9 if c > 4 else 0) if c <= 9 else 0 for c in range(256))
_ENDS_IN_ZERO = bytes(c % 10 == 0 for c in range(256))


def passing_luhn(numbers: Iterable[str]) -> set[str]:
    """Return those of *numbers* whose check digit is right; each has at most 28 ASCII digits, blanks and hyphens don't count."""
    several = list(numbers)
    if not several:
        return set()
    of_length: defaultdict[int, dict[str, str]] = defaultdict(dict)
    for number, digits in zip(several, _without_breaks(several), strict=True):
        of_length[len(digits)][number] = digits
    passing: set[str] = set()
    for length, of_number in of_length.items():
        raw = "".join(of_number.values()).encode().translate(_DIGITS)
        # A byte for each number, in one large integer for each place: the sum of 28 digits fits, so nothing is carried.
        total = 0
        for place in range(length):
            column = raw[place::length]
            is_doubled = (length - place) % 2 == 0
            total += int.from_bytes(column.translate(_DOUBLED) if is_doubled else column, "little")
        is_right = total.to_bytes(len(of_number), "little").translate(_ENDS_IN_ZERO)
        passing.update(compress(of_number, is_right))
    return passing


def _without_breaks(numbers: Sequence[str]) -> list[str]:
    # All at once: one by one it takes six times as long.
    return "\n".join(numbers).replace(" ", "").replace("-", "").split("\n")
