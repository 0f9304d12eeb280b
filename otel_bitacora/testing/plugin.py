"""The pytest plugin: `bitacora_records`, `bitacora_journal`, `bitacora_monitor`; nothing is loaded before one is used."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .monitor import FakeMonitor
    from .records import CapturedRecords, JournalRecords


@pytest.fixture
def bitacora_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> JournalRecords:
    """A journal of the test's own, which handlers without `journal=` write to, in child processes, too."""
    from .records import JournalRecords  # noqa: PLC0415  # every run of pytest loads this module

    directory = tmp_path / "bitacora-journal"
    monkeypatch.setenv("BITACORA_JOURNAL_DIR", str(directory))
    return JournalRecords(directory)


@pytest.fixture
def bitacora_records(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CapturedRecords]:
    """Every record that reaches the root logger, from DEBUG on, as `BitacoraHandler` keeps it."""
    from otel_bitacora.reporter.handler import BitacoraHandler  # noqa: PLC0415  # as above

    from .records import CapturedRecords  # noqa: PLC0415  # as above

    directory = tmp_path_factory.mktemp("bitacora-records")
    handler = BitacoraHandler(journal=directory / "journal", service_name="pytest", sync="never")
    captured = CapturedRecords(handler)
    logging.getLogger().addHandler(handler)
    captured.set_level(logging.DEBUG)
    yield captured
    captured.restore_levels()
    logging.getLogger().removeHandler(handler)
    handler.close()


@pytest.fixture
def bitacora_monitor() -> Iterator[FakeMonitor]:
    """A monitor in this process, of a host that has what the test says, or of a recorded one."""
    from .monitor import FakeMonitor  # noqa: PLC0415  # as above

    monitor = FakeMonitor()
    yield monitor
    monitor.close()
