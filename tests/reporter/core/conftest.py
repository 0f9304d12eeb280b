"""Providers of OpenTelemetry's SDK whose records go to the journal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from opentelemetry.sdk._logs import LoggerProvider

    from .otel_providers import MakeProvider


@pytest.fixture
def make_provider(directory: Path) -> Iterator[MakeProvider]:
    from .otel_providers import providers_at

    with providers_at(directory) as make:
        yield make


@pytest.fixture
def provider(make_provider: MakeProvider) -> LoggerProvider:
    return make_provider()
