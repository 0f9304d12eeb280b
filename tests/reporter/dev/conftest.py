"""Generated days, in journals of their own."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from otel_bitacora.reporter.dev.generate import (
    JournalOutput,
    JsonForm,
    LinesOutput,
    Manifest,
    PlainForm,
    Plan,
    generate,
)

MakeJournal = Callable[[Plan], tuple[Path, Manifest]]


@pytest.fixture
def make_journal(tmp_path_factory: pytest.TempPathFactory) -> MakeJournal:
    def make(plan: Plan) -> tuple[Path, Manifest]:
        directory = tmp_path_factory.mktemp("generated") / "journal"
        return directory, generate(plan, JournalOutput(directory))

    return make


@pytest.fixture
def make_lines() -> Callable[[Plan, type[JsonForm | PlainForm]], list[str]]:
    def make(plan: Plan, form: type[JsonForm | PlainForm]) -> list[str]:
        out = io.BytesIO()
        generate(plan, LinesOutput(out, form))
        return out.getvalue().decode().split("\n")[:-1]

    return make
