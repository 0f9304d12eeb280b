"""What a developer's tools say while they work: editor, compiler, test runner, debugger, version control."""

from __future__ import annotations

from otel_bitacora.reporter.core.level import LogLevel

from .chance import zipf
from .shapes import Shape, failure
from .story import Work

_MODULES = ("checkout", "search", "stock", "invoices", "reviews", "login", "labels", "coupons")


def _tests() -> tuple[Shape, ...]:
    return tuple(
        Shape(
            "tests.runner",
            f"PASSED test_{module}_{what} after {{n}} steps",
            line=140,
            attributes={
                "test.case.name": f"tests/test_{module}.py::test_{module}_{what}",
                "test.case.result.status": "pass",
            },
            least_us=least_us,
        )
        for what, least_us in (("once", 1_200), ("twice", 2_300), ("when_empty", 700), ("in_order", 5_000))
        for module in _MODULES
    )


_EDITING = (
    Shape("editor", "saved shop/{n}.py", line=12),
    Shape("editor.completion", "offered {n} names", LogLevel.DEBUG, line=33, least_us=900),
    Shape("editor.types", "checked {n} lines", LogLevel.DEBUG, line=71, least_us=25_000),
    Shape("editor.types", "{n} lines have an unused import", LogLevel.WARN, line=75),
    Shape("shop.reload", "reloaded module {n}", line=18, least_us=60_000),
)
_BUILDING = (
    Shape("build.compiler", "compiled unit {n}", LogLevel.DEBUG, line=208, least_us=30_000),
    Shape("build.linker", "linked {n} symbols", line=61, least_us=80_000),
    Shape("build.cache", "took unit {n} from the cache", LogLevel.DEBUG, line=44, least_us=400),
    Shape("build.compiler", "unit {n} uses what is deprecated", LogLevel.WARN, line=219),
)
_DEBUGGING = (
    Shape("debugger", "step {n}", LogLevel.TRACE, line=9, least_us=200),
    Shape("debugger", "stopped at line {n}", LogLevel.DEBUG, line=15),
    Shape("debugger.watch", "the value is {n} now", LogLevel.DEBUG, line=27),
)
_PLANNING = (
    Shape("notes", "wrote note {n}", line=5),
    Shape("browser", "read page {n}", LogLevel.DEBUG, line=8, least_us=90_000),
)
_COMMITTING = (
    Shape("git", "staged {n} bytes", LogLevel.DEBUG, line=52, least_us=3_000),
    Shape("git.hooks", "checked {n} lines", line=17, least_us=200_000),
    Shape("git", "pushed pack {n}", line=77, least_us=300_000),
)
TOIL = {
    Work.PLAN: zipf(_PLANNING),
    Work.EDIT: zipf(_EDITING),
    Work.BUILD: zipf(_BUILDING),
    Work.TEST: zipf(_tests()),
    Work.DEBUG: zipf(_DEBUGGING),
    Work.FIX: zipf(_EDITING),
    Work.COMMIT: zipf(_COMMITTING),
}

TEST_FAILED = tuple(
    Shape(
        "tests.runner",
        f"FAILED test_{module}_in_order after {{n}} steps",
        LogLevel.ERROR,
        line=151,
        attributes={
            "test.case.name": f"tests/test_{module}.py::test_{module}_in_order",
            "test.case.result.status": "fail",
            **failure(
                "AssertionError",
                f"assert '{module}' == 'nothing'",
                file=f"/srv/shop/tests/test_{module}.py",
                line=61,
                function=f"test_{module}_in_order",
                source="assert found == expected",
            ),
        },
        least_us=20_000,
    )
    for module in _MODULES
)
BUILD_FAILED = Shape(
    "build.compiler",
    "unit {n} doesn't compile: expected ':'",
    LogLevel.ERROR,
    line=231,
    attributes=failure(
        "SyntaxError", "expected ':'", file="/srv/shop/checkout.py", line=20, function="<module>", source="if paid"
    ),
    least_us=10_000,
)
TESTS_DONE = Shape("tests.runner", "ran session {n}: all passed", line=170, least_us=2_000_000)
TESTS_BROKEN = Shape("tests.runner", "ran session {n}: some failed", LogLevel.WARN, line=171, least_us=2_000_000)
