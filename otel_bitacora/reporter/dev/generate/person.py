"""One developer on one day: every minute's records, in the order of time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property

from otel_bitacora.domain.events import (
    ActionEnded,
    ActionStarted,
    Duration,
    SessionCreated,
    SessionEnded,
    SessionEvent,
    SessionPaused,
    SessionResumed,
    SessionStarted,
    SparkCaptured,
    TopicChanged,
)
from otel_bitacora.reporter.core import names
from otel_bitacora.reporter.core.session_events import event_entry

from . import host
from .bound import Item, Setting, moment_of, whole
from .chance import Chance
from .forms import OBSERVED_AFTER_NS, Form
from .incidents import Incident, conditions_in, strain_in
from .pathological import Pathological
from .plan import MINUTE_NS, Developer, Plan
from .scenes import Scene
from .shapes import Shape
from .story import Phase, Story, Work
from .toil import BUILD_FAILED, TEST_FAILED, TESTS_BROKEN, TESTS_DONE, TOIL
from .traffic import Conditions, Traffic

PROJECT = "shop"
_BURST_FACTOR = 6
_BURST_IN = 60
"""One minute in so many begins a burst."""
_SECONDS_OF_PERCENT = 0.5
"""Of a minute: 0.6, less what bursts add."""
_SAMPLED_AFTER_NS = 500_000_000
_DONE_BEFORE_NS = 50_000_000
_INTO_LAST_SECOND = timedelta(microseconds=995_000)


class _Account:
    """How many records are due, where so many a minute is no whole number."""

    def __init__(self) -> None:
        self._owed = 0.0

    def due(self, more: float) -> int:
        """Return how many are due with *more* of them, and take them for made."""
        self._owed += more
        due = max(int(self._owed), 0)
        self._owed -= due
        return due

    def overpaid(self, count: int) -> None:
        """Take note that *count* more were made than were due."""
        self._owed -= count


class PersonDay:
    """Makes the records of *developer*, minute by minute from the first of the day on, each minute once."""

    def __init__(
        self, plan: Plan, developer: Developer, day: int, *, story: Story, incidents: Sequence[Incident], form: Form
    ) -> None:
        self.developer = developer
        self.story = story
        self.events: list[SessionEvent] = []
        """Those of the session so far."""
        self._plan = plan
        self._day = plan.dates[day]
        self._midnight_ns = plan.midnight_ns(day)
        self._incidents = incidents
        self._chance = Chance(plan.seed, "work", developer.number, day)
        self._traffic = Traffic(Chance(plan.seed, "traffic", developer.number, day), form)
        self._scene = Scene(self._chance, form, self._setting(story.phases[0].topic))
        self._pathological = (
            Pathological(Chance(plan.seed, "pathological", developer.number, day), story) if plan.pathological else None
        )
        self._toil, self._chatter, self._requests = _Account(), _Account(), _Account()
        self._bursts_until = 0

    def minute(self, minute: int) -> list[Item]:
        """Return the records of a minute of the day."""
        minute_ns = self._midnight_ns + minute * MINUTE_NS
        phase = self._phase_of.get(minute)
        going_on = [incident for incident in self._incidents if incident.covers(minute)]
        items: list[Item] = []
        if self.story.first <= minute < self.story.end:
            items += self._told(minute, phase)
            if phase is not None:
                items += self._worked(minute, minute_ns, phase, conditions_in(going_on))
        work = phase.work if phase else None
        for incident in going_on:
            items += incident.items(minute, minute_ns, self._scene, work)
        strain = strain_in(going_on, minute)
        items.append(host.sample(minute_ns + _SAMPLED_AFTER_NS, work, strain, self._chance))
        if self._pathological is not None:
            items += self._pathological.items(minute, minute_ns, self._scene.setting)
        items.sort(key=moment_of)
        return items

    @cached_property
    def _phase_of(self) -> dict[int, Phase]:
        return {minute: phase for phase in self.story.phases for minute in range(phase.first, phase.end)}

    def _setting(self, topic: str, phase: Phase | None = None) -> Setting:
        """Return the ids that records carry while *topic* is worked on."""
        attributes = {
            names.SESSION_ID: self.story.session_id,
            names.PROJECT_ID: PROJECT,
            names.TOPIC_ID: topic,
            names.USER_ID: self.developer.name,
        }
        if phase is not None:
            attributes |= {names.ACTION_ID: phase.action_id, names.ACTION_TYPE: phase.work.action.value}
        started = f"{self.story.first // 60:02d}{self.story.first % 60:02d}"
        attributes[names.BRANCH] = f"{self._day:%Y%m%d}-{started}_{topic}"
        return Setting(attributes)

    # What happens to the session.

    def _told(self, minute: int, phase: Phase | None) -> Iterator[Item]:
        """Yield the events of this minute, and change the setting as they say."""
        for event in self._events(minute, phase):
            self.events.append(event)
            topic = phase.topic if phase else str(self._scene.setting.attributes[names.TOPIC_ID])
            entry = event_entry(event.session_id, event)
            yield whole(
                replace(
                    entry,
                    observed_unix_nano=entry.timestamp_unix_nano + OBSERVED_AFTER_NS,
                    attributes={**self._setting(topic).attributes, **entry.attributes},
                )
            )
        if phase is not None and minute == phase.first:
            self._scene.setting = self._setting(phase.topic, phase)
        elif phase is None and any(minute == first for first, _ in self.story.pauses):
            self._scene.setting = self._setting(str(self._scene.setting.attributes[names.TOPIC_ID]))

    def _events(self, minute: int, phase: Phase | None) -> Iterator[SessionEvent]:
        session, at = self.story.session_id, self._moment(minute)
        step, last = timedelta(milliseconds=1), at + timedelta(seconds=59)
        if minute == self.story.first:
            description = f"{self.story.phases[0].topic} and what comes"
            yield SessionCreated(session_id=session, timestamp=at, user_id=self.developer.name, description=description)
            yield SessionStarted(session_id=session, timestamp=at + step)
        for first, end in self.story.pauses:
            if minute == first:
                yield SessionPaused(session_id=session, timestamp=at + step)
            elif minute == end:
                yield SessionResumed(session_id=session, timestamp=at + step)
        if phase is not None:
            yield from self._action_events(minute, phase, at + 2 * step, last)
        if minute == self.story.end - 1:
            length = Duration.from_timedelta(last + 998 * step - self._moment(self.story.first))
            yield SessionEnded(
                session_id=session, timestamp=last + 998 * step, duration=length, summary="to be continued"
            )

    def _action_events(self, minute: int, phase: Phase, at: datetime, last: datetime) -> Iterator[SessionEvent]:
        session, step = self.story.session_id, timedelta(milliseconds=1)
        kind = phase.work.action
        if minute == phase.first:
            before = str(self._scene.setting.attributes[names.TOPIC_ID])
            if before != phase.topic:
                yield TopicChanged(session_id=session, timestamp=at, topic_id=phase.topic, previous_topic_id=before)
            yield ActionStarted(
                session_id=session,
                timestamp=at + step,
                action_id=phase.action_id,
                action_type=kind,
                description=phase.description,
            )
        for number, idea in enumerate(self.story.ideas):
            if idea.minute == minute:
                yield SparkCaptured(
                    session_id=session, timestamp=at + (2 + number) * step, spark_id=idea.spark_id, title=idea.title
                )
        if minute == phase.end - 1:
            ended = last + _INTO_LAST_SECOND
            length = Duration.from_timedelta(ended - self._moment(phase.first))
            yield ActionEnded(
                session_id=session, timestamp=ended, action_id=phase.action_id, action_type=kind, duration=length
            )

    def _moment(self, minute: int) -> datetime:
        return datetime.fromtimestamp(self._midnight_ns // 10**9 + 60 * minute, UTC)

    # What the program and the tools say.

    def _worked(self, minute: int, minute_ns: int, phase: Phase, conditions: Conditions) -> Iterator[Item]:
        setting = self._scene.setting
        wanted = self._plan.rate * _SECONDS_OF_PERCENT * phase.work.percent * self._burst(minute)
        yield from self._traffic.chatter(minute_ns, self._toil.due(wanted / 8), setting, TOIL[phase.work])
        yield from self._traffic.chatter(minute_ns, self._chatter.due(wanted / 8), setting)
        due = self._requests.due(wanted * 3 / 4)
        requested = self._traffic.requests(minute_ns, due, setting, conditions)
        self._requests.overpaid(len(requested) - due)
        yield from requested
        if minute == phase.end - 1:
            yield from self._ended(minute_ns, phase)

    def _burst(self, minute: int) -> int:
        if minute >= self._bursts_until and self._chance.happens(1, of=_BURST_IN):
            self._bursts_until = minute + self._chance.between(1, 4)
        return _BURST_FACTOR if minute < self._bursts_until else 1

    def _ended(self, minute_ns: int, phase: Phase) -> Iterator[Item]:
        """Yield what a build or a run of tests comes to."""
        if phase.work is Work.BUILD and phase.fails:
            yield from self._scene.some(BUILD_FAILED, minute_ns, 1, 2)
        elif phase.work is Work.TEST:
            if phase.fails:
                failed: Shape = self._chance.pick(TEST_FAILED)
                yield from self._scene.some(failed, minute_ns, 1, 3)
            done_ns = minute_ns + MINUTE_NS - _DONE_BEFORE_NS
            yield self._scene.one(TESTS_BROKEN if phase.fails else TESTS_DONE, done_ns)
