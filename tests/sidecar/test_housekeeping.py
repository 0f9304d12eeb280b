"""The sidecar looks after the journal."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from otel_bitacora.settings import Settings
from otel_bitacora.sidecar.housekeeping import journal_of, keep_journal_in_order


def test_the_journal_is_the_one_that_the_settings_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    assert journal_of(Settings()) == tmp_path / "otel-bitacora" / "journal"
    assert journal_of(Settings(state_dir=tmp_path / "s")) == tmp_path / "s" / "journal"
    assert journal_of(Settings(state_dir=tmp_path / "s", journal_dir=tmp_path / "j")) == tmp_path / "j"


def test_without_a_journal_there_is_nothing_to_do(tmp_path: Path) -> None:
    keep_journal_in_order(tmp_path / "none")

    assert list(tmp_path.iterdir()) == []


def test_what_is_in_the_way_is_told_and_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / ".housekeeping").symlink_to("/nowhere")

    with caplog.at_level(logging.WARNING):
        keep_journal_in_order(tmp_path)

    assert "the journal isn't kept in order" in caplog.text
