"""CPython's own tests of `logging`, with this handler in the place of the one that they use.

Those fit that log through a handler and read its lines again: levels, filters, custom levels, memory handlers, child
loggers. Of the others, some read the stream or the handler that they made themselves (adapters, record factories, queues,
exceptions), so nothing of ours would be tried; the rest is about files, sockets, formatters, handlers by name and functions
of the module.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

FITTING = {
    "BuiltinLevelsTest": 7,
    "BasicFilterTest": 3,
    "CustomLevelsAndFiltersTest": 3,
    "MemoryHandlerTest": 3,
    "ChildLoggerTest": 1,
}


@pytest.fixture(scope="module")
def results() -> dict[str, tuple[int, list[str]]]:
    if importlib.util.find_spec("test") is None or importlib.util.find_spec("test.test_logging") is None:
        pytest.skip("this Python came without its own tests")
    program = Path(__file__).with_name("stdlib_suite.py")
    result = subprocess.run(
        [sys.executable, program, *FITTING], capture_output=True, text=True, timeout=120, check=True
    )
    found: dict[str, tuple[int, list[str]]] = json.loads(result.stdout)
    return found


@pytest.mark.parametrize("name", FITTING)
def test_cpython_s_own_tests_pass_with_this_handler(results: dict[str, tuple[int, list[str]]], name: str) -> None:
    count, traces = results[name]

    assert "\n".join(traces) == ""
    assert count >= FITTING[name]
