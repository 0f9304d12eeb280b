"""Draws that are the same on every platform and Python: integers alone, since the last digit of a logarithm isn't."""

from __future__ import annotations

import functools
import hashlib
import random
import struct
import uuid
from collections.abc import Sequence
from math import isqrt
from typing import TypeVar

T = TypeVar("T")

TABLE = 4096
"""Entries of the tables below, which 12 random bits look up."""
_FINE = 1_000_000
_FRACTION_BITS = 20


class Chance:
    """A stream of draws that depends on *seed* and on nothing else; equal seeds draw the same."""

    def __init__(self, *seed: object) -> None:
        digest = hashlib.sha256("\n".join(map(str, seed)).encode()).digest()
        self._random = random.Random(int.from_bytes(digest, "big"))  # noqa: S311  # no secret depends on it

    def below(self, bound: int) -> int:
        """Return one of 0 to *bound* - 1."""
        return self._random.getrandbits(48) * bound >> 48

    def between(self, lowest: int, highest: int) -> int:
        """Return one of *lowest* to *highest*, both included."""
        return lowest + self.below(highest - lowest + 1)

    def pick(self, choices: Sequence[T]) -> T:
        return choices[self.below(len(choices))]

    def happens(self, times: int, of: int) -> bool:
        """Return true *times* in *of* times."""
        return self.below(of) < times

    def words(self, count: int) -> tuple[int, ...]:
        """Return *count* numbers of 64 bits, much faster than one by one."""
        return struct.unpack(f"<{count}Q", self._random.randbytes(8 * count))

    def octets(self, count: int) -> bytes:
        return self._random.randbytes(count)

    def identifier(self) -> str:
        """Return a random UUID, as Bitacora's ids are."""
        return str(uuid.UUID(bytes=self.octets(16), version=4))


def zipf(choices: Sequence[T]) -> tuple[T, ...]:
    """Return a table in which the k-th of *choices* stands about 1/k as often as the first, and each at least once."""
    weights = [_FINE // rank for rank in range(1, len(choices) + 1)]
    room = TABLE - len(choices)
    found: list[T] = []
    for choice, weight in zip(choices, weights, strict=True):
        found += [choice] * (1 + room * weight // sum(weights))
    return tuple(found + [choices[0]] * (TABLE - len(found)))


@functools.lru_cache(maxsize=256)
def heavy_tail(least: int) -> tuple[int, ...]:
    """Return the quantiles of a Pareto distribution of shape 4/3 from *least* on: the last is 512 times as much."""
    return tuple([least * multiple >> _FRACTION_BITS for multiple in _multiples()])


@functools.lru_cache(maxsize=1)
def _multiples() -> tuple[int, ...]:
    """Return (1 - p) ** -0.75 for each p, as integers of 20 bits of fraction: a fourth root is two square roots."""
    scaled = TABLE**3 << 4 * _FRACTION_BITS
    return tuple(isqrt(isqrt(scaled // (TABLE - rank) ** 3)) for rank in range(TABLE))
