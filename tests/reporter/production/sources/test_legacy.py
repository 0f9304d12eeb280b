"""Records of Bitacora's first scripts, as session events."""

from datetime import UTC
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bitacora.domain.events import SessionEvent
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.production.sources.legacy import LegacyRecords

from ...compliance import LogCollectorCompliance  # noqa: TID252  # tests are no package

SESSION = """\
# 20240131-0900 login
20240131-0900_session-start: rework the login
20240131-0915_commit: form validates
  in the browser too
- 20240131-0930_test: 12 passed
20240131-1000_coffee: none left
20240131-1030_session-end: done, completed
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / ".bitacora" / "records").mkdir(parents=True)
    return tmp_path


def collected(directory: Path) -> list[LogEntry]:
    entries: list[LogEntry] = []
    LegacyRecords(directory, zone=UTC).collect(entries.append)
    return entries


def put(project: Path, name: str, text: str) -> None:
    (project / ".bitacora" / "records" / name).write_text(text)


class TestLegacyRecords(LogCollectorCompliance):
    @pytest.fixture(autouse=True)
    def _project(self, project: Path) -> None:
        put(project, "20240131-0900_login.md", SESSION)
        self._made = LegacyRecords(project)

    def make(self) -> LegacyRecords:
        return self._made


def test_a_file_is_a_session_with_its_actions(project: Path) -> None:
    put(project, "20240131-0900_login.md", SESSION)

    entries = collected(project)

    assert [entry.event_name for entry in entries] == [
        "bitacora.session.created",
        "bitacora.session.started",
        *["bitacora.action.recorded"] * 3,
        "bitacora.session.ended",
    ]
    assert len({entry.session_id for entry in entries}) == 1
    assert len({entry.uid for entry in entries}) == 6
    assert {entry.attributes["vcs.ref.head.name"] for entry in entries} == {"login"}
    commit = entries[2]
    assert commit.attributes["bitacora.action.type"] == "GitCommit"
    assert commit.body["ActionRecorded"]["description"] == "form validates\n  in the browser too"  # type: ignore[call-overload,index]
    assert entries[4].attributes["bitacora.action.type"] == "coffee"
    ended = SessionEvent.from_wire(entries[5].body)  # type: ignore[arg-type]
    assert ended.duration.seconds == 5400  # type: ignore[attr-defined]
    assert entries[0].timestamp.isoformat() == "2024-01-31T09:00:00+00:00"


def test_a_second_start_is_another_session_and_a_missing_one_is_made_up(project: Path) -> None:
    put(
        project,
        "20240131-0900_a.md",
        "20240131-0900_commit: one\n20240131-1000_session-start: two\n20240131-1100_session-start: three\n",
    )

    entries = collected(project)

    created = [entry for entry in entries if entry.event_name == "bitacora.session.created"]
    assert len({entry.session_id for entry in created}) == 3


def test_the_same_files_give_the_same_uids(project: Path) -> None:
    put(project, "20240131-0900_a.md", SESSION)
    put(project, "20240201-0900_b.md", SESSION)
    put(project, "notes.md", SESSION)

    once, twice = collected(project), collected(project / ".bitacora" / "records")

    assert [entry.uid for entry in once] == [entry.uid for entry in twice]
    assert len({entry.uid for entry in once}) == 12


@given(st.text())
def test_whatever_a_file_holds_is_read(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.mktemp("records")
    (folder / "20240131-0900_a.md").write_text(f"20240131-0900_session-start: x\n{text}", errors="surrogateescape")

    entries = collected(folder)

    assert entries[0].event_name == "bitacora.session.created"
    assert len({entry.uid for entry in entries}) == len(entries)
