"""`logs import`: sessions of old, once."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from otel_bitacora.cli.app import app

LINES = "20240131-0900_session-start: login\n20240131-0915_commit: form\n20240131-1000_session-end: completed\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    records = tmp_path / "project" / ".bitacora" / "records"
    records.mkdir(parents=True)
    (records / "20240131-0900_login.md").write_text(LINES)
    return tmp_path / "project"


def test_old_sessions_are_listed_with_the_new_ones_however_often_they_are_imported(
    project: Path, tmp_path: Path
) -> None:
    command = ["logs", "import", str(project), "--journal", str(tmp_path / "journal")]

    first = CliRunner().invoke(app, command)
    second = CliRunner().invoke(app, command)
    listed = CliRunner().invoke(app, ["session", "list", "--journal", str(tmp_path / "journal")])

    assert first.stdout == f"4 events of 1 files taken into {tmp_path / 'journal'}\n"
    assert second.stdout == f"0 events of 1 files taken into {tmp_path / 'journal'}, 4 were there already\n"
    (_, session) = listed.stdout.splitlines()
    assert session.split()[1:4] == ["Ended", "2024-01-31", "09:00"]


def test_a_place_without_records_says_what_was_looked_for(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["logs", "import", str(tmp_path)])

    assert result.exit_code == 1
    assert "20240131-0900_login.md" in result.stderr
