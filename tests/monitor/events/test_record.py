import logging

import pytest

from otel_bitacora.monitor.events.event import Event
from otel_bitacora.monitor.events.record import EventLog, EventsCollector
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.testing import FakeClock

NAME = "bitacora.host.unit.failed"


def event(subject: str = "a.service", name: str = NAME) -> Event:
    return Event(name, logging.ERROR, f"unit {subject} has 100% failed", {"systemd.unit.name": subject}, subject)


@pytest.fixture
def events(clock: FakeClock) -> EventLog:
    return EventLog(30.0, clock.monotonic)


def counts(events: EventLog) -> dict[tuple[object, ...], object]:
    return {tuple(one.attributes.values()): one.value for one in EventsCollector(events).collect()}


def test_an_event_is_a_log_record_with_its_name_and_attributes(
    events: EventLog, caplog: pytest.LogCaptureFixture
) -> None:
    assert events.add(event())

    (record,) = caplog.records
    assert (record.name, record.levelno) == ("otel_bitacora.monitor", logging.ERROR)
    assert record.getMessage() == "unit a.service has 100% failed"
    entry = LogEntry.from_record(record)
    assert entry.event_name == NAME
    assert entry.attributes["systemd.unit.name"] == "a.service"
    assert "otel.event.name" not in entry.attributes


def test_events_of_one_thing_that_follow_closely_are_one_record_and_the_next_says_how_many(
    events: EventLog, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    logged = [events.add(event()) for _ in range(4)]
    clock.advance(30.0)
    events.add(event())
    clock.advance(30.0)
    events.add(event())

    assert logged == [True, False, False, False]
    assert [getattr(record, "bitacora.event.suppressed", None) for record in caplog.records] == [None, 3, None]


def test_things_that_have_nothing_to_do_with_each_other_do_not_silence_each_other(events: EventLog) -> None:
    assert events.add(event("a.service"))
    assert events.add(event("b.service"))
    assert events.add(event("a.service", name="bitacora.host.link.changed"))


def test_a_flood_of_different_things_ends_and_trickles(
    events: EventLog, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(1000):
        events.add(event(f"{number}.service"))
    flood = len(caplog.records)

    clock.advance(60.0)
    for number in range(1000, 2000):
        events.add(event(f"{number}.service"))

    assert flood == 20
    assert len(caplog.records) - flood == 20
    assert counts(events) == {(NAME, "recorded"): 40, (NAME, "suppressed"): 1960}


def test_a_flood_of_one_name_silences_no_other(events: EventLog) -> None:
    for number in range(1000):
        events.add(event(f"eth{number}", name="bitacora.host.link.changed"))

    assert events.add(event(name="bitacora.host.oom_kill"))


def test_what_is_remembered_is_bounded(events: EventLog, clock: FakeClock) -> None:
    for number in range(3000):
        clock.advance(3.0)
        events.add(event(f"{number}.service"))

    assert len(events._last) == 1000


def test_what_is_suppressed_of_things_never_logged_is_bounded_too(events: EventLog) -> None:
    for number in range(20_000):
        events.add(event(f"{number}.service"))

    assert len(events._suppressed) <= 1000


def test_before_any_event_there_are_no_readings(events: EventLog) -> None:
    assert EventsCollector(events).collect() == []
