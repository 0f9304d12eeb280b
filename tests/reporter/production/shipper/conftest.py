from pathlib import Path

import pytest

from .stage import Stage  # tests are no package


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path / "journal")
