"""Events as people and programs tell them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from otel_bitacora.domain.events import KNOWN, ActionStarted, SessionEvent, SessionPaused, SparkCaptured
from otel_bitacora.errors import SessionError
from otel_bitacora.session.branch import current_branch
from otel_bitacora.session.telling import event_by_name, events_from_lines

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def named(name: str, **said: str) -> SessionEvent:
    return event_by_name(name, "s", said, clock=lambda: NOON)


@pytest.mark.parametrize("spelling", ["SessionPaused", "session-paused", "session_paused", "sessionpaused"])
def test_an_event_is_named_in_any_spelling(spelling: str) -> None:
    assert named(spelling) == SessionPaused(session_id="s", timestamp=NOON)


def test_ids_that_were_not_given_are_made() -> None:
    action, spark = named("ActionStarted", action_type="commit"), named("SparkCaptured", title="idea")

    assert isinstance(action, ActionStarted)
    assert isinstance(spark, SparkCaptured)
    assert UUID(action.action_id) != UUID(spark.spark_id)
    assert (action.action_type, spark.title) == ("GitCommit", "idea")


def test_what_an_action_was_is_kept_also_where_its_event_has_no_place_for_it() -> None:
    assert named("ActionRecorded", action_type="test").unknown == {"action_type": "test"}


def test_an_unknown_name_is_told_its_nearest() -> None:
    with pytest.raises(SessionError, match=r"no event 'SesionPaused'; did you mean SessionPaused\?"):
        named("SesionPaused")


def test_what_an_event_does_not_have_is_an_error() -> None:
    with pytest.raises(SessionError, match="SessionPaused has no title"):
        named("SessionPaused", title="x")


@pytest.mark.parametrize(("name", "missing"), [("TopicChanged", "topic_id"), ("SessionCreated", "user_id")])
def test_what_an_event_needs_is_asked_for(name: str, missing: str) -> None:
    with pytest.raises(SessionError, match=f"{name} needs {missing}"):
        named(name)


def test_every_known_event_can_be_named() -> None:
    for kind in KNOWN:
        needed = {"user_id": "u", "topic_id": "t", "duration": "d"}
        with pytest.raises(SessionError, match=rf"{kind.__name__} (needs|has no)"):
            named(kind.__name__, **needed, nonsense="x")


def test_lines_are_events_and_blank_ones_nothing() -> None:
    line = json.dumps(SessionPaused(session_id="s", timestamp=NOON).to_wire())

    assert events_from_lines([line, "\n", line]) == [SessionPaused(session_id="s", timestamp=NOON)] * 2


@pytest.mark.parametrize("line", ["{", "[]", '{"SessionPaused": {}}', '{"a": {}, "b": {}}'])
def test_a_line_without_an_event_is_named(line: str) -> None:
    with pytest.raises(SessionError, match="line 2: "):
        events_from_lines(["", line])


def repository(folder: Path, head: str) -> Path:
    (folder / ".git").mkdir(parents=True)
    (folder / ".git" / "HEAD").write_text(head)
    return folder


def test_the_branch_is_that_of_the_tree_around(tmp_path: Path) -> None:
    inside = repository(tmp_path / "work", "ref: refs/heads/feature/x\n") / "src" / "deep"
    inside.mkdir(parents=True)

    assert current_branch(inside) == "feature/x"


def test_a_worktree_says_where_its_branch_is(tmp_path: Path) -> None:
    home = repository(tmp_path / "home", "ref: refs/heads/main")
    (home / ".git" / "worktrees" / "w").mkdir(parents=True)
    (home / ".git" / "worktrees" / "w" / "HEAD").write_text("ref: refs/heads/other\n")
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / ".git").write_text(f"gitdir: {home}/.git/worktrees/w\n")

    assert current_branch(tmp_path / "w") == "other"


def test_a_commit_checked_out_by_itself_is_no_branch(tmp_path: Path) -> None:
    assert current_branch(repository(tmp_path, "0123456789abcdef0123456789abcdef01234567")) is None
    assert current_branch(Path("/")) is None
