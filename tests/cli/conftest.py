"""A journal, programs that log to it, and `logs tail -f` on it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .log_programs import Application, Followed  # tests are no package


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
def following() -> Iterator[Callable[..., Followed]]:
    started: list[Followed] = []

    def follow(*arguments: str | Path) -> Followed:
        started.append(Followed(*arguments))
        return started[-1]

    yield follow
    for each in started:
        if each.process.poll() is None:
            each.process.kill()
            each.finish()


@pytest.fixture
def application(journal: Path) -> Iterator[Callable[..., Application]]:
    started: list[Application] = []

    def start(name: str = "app", count: int = 0) -> Application:
        started.append(Application(journal, name, count))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.kill()
