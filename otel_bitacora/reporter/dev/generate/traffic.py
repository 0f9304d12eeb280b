"""What the program under development does, minute by minute: visitors' requests, each one trace, and its own chatter."""

from __future__ import annotations

from dataclasses import dataclass

from otel_bitacora.reporter.core.level import LogLevel

from .bound import Item, Setting
from .catalogue import CHATTER, REQUESTS, Request
from .chance import Chance
from .forms import Form
from .plan import MINUTE_NS
from .shapes import Shape
from .symptoms import SLOW, SLOW_US, STATEMENT_US, TIMED_OUT, UNREACHABLE

_STEP_US = 500_000
"""The longest that a step takes on a good day."""
_GAP_US = 40
_LEAST_NUMBER, _NUMBERS = 100_000, 0x7FFFF
_FAILS_IN = 192
"""One step in so many goes wrong."""


@dataclass(frozen=True)
class Conditions:
    """What an incident does to the program."""

    database_factor: int = 1
    has_network: bool = True


class Traffic:
    """Draws the records of one developer's program."""

    def __init__(self, chance: Chance, form: Form) -> None:
        self._chance = chance
        self._form = form

    def chatter(self, minute_ns: int, count: int, setting: Setting, shapes: tuple[Shape, ...] = CHATTER) -> list[Item]:
        """Return *count* records of *shapes*, a table of 4096, within the minute."""
        bound, found = self._form.bound, setting.bounds.get
        items: list[Item] = []
        for word in self._chance.words(count):
            shape = shapes[word & 4095]
            moment = minute_ns + ((word >> 24 & 0xFFFFFFFF) * MINUTE_NS >> 32)
            duration_us = 0
            if shape.least_us:
                duration_us = min(shape.durations[word >> 12 & 4095] + (word >> 56), _STEP_US)
            number = _LEAST_NUMBER + (word >> 30 & _NUMBERS)
            items.append((moment, found(shape) or bound(shape, setting), duration_us, b"", b"", number))
        return items

    def requests(self, minute_ns: int, count: int, setting: Setting, conditions: Conditions) -> list[Item]:
        """Return *count* records or a few more: whole requests within the minute."""
        items: list[Item] = []
        longest_us = 3 * STATEMENT_US + 4 * _STEP_US if conditions.database_factor > 1 else 8 * _STEP_US
        span_ns = MINUTE_NS - longest_us * 1000
        while len(items) < count:
            most = count - len(items)
            words = self._chance.words(8 * (1 + most // 4))
            ids = self._chance.octets(64 * (1 + most // 4))
            for turn in range(1 + most // 4):
                word = words[8 * turn]
                start_ns = minute_ns + ((word >> 12 & 0xFFFFFFFF) * span_ns >> 32)
                more, own = words[8 * turn + 1 : 8 * turn + 8], ids[64 * turn : 64 * turn + 64]
                self._request(items, REQUESTS[word & 4095], start_ns, more, own, setting=setting, conditions=conditions)
                if len(items) >= count:
                    break
        return items

    def _request(
        self,
        items: list[Item],
        request: Request,
        start_ns: int,
        words: tuple[int, ...],
        ids: bytes,
        *,
        setting: Setting,
        conditions: Conditions,
    ) -> None:
        bound, found, append = self._form.bound, setting.bounds.get, items.append
        trace, at, passed_us, is_broken = ids[:16], 16, 0, False
        for step, word in zip(request.steps, words, strict=False):
            shape, number = step.shape, _LEAST_NUMBER + (word >> 20 & _NUMBERS)
            duration_us = shape.durations[word & 4095] + (word >> 12 & 63)
            if step.is_database and conditions.database_factor > 1:
                duration_us = min(duration_us * conditions.database_factor, STATEMENT_US)
                if duration_us >= SLOW_US:
                    is_broken = duration_us == STATEMENT_US
                    shape = TIMED_OUT if is_broken else SLOW
            elif step.is_remote and not conditions.has_network:
                shape, duration_us, is_broken = UNREACHABLE, 400_000, True
            else:
                duration_us = min(duration_us, _STEP_US)
                if (word >> 40) * _FAILS_IN >> 24 == 0:
                    shape, is_broken = step.failed, step.failed.level >= LogLevel.ERROR
            passed_us += duration_us + _GAP_US
            span = ids[at : at + 8]
            at += 8
            append(
                (start_ns + passed_us * 1000, found(shape) or bound(shape, setting), duration_us, trace, span, number)
            )
            if is_broken:
                break
        word = words[-1]
        shape = request.broken if is_broken else request.answered
        duration_us = passed_us + min(shape.durations[word & 4095], _STEP_US)
        moment, number = start_ns + duration_us * 1000, _LEAST_NUMBER + (word >> 20 & _NUMBERS)
        append((moment, found(shape) or bound(shape, setting), duration_us, trace, ids[56:], number))
