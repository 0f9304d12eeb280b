"""Where records are logged: at whose machine, in what setting, in which form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .bound import Item, Setting
from .chance import Chance
from .forms import Form
from .plan import MINUTE_NS
from .shapes import Shape

_LEAST_NUMBER, _NUMBERS = 100_000, 900_000


@dataclass
class Scene:
    """What single records need; *setting* changes with the work."""

    chance: Chance
    form: Form
    setting: Setting

    def one(self, shape: Shape, moment_ns: int) -> Item:
        """Return a record of *shape* at a given moment, in a trace of its own if it is traced."""
        duration_us = shape.least_us + self.chance.below(shape.least_us // 2 + 1)
        ids = self.chance.octets(24) if shape.is_traced else b""
        number = _LEAST_NUMBER + self.chance.below(_NUMBERS)
        return moment_ns, self.form.bound(shape, self.setting), duration_us, ids[:16], ids[16:], number

    def some(self, shape: Shape, minute_ns: int, least: int, most: int) -> Iterator[Item]:
        """Yield *least* to *most* records of *shape* somewhere in the minute."""
        for _ in range(self.chance.between(least, most)):
            yield self.one(shape, minute_ns + self.chance.below(MINUTE_NS))
