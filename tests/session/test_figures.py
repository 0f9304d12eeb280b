"""What a session amounts to, followed event by event."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bitacora.domain.events import (
    ActionEnded,
    ActionRecorded,
    ActionStarted,
    Duration,
    SessionCreated,
    SessionEnded,
    SessionEvent,
    SessionPaused,
    SessionRecovered,
    SessionResumed,
    SessionStarted,
    SparkCaptured,
    TopicChanged,
)
from otel_bitacora.domain.session import SessionStatus
from otel_bitacora.session.figures import SessionFollower, SessionMetrics

START = datetime(2026, 1, 2, 9, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def created(minutes: float) -> SessionCreated:
    return SessionCreated(session_id="s", timestamp=at(minutes), user_id="ana", description="the shop")


def started(minutes: float) -> SessionStarted:
    return SessionStarted(session_id="s", timestamp=at(minutes))


def paused(minutes: float) -> SessionPaused:
    return SessionPaused(session_id="s", timestamp=at(minutes))


def resumed(minutes: float) -> SessionResumed:
    return SessionResumed(session_id="s", timestamp=at(minutes))


def ended(minutes: float) -> SessionEnded:
    return SessionEnded(session_id="s", timestamp=at(minutes), duration=Duration(0))


def figures(*events: SessionEvent, now: float = 100) -> SessionMetrics:
    follower = SessionFollower("s")
    for event in events:
        follower.follow(event)
    return follower.metrics(now=at(now), records_by_level={})


def test_a_session_that_runs_lasts_until_now() -> None:
    found = figures(created(0), started(1), now=30)

    assert found.status is SessionStatus.ACTIVE
    assert (found.user_id, found.description) == ("ana", "the shop")
    assert found.started_at == START
    assert found.duration_seconds == found.active_seconds == 30 * 60


def test_pauses_are_taken_out_of_the_active_time() -> None:
    found = figures(created(0), started(0), paused(10), resumed(25), paused(40), resumed(45), ended(60))

    assert found.status is SessionStatus.ENDED
    assert (found.pause_count, found.paused_seconds) == (2, 20 * 60)
    assert (found.duration_seconds, found.active_seconds) == (60 * 60, 40 * 60)


def test_a_pause_lasts_until_now_and_until_the_end() -> None:
    assert figures(started(0), paused(10), now=30).paused_seconds == 20 * 60
    assert figures(started(0), paused(10), ended(20), now=30).active_seconds == 10 * 60
    assert figures(started(0), paused(10)).status is SessionStatus.PAUSED


def test_a_second_pause_in_a_row_changes_nothing() -> None:
    assert figures(started(0), paused(10), paused(12), now=30).pause_count == 1


def test_a_session_that_is_recovered_goes_on() -> None:
    found = figures(started(0), ended(10), SessionRecovered(session_id="s", timestamp=at(20)), now=30)

    assert (found.status, found.ended_at) == (SessionStatus.ACTIVE, None)
    assert found.duration_seconds == 30 * 60


def test_an_action_counts_once_whichever_of_its_events_tell_of_it() -> None:
    found = figures(
        started(0),
        ActionStarted(session_id="s", timestamp=at(1), action_id="a", action_type="Test"),
        ActionEnded(session_id="s", timestamp=at(2), action_id="a"),
        ActionRecorded(session_id="s", timestamp=at(2), action_id="a"),
        ActionRecorded(session_id="s", timestamp=at(3), action_id="b"),
        ActionRecorded(session_id="s", timestamp=at(4), action_id="c", unknown={"action_type": "commit"}),
    )

    assert found.action_count == 3
    assert found.actions_by_type == {"Test": 1, "unknown": 1, "GitCommit": 1}


def test_sparks_and_changes_of_topic_are_counted() -> None:
    spark = SparkCaptured(session_id="s", timestamp=at(1), spark_id="k")
    found = figures(started(0), spark, spark, TopicChanged(session_id="s", timestamp=at(2), topic_id="t"))

    assert (found.spark_count, found.topic_change_count, found.topic_id) == (1, 1, "t")


def test_without_a_start_nothing_has_lasted() -> None:
    found = SessionFollower("s").metrics(now=START, records_by_level={"ERROR": 2})

    assert (found.started_at, found.duration_seconds, found.records_by_level) == (None, 0.0, {"ERROR": 2})


def test_what_the_records_say_beside_their_events_is_taken_note_of() -> None:
    follower = SessionFollower("s")
    follower.describe(project_id="p", branch="main", topic_id=None)
    follower.describe(branch=None)

    found = follower.metrics(now=START, records_by_level={})

    assert (found.project_id, found.branch, found.topic_id) == ("p", "main", None)


@pytest.mark.parametrize("zone", ["+02:00", "Z"])
def test_times_of_any_offset_compare(zone: str) -> None:
    event = SessionEvent.from_wire(
        {"SessionStarted": {"session_id": "s", "timestamp": f"2026-01-02T{'11' if zone != 'Z' else '09'}:00:00{zone}"}}
    )

    assert figures(event, now=10).duration_seconds == 600


MOVES = st.lists(
    st.tuples(st.sampled_from([started, paused, resumed, ended]), st.integers(0, 1000)), min_size=1, max_size=30
)


@given(MOVES, st.integers(0, 2000))
def test_active_and_paused_always_make_up_the_whole(moves: list[tuple[object, int]], now: int) -> None:
    events = [make(minutes) for make, minutes in sorted(moves, key=lambda move: move[1])]  # type: ignore[operator]

    found = figures(*events, now=now)

    assert found.active_seconds >= 0
    assert found.paused_seconds >= 0
    assert found.active_seconds + found.paused_seconds == pytest.approx(
        max(found.duration_seconds, found.paused_seconds)
    )
