from pathlib import Path

import pytest

from otel_bitacora.reporter.core.storage import JournalStorage

from ..compliance import LogStorageCompliance, entry, found  # noqa: TID252  # tests are no package


class TestJournalStorage(LogStorageCompliance):
    @pytest.fixture(autouse=True)
    def _journal(self, tmp_path: Path) -> None:
        self.directory = tmp_path / "journal"

    def make(self) -> JournalStorage:
        return JournalStorage(self.directory)
