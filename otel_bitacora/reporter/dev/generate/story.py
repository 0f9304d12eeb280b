"""How a developer spends a day: planned, edited, built, tested; what fails is debugged and fixed; what works is committed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from otel_bitacora.domain.action import ActionType

from .chance import Chance
from .plan import DAY_BEGINS, DAY_ENDS

TOPICS = ("checkout", "search", "stock-levels", "invoices", "reviews", "login", "shipping-labels", "coupons")
_SPARKS = ("cache the prices", "one query instead of three", "tests share a database", "name it what it is")


class Work(Enum):
    """A kind of work: its action, how many minutes it takes, and how busy the program under development is meanwhile."""

    PLAN = ActionType.PLANNING, (10, 30), 40
    EDIT = ActionType.FILE_EDIT, (12, 45), 80
    BUILD = ActionType.BUILD, (2, 6), 120
    TEST = ActionType.TEST, (3, 9), 170
    DEBUG = ActionType.DEBUG, (8, 35), 130
    FIX = ActionType.FILE_EDIT, (4, 18), 90
    COMMIT = ActionType.GIT_COMMIT, (1, 3), 50

    def __init__(self, action: ActionType, minutes: tuple[int, int], percent: int) -> None:
        self.action = action
        self.minutes = minutes
        self.percent = percent
        """Of the plan's rate."""


class Phase(NamedTuple):
    """An action from the minute *first* of the day to before *end*."""

    work: Work
    first: int
    end: int
    action_id: str
    topic: str
    description: str
    fails: bool = False


class Idea(NamedTuple):
    minute: int
    spark_id: str
    title: str


@dataclass(frozen=True)
class Story:
    """One developer's session on one day; minutes since midnight, UTC."""

    session_id: str
    first: int
    end: int
    phases: tuple[Phase, ...]
    pauses: tuple[tuple[int, int], ...]
    ideas: tuple[Idea, ...]

    @property
    def topics(self) -> list[str]:
        """Its topics in the order of their turns, each once per turn."""
        found: list[str] = []
        for phase in self.phases:
            if not found or found[-1] != phase.topic:
                found.append(phase.topic)
        return found


def tell(chance: Chance) -> Story:
    """Return a day: work in cycles around a lunch, and maybe a coffee."""
    first, end = DAY_BEGINS + chance.between(20, 80), DAY_ENDS - chance.between(30, 110)
    lunch = 12 * 60 + chance.below(45)
    coffee = 15 * 60 + chance.below(60)
    pauses = [(lunch, lunch + chance.between(30, 60))]
    if chance.happens(2, of=3):
        pauses.append((coffee, coffee + chance.between(8, 20)))
    phases = tuple(_phases(chance, first, end, pauses))
    ideas = tuple(
        Idea(chance.pick(phases).first, chance.identifier(), chance.pick(_SPARKS)) for _ in range(chance.below(4))
    )
    return Story(chance.identifier(), first, end, phases, tuple(pauses), ideas)


def _phases(chance: Chance, first: int, end: int, pauses: list[tuple[int, int]]) -> Iterator[Phase]:
    at = first
    for work, topic, description, fails in _work(chance):
        for pause_first, pause_end in pauses:
            if pause_first <= at < pause_end:
                at = pause_end
        stop = min(at + chance.between(*work.minutes), end)
        for pause_first, _ in pauses:
            if at < pause_first < stop:
                stop = pause_first
        if at >= stop:
            return
        yield Phase(work, at, stop, chance.identifier(), topic, description, fails)
        at = stop
        if at >= end:
            return


def _work(chance: Chance) -> Iterator[tuple[Work, str, str, bool]]:
    """Yield what is done next, for ever: the work, its topic, what is said of it, and whether it fails."""
    topic = chance.pick(TOPICS)
    yield Work.PLAN, topic, f"plan {topic}", False
    while True:
        yield Work.EDIT, topic, f"work on {topic}", False
        while chance.happens(1, of=8):
            yield Work.BUILD, topic, f"build {topic}", True
            yield Work.FIX, topic, f"mend the build of {topic}", False
        yield Work.BUILD, topic, f"build {topic}", False
        while chance.happens(2, of=5):
            yield Work.TEST, topic, f"test {topic}", True
            yield Work.DEBUG, topic, f"find out why {topic} fails", False
            yield Work.FIX, topic, f"fix {topic}", False
            yield Work.BUILD, topic, f"build {topic}", False
        yield Work.TEST, topic, f"test {topic}", False
        yield Work.COMMIT, topic, f"commit {topic}", False
        if chance.happens(1, of=3):
            topic = chance.pick([other for other in TOPICS if other != topic])
            yield Work.PLAN, topic, f"plan {topic}", False
