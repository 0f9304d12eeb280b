"""What everything looks like, to the character; `python tests/reporter/dev/scenes.py` writes the files anew."""

from pathlib import Path

import pytest

from .scenes import GOLDEN, pictures  # tests are no package

NAMES = sorted(path.stem for path in GOLDEN.glob("*.txt"))


@pytest.fixture(autouse=True)
def _paths_from_the_root(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)


def test_every_picture_has_its_file_and_every_file_its_picture() -> None:
    assert sorted(pictures()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_records_look_as_in_the_file(name: str) -> None:
    assert pictures()[name] == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")
