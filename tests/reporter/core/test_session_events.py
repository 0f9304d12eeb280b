from datetime import UTC, datetime

import pytest

from otel_bitacora.domain.action import ActionType
from otel_bitacora.domain.events import ActionEnded, Duration, SessionCreated, SessionEnded, SessionEvent, SparkCaptured
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.level import LogLevel
from otel_bitacora.reporter.core.session_events import event_extra, event_id

from .kept import Kept, logger_for

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
EVENTS = [
    SessionCreated(session_id="s", timestamp=NOW, user_id="ana"),
    SessionEnded(session_id="s", timestamp=NOW, duration=Duration(90, 500_000_000), summary="done"),
    ActionEnded(session_id="s", timestamp=NOW, action_id="a", action_type=ActionType.TEST, duration=Duration(3)),
    SparkCaptured(session_id="s", timestamp=NOW, spark_id="k", title="idea"),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.tag)
def test_an_event_is_an_entry_that_holds_it_whole(event: SessionEvent) -> None:
    entry = LogEntry.from_session_event("s", event)

    assert entry.event_name == event.event_name
    assert entry.session_id == "s"
    assert entry.level is LogLevel.INFO
    assert entry.timestamp == NOW
    assert SessionEvent.from_wire(LogEntry.from_otlp(entry.to_otlp()).body) == event  # type: ignore[arg-type]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.tag)
def test_both_doors_lead_to_the_same_record(event: SessionEvent) -> None:
    kept = Kept()
    direct = LogEntry.from_session_event("s", event)

    logger_for(kept).info(event.to_wire(), extra=event_extra("s", event))

    logged = kept.entry
    assert (logged.event_name, logged.body, logged.severity_number) == (
        direct.event_name,
        direct.body,
        direct.severity_number,
    )
    assert direct.attributes.items() <= logged.attributes.items()


def test_ids_and_lengths_are_attributes() -> None:
    ended = LogEntry.from_session_event("s", EVENTS[2])

    assert ended.attributes == {
        "bitacora.session.id": "s",
        "bitacora.event.id": event_id("s", EVENTS[2]),
        "bitacora.action.id": "a",
        "bitacora.action.type": "Test",
        "bitacora.action.duration": 3.0,
    }


def test_the_session_is_the_one_that_is_named() -> None:
    assert LogEntry.from_session_event("other", EVENTS[0]).session_id == "other"
