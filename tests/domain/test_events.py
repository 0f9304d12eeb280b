import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bitacora.domain.events import (
    KNOWN,
    ActionRecorded,
    Duration,
    SessionCreated,
    SessionEnded,
    SessionEvent,
    SessionRecovered,
    TopicChanged,
    UnknownEvent,
)
from otel_bitacora.errors import WireError

from .test_models import models_of

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
WIRE = [
    {"SessionCreated": {"session_id": "s", "timestamp": "2026-01-02T03:04:05Z", "user_id": "ana"}},
    {"SessionStarted": {"session_id": "s", "timestamp": "2026-01-02T03:04:05Z"}},
    {"SessionPaused": {"session_id": "s", "timestamp": "2026-01-02T03:04:05Z"}},
    {"SessionResumed": {"session_id": "s", "timestamp": "2026-01-02T03:04:05Z"}},
    {"SessionEnded": {"session_id": "s", "timestamp": "2026-01-02T03:04:05Z", "duration": {"secs": 5400, "nanos": 7}}},
    {"ActionRecorded": {"session_id": "s", "timestamp": "2026-01-02T03:04:05Z", "action_id": "a"}},
]
NAMES = {
    "SessionCreated": "bitacora.session.created",
    "SessionStarted": "bitacora.session.started",
    "SessionPaused": "bitacora.session.paused",
    "SessionResumed": "bitacora.session.resumed",
    "SessionEnded": "bitacora.session.ended",
    "SessionRecovered": "bitacora.session.recovered",
    "ActionRecorded": "bitacora.action.recorded",
    "ActionStarted": "bitacora.action.started",
    "ActionEnded": "bitacora.action.ended",
    "SparkCaptured": "bitacora.spark.captured",
    "TopicChanged": "bitacora.topic.changed",
}


@pytest.mark.parametrize("source", WIRE, ids=lambda source: next(iter(source)))
def test_an_event_is_read_and_written_as_bitacora_writes_it(source: dict[str, object]) -> None:
    event = SessionEvent.from_wire(json.dumps(source))

    assert event.to_wire() == source
    assert json.loads(event.to_json()) == source


@pytest.mark.parametrize("kind", KNOWN)
@given(data=st.data())
def test_every_event_survives_its_own_json(kind: type[SessionEvent], data: st.DataObject) -> None:
    event = data.draw(models_of(kind))

    again = SessionEvent.from_wire(event.to_json())

    assert type(again) is kind
    assert again == event


def test_every_event_has_its_name() -> None:
    assert {kind.__name__ for kind in KNOWN} == set(NAMES)
    for tag, name in NAMES.items():
        fields = {
            "session_id": "s",
            "timestamp": NOW,
            "user_id": "u",
            "action_id": "a",
            "spark_id": "k",
            "topic_id": "t",
            "duration": 1,
        }
        assert SessionEvent.from_wire({tag: fields}).event_name == name


def test_what_older_code_adds_is_read() -> None:
    created = SessionEvent.from_wire(
        {"SessionCreated": {"session_id": "s", "user_id": "u", "timestamp": NOW, "description": "d"}}
    )
    ended = SessionEvent.from_wire(
        {"SessionEnded": {"session_id": "s", "timestamp": NOW, "duration": {"secs": 1, "nanos": 0}, "summary": "x"}}
    )
    recovered = SessionEvent.from_wire({"SessionRecovered": {"session_id": "s", "timestamp": NOW}})

    assert isinstance(created, SessionCreated)
    assert created.description == "d"
    assert isinstance(ended, SessionEnded)
    assert ended.summary == "x"
    assert isinstance(recovered, SessionRecovered)


def test_an_event_that_nobody_knows_is_kept_whole() -> None:
    source = {"SessionHandedOver": {"session_id": "s", "timestamp": "2026-01-02T03:04:05Z", "to": "bo"}}

    event = SessionEvent.from_wire(source)

    assert isinstance(event, UnknownEvent)
    assert event.event_name == "bitacora.session.handed_over"
    assert event.to_wire() == source


@pytest.mark.parametrize("tag", ["session_ended", "sessionended", "SESSION-ENDED"])
def test_the_tag_is_read_in_any_spelling(tag: str) -> None:
    event = SessionEvent.from_wire({tag: {"session_id": "s", "timestamp": NOW, "duration": {"secs": 1, "nanos": 0}}})

    assert isinstance(event, SessionEnded)


@pytest.mark.parametrize(
    "source",
    [
        {},
        {"SessionStarted": {}, "SessionPaused": {}},
        {"SessionStarted": None},
        {"SessionStarted": {"session_id": "s"}},
        {"Unheard": {}},
        {"Unheard": 1},
        "[]",
    ],
)
def test_what_is_no_event_is_refused(source: object) -> None:
    with pytest.raises(WireError):
        SessionEvent.from_wire(source)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "length", [{"secs": -1}, {"secs": 1, "nanos": 10**9}, {"nanos": 1}, "1 h", True, -1, float("nan"), float("inf")]
)
def test_what_is_no_duration_is_refused(length: object) -> None:
    with pytest.raises(WireError, match="duration"):
        SessionEvent.from_wire({"SessionEnded": {"session_id": "s", "timestamp": NOW, "duration": length}})


def test_a_duration_may_be_a_number_of_seconds() -> None:
    event = SessionEvent.from_wire({"SessionEnded": {"session_id": "s", "timestamp": NOW, "duration": 1.5}})

    assert isinstance(event, SessionEnded)
    assert event.duration == Duration(1, 500_000_000)


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=9999)))
def test_a_duration_has_the_length_of_its_timedelta(length: timedelta) -> None:
    assert Duration.from_timedelta(length).seconds == pytest.approx(length.total_seconds())


@pytest.mark.parametrize(
    ("length", "text"),
    [(Duration(0, 250_000_000), "0.25 s"), (Duration(61), "1 min 1 s"), (Duration(5400), "1 h 30 min")],
)
def test_a_duration_reads_well(length: Duration, text: str) -> None:
    assert str(length) == text


def test_events_are_made_by_keyword_and_cannot_be_changed() -> None:
    event = TopicChanged(session_id="s", timestamp=NOW, topic_id="t")

    with pytest.raises(AttributeError):
        event.topic_id = "u"  # type: ignore[misc]
    assert ActionRecorded(session_id="s", timestamp=NOW, action_id="a") != event
