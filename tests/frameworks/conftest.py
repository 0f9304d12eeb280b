"""Projects made of what docs/frameworks.md prints."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .documented import Project


@pytest.fixture
def project(tmp_path: Path) -> Callable[[str], Project]:
    """Write the files of a section into a folder of its own."""
    return lambda heading: Project(tmp_path, heading)
