"""A handler with a journal of its own, and a logger that nobody else hears."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from otel_bitacora import BitacoraHandler

MakeHandler = Callable[..., BitacoraHandler]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "kept"


@pytest.fixture
def make_handler(directory: Path) -> Iterator[MakeHandler]:
    made: list[BitacoraHandler] = []

    def make(*, kind: type[BitacoraHandler] = BitacoraHandler, **options: object) -> BitacoraHandler:
        made.append(kind(**{"journal": directory, **options}))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for handler in made:
        handler.close()


@pytest.fixture
def handler(make_handler: MakeHandler) -> BitacoraHandler:
    return make_handler()


@pytest.fixture
def logger() -> logging.Logger:
    """A logger outside the tree, without handlers."""
    return logging.Logger("app", level=1)  # noqa: LOG001  # as the docstring says
