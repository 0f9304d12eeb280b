"""What is to be generated: a few numbers, from which everything else follows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import cached_property

FIRST_DAY = date(2026, 1, 5)
"""A Monday: where nothing else is said, the first day."""
MINUTE_NS = 60 * 10**9
_EARLIEST, _LATEST = date(1970, 1, 1), date(2500, 1, 1)
"""Between them nanoseconds since 1970 fit into OTLP's 64 bits, ten years of days and all."""
DAY_BEGINS, DAY_ENDS = 8 * 60, 19 * 60
"""The minutes of a day, UTC, between which anything happens."""

_NAMES = ("ana", "ben", "chidi", "dora", "emil", "fatima", "gus", "hana", "ivo", "juno", "kemal", "lea")
_SATURDAY = 5
_SEEDS = 1 << 63
_MOST_DAYS, _MOST_DEVELOPERS, _MOST_RATE = 3660, 1000, 1000


class IncidentKind(StrEnum):
    DISK_FILLING = "disk-filling"
    MEMORY_LEAK = "memory-leak"
    FLAKY_TEST = "flaky-test"
    SLOW_DATABASE = "slow-database"
    NETWORK_CUT = "network-cut"


@dataclass(frozen=True)
class Plan:
    """*days* working days of *developers* people from *start* on, each of whom has *rate* records a second while at work.

    Every one of *incidents* happens once, to one of them on one day. Equal plans give equal bytes, everywhere.

    Raises:
        ValueError: a number is out of range, or there are more incidents of a kind than days to have them.
    """

    seed: int = 0
    days: int = 1
    developers: int = 3
    rate: float = 1.0
    incidents: tuple[IncidentKind, ...] = ()
    pathological: bool = False
    start: date = FIRST_DAY

    def __post_init__(self) -> None:
        for name, most in (("days", _MOST_DAYS), ("developers", _MOST_DEVELOPERS)):
            if not 1 <= getattr(self, name) <= most:
                raise ValueError(f"{name} must be 1 to {most}, not {getattr(self, name)}")
        if not _EARLIEST <= self.start <= _LATEST:
            raise ValueError(f"start must be a day from {_EARLIEST} to {_LATEST}, not {self.start}")
        if not -_SEEDS <= self.seed < _SEEDS:
            raise ValueError(f"seed must fit into 64 bits, not {self.seed}")
        if not 0 < self.rate <= _MOST_RATE:
            raise ValueError(f"rate must be more than 0 and at most {_MOST_RATE}, not {self.rate}")
        for kind in set(self.incidents):
            if self.incidents.count(kind) > self.days * self.developers:
                raise ValueError(f"{kind} happens once a day to a developer at most: make more days, or fewer of it")

    @cached_property
    def dates(self) -> tuple[date, ...]:
        """The working days: Saturdays and Sundays are left out."""
        found: list[date] = []
        day = self.start
        while len(found) < self.days:
            if day.weekday() < _SATURDAY:
                found.append(day)
            day += timedelta(days=1)
        return tuple(found)

    @property
    def minutes(self) -> int:
        """How many minutes are told of."""
        return self.days * (DAY_ENDS - DAY_BEGINS)

    def midnight_ns(self, day: int) -> int:
        midnight = datetime(*self.dates[day].timetuple()[:3], tzinfo=UTC)
        return int(midnight.timestamp()) * 10**9

    @cached_property
    def people(self) -> tuple[Developer, ...]:
        return tuple(self._people())

    def _people(self) -> Iterator[Developer]:
        incidents = ",".join(kind.value for kind in self.incidents)
        said = (self.seed, self.days, self.developers, float(self.rate), incidents, self.pathological, self.start)
        for number in range(self.developers):
            digest = hashlib.sha256("\n".join(map(str, (*said, number))).encode()).digest()
            turn, which = divmod(number, len(_NAMES))
            name = _NAMES[which] + (str(turn + 1) if turn else "")
            yield Developer(number=number, name=name, instance=digest[:16])


@dataclass(frozen=True)
class Developer:
    """One person, at one machine, with one program under their hands; *instance* is what its journal is called."""

    number: int
    name: str
    instance: bytes

    @property
    def host(self) -> str:
        return f"laptop-{self.name}"

    @cached_property
    def resource(self) -> dict[str, str]:
        """The OTLP Resource of what they log."""
        digits = self.instance.hex()
        identity = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
        return {
            "host.name": self.host,
            "os.type": "linux",
            "service.name": "shop",
            "service.instance.id": identity,
            "deployment.environment.name": "development",
        }
