from __future__ import annotations

from collections.abc import Callable
from typing import Any

import promql_parser
import pytest


@pytest.fixture
def selectors() -> Callable[[str], list[Any]]:
    """Find the vector selectors of a PromQL expression, Grafana's variables filled in."""
    return _selectors


def _selectors(expression: str) -> list[Any]:
    found: list[Any] = []
    pending = [promql_parser.parse(expression.replace("$__rate_interval", "1m"))]
    while pending:
        one = pending.pop()
        if isinstance(one, promql_parser.VectorSelector):
            found.append(one)
        children = (getattr(one, name, None) for name in ("lhs", "rhs", "expr", "vector_selector", "param"))
        pending += [child for child in children if child is not None]
        pending += list(getattr(one, "args", None) or ())
    return found
