"""The whole: every minute of every day of every developer, written and counted."""

from __future__ import annotations

from collections.abc import Callable

from .chance import Chance
from .incidents import Incident, incidents_of
from .manifest import Manifest
from .outputs import Output
from .person import PersonDay
from .plan import DAY_BEGINS, DAY_ENDS, MINUTE_NS, Plan
from .story import tell


def generate(plan: Plan, output: Output, *, on_minute: Callable[[int], object] = lambda _: None) -> Manifest:
    """Write what *plan* says to *output*, close it, and return what it was; *on_minute* gets the records so far.

    Raises:
        JournalUnavailable: the output is a journal that can't be written.
    """
    stories = {
        (person.number, day): tell(Chance(plan.seed, "story", person.number, day))
        for day in range(plan.days)
        for person in plan.people
    }
    incidents = incidents_of(plan, stories)
    manifest = Manifest(plan, incidents)
    try:
        for day in range(plan.days):
            people = []
            for developer in plan.people:
                theirs = [one for one in incidents if one.developer is developer and one.day == day]
                story = stories[developer.number, day]
                people.append(
                    (
                        PersonDay(plan, developer, day, story=story, incidents=theirs, form=output.form(developer)),
                        theirs,
                    )
                )
            _write_day(plan.midnight_ns(day), people, output, manifest, on_minute)
    finally:
        output.close()
    return manifest


def _write_day(
    midnight_ns: int,
    people: list[tuple[PersonDay, list[Incident]]],
    output: Output,
    manifest: Manifest,
    on_minute: Callable[[int], object],
) -> None:
    for minute in range(DAY_BEGINS, DAY_ENDS):
        for person, incidents in people:
            items = person.minute(minute)
            output.write(person.developer, items)
            going_on = [incident for incident in incidents if incident.covers(minute)]
            manifest.count(person, midnight_ns + minute * MINUTE_NS, items, going_on)
        output.end_minute()
        on_minute(manifest.records)
    for person, _ in people:
        manifest.end_session(person)
