import json
import subprocess
import sys
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bitacora.domain.action import Action, ActionContext, ActionType, TemplateMetadata
from otel_bitacora.domain.events import Duration
from otel_bitacora.domain.project import Project, ProjectStatus
from otel_bitacora.domain.session import Session, SessionStatus
from otel_bitacora.domain.spark import Spark, SparkContext
from otel_bitacora.domain.topic import Priority, Topic, TopicStatus
from otel_bitacora.domain.wire import Model, read_time, write_time
from otel_bitacora.errors import BitacoraError, WireError

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
MOMENTS = st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # given a zone beside
MODELS = [Session, Action, Project, Topic, Spark, ActionContext, SparkContext, TemplateMetadata]


SIMPLE = {
    datetime: MOMENTS,
    float: st.floats(allow_nan=False, allow_infinity=False),
    Duration: st.builds(Duration, st.integers(0, 2**63), st.integers(0, 999_999_999)),
    tuple[str, ...]: st.lists(st.text()).map(tuple),
    Mapping[str, str]: st.dictionaries(st.text(), st.text(), max_size=3),
}


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    if get_origin(hint) in (Union, UnionType):
        return st.one_of([values_of(each) for each in get_args(hint)])
    if isinstance(hint, type) and issubclass(hint, Model):
        return models_of(hint)
    return SIMPLE[hint] if hint in SIMPLE else st.from_type(hint)


def models_of(kind: type[Model]) -> st.SearchStrategy[Any]:
    """Return models with any values; text where an enum could be stays clear of the names of its members."""
    hints = get_type_hints(kind)
    del hints["unknown"]
    unknown = st.dictionaries(st.text(min_size=1).map("new_{}".format), st.integers() | st.text(), max_size=2)
    return st.builds(kind, **{name: values_of(hint) for name, hint in hints.items()}, unknown=unknown)


@pytest.mark.parametrize("kind", MODELS)
@given(data=st.data())
def test_a_model_survives_its_own_json(kind: type[Model], data: st.DataObject) -> None:
    model = data.draw(models_of(kind))

    again = kind.from_wire(model.to_json())

    assert again == model
    assert again.to_wire() == model.to_wire()


@pytest.mark.parametrize("kind", MODELS)
@given(data=st.data())
def test_json_of_any_kind_is_read_or_refused_with_our_error(kind: type[Model], data: st.DataObject) -> None:
    anything = (
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text()
        | st.lists(st.integers(), max_size=2)
        | st.just(NOW)
    )
    source = data.draw(st.dictionaries(st.sampled_from(list(get_type_hints(kind))), anything))

    try:
        model = kind.from_wire(source)
    except WireError:
        return

    assert isinstance(model, kind)


SESSION = {
    "session_id": "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
    "user_id": "ana",
    "project_id": None,
    "started_at": "2026-01-02T03:04:05.678901Z",
    "ended_at": None,
    "description": None,
    "status": "Active",
}


def test_a_session_is_written_as_bitacora_writes_it() -> None:
    session = Session.from_wire(SESSION)

    assert session.status is SessionStatus.ACTIVE
    assert session.to_wire() == SESSION
    assert list(session.to_wire()) == list(SESSION)


def test_what_bitacora_leaves_out_has_its_defaults() -> None:
    session = Session.from_wire({"session_id": "s", "started_at": NOW})

    assert (session.user_id, session.status, session.ended_at) == ("unknown", "Created", None)


def test_a_missing_required_key_is_named() -> None:
    with pytest.raises(WireError, match="Session: no 'started_at'") as caught:
        Session.from_wire({"session_id": "s"})

    assert isinstance(caught.value, BitacoraError)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("source", ["", "[]", "1", "{", b"\xff", "null"])
def test_json_that_is_no_object_is_refused(source: str | bytes) -> None:
    with pytest.raises(WireError):
        Session.from_wire(source)


@pytest.mark.parametrize("spelling", ["InProgress", "inprogress", "in_progress", "IN-PROGRESS", "in progress"])
def test_both_spellings_of_an_enum_are_read(spelling: str) -> None:
    topic = Topic.from_wire(
        {
            "topic_id": "t",
            "user_id": "u",
            "title": "x",
            "created_at": NOW,
            "updated_at": NOW,
            "status": spelling,
            "priority": "high",
        }
    )

    assert topic.status is TopicStatus.IN_PROGRESS
    assert topic.priority is Priority.HIGH
    assert topic.to_wire()["status"] == "InProgress"


@pytest.mark.parametrize(
    ("spelling", "kind"),
    [
        ("GitCommit", ActionType.GIT_COMMIT),
        ("commit", ActionType.GIT_COMMIT),
        ("edit", ActionType.FILE_EDIT),
        ("docs", ActionType.DOCUMENTATION),
        ("plan", ActionType.PLANNING),
    ],
)
def test_short_words_of_the_command_line_are_read(spelling: str, kind: ActionType) -> None:
    assert action(action_type=spelling).action_type is kind


def test_an_enum_value_that_nobody_knows_is_kept() -> None:
    unknown = action(action_type="bugfix")

    assert unknown.action_type == "bugfix"
    assert unknown.to_wire()["action_type"] == "bugfix"


def action(**fields: object) -> Action:
    given_fields = {
        "action_id": "a",
        "session_id": "s",
        "user_id": "u",
        "timestamp": NOW,
        "description": "d",
        "action_type": "Test",
    }
    return Action.from_wire({**given_fields, **fields})


def test_keys_that_nobody_knows_are_kept_and_written_again() -> None:
    assert action(mood="good").unknown == {"mood": "good"}
    assert action(mood="good").to_wire()["mood"] == "good"


def test_an_id_under_the_short_key_of_the_api_is_found() -> None:
    project = Project.from_wire(
        {"id": "p", "user_id": "u", "name": "n", "created_at": NOW, "updated_at": NOW, "status": "onhold"}
    )

    assert project.project_id == "p"
    assert project.status is ProjectStatus.ON_HOLD


@pytest.mark.parametrize("given_id", [uuid.UUID(int=5), uuid.UUID(int=5).bytes, str(uuid.UUID(int=5))])
def test_an_id_may_come_as_uuid_as_bytes_or_as_text(given_id: object) -> None:
    assert action(action_id=given_id).action_id == "00000000-0000-0000-0000-000000000005"


@pytest.mark.parametrize(
    ("text", "micros", "written"),
    [
        ("2026-01-02T03:04:05Z", 0, "2026-01-02T03:04:05Z"),
        ("2026-01-02T03:04:05.120Z", 120_000, "2026-01-02T03:04:05.120Z"),
        ("2026-01-02T03:04:05.123456Z", 123_456, "2026-01-02T03:04:05.123456Z"),
        ("2026-01-02T03:04:05.123456789Z", 123_456, "2026-01-02T03:04:05.123456Z"),
        ("2026-01-02T05:04:05+02:00", 0, "2026-01-02T03:04:05Z"),
        ("2026-01-02 03:04:05.5z", 500_000, "2026-01-02T03:04:05.500Z"),
        ("2026-01-02T03:04:05", 0, "2026-01-02T03:04:05Z"),
    ],
)
def test_times_have_no_three_six_or_nine_digits(text: str, micros: int, written: str) -> None:
    moment = read_time(text)

    assert moment == datetime(2026, 1, 2, 3, 4, 5, micros, tzinfo=UTC)
    assert write_time(moment) == written


@given(MOMENTS, st.integers(-720, 720))
def test_a_time_survives_whatever_its_offset(moment: datetime, minutes: int) -> None:
    assert read_time(write_time(moment.astimezone(timezone(timedelta(minutes=minutes))))) == moment


@pytest.mark.parametrize(
    "text", ["yesterday", "2026-13-02T03:04:05Z", "2026-01-02", "", "2026-01-02T03:04:05.1234567890Z"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(WireError, match="timestamp"):
        action(timestamp=text)


def test_a_session_knows_how_long_it_lasts() -> None:
    running = Session(session_id="s", started_at=NOW, status=SessionStatus.ACTIVE)
    over = Session(session_id="s", started_at=NOW, ended_at=NOW + timedelta(hours=1))

    assert not running.is_over
    assert running.duration(NOW + timedelta(minutes=5)) == timedelta(minutes=5)
    assert over.is_over
    assert over.duration(NOW + timedelta(hours=9)) == timedelta(hours=1)


@pytest.mark.parametrize(
    ("estimated", "actual", "is_overdue"),
    [(10, 12, False), (10, 12.5, True), (None, 99, False), (10, None, False), (0, 5, False)],
)
def test_a_topic_is_overdue_beyond_its_estimate_and_a_fifth(
    estimated: float | None, actual: float | None, is_overdue: bool
) -> None:
    topic = Topic(
        topic_id="t",
        user_id="u",
        title="x",
        created_at=NOW,
        updated_at=NOW,
        estimated_hours=estimated,
        actual_hours=actual,
    )

    assert topic.is_overdue is is_overdue


def test_a_nested_model_is_read_and_written() -> None:
    source = {"git_branch": "main", "git_commit_hash": None, "files_affected": ["a.py"], "additional_info": {"k": "v"}}

    done = action(context=source)

    assert done.context.files_affected == ("a.py",)
    assert done.to_wire()["context"] == source
    assert json.loads(done.to_json())["context"] == source


def test_the_domain_needs_nothing_but_the_standard_library() -> None:
    program = (
        "import sys; from otel_bitacora.domain import session, action, spark, project, topic, events\n"
        "loaded = {name.split('.')[0] for name in sys.modules}\n"
        "print(sorted(loaded & {'pydantic', 'opentelemetry', 'google', 'psutil', 'orjson', 'typer'}))"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
