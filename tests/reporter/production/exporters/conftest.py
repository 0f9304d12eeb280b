"""A stand-in for Elasticsearch, and exporters that no variable of whoever runs the tests changes."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from .elasticsearches import Elasticsearch, elasticsearch


@pytest.fixture
def server() -> Iterator[Elasticsearch]:
    with elasticsearch() as running:
        yield running


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("BITACORA_")]:
        monkeypatch.delenv(name)
