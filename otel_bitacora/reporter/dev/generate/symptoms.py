"""The records by which one can tell what goes wrong, and the queries that find them."""

from __future__ import annotations

from otel_bitacora.reporter.core.level import LogLevel
from otel_bitacora.reporter.core.protobuf import Plain

from .plan import IncidentKind
from .shapes import Shape, failure

STATEMENT_US = 5_000_000
"""When the database gives up on a statement."""
SLOW_US = 1_000_000
"""From when on it is called slow."""

EVIDENCE = {
    IncidentKind.DISK_FILLING: {
        "nearly full": "event=bitacora.host.filesystem.nearly_full",
        "no space": "logger=shop.export.csv exception=OSError",
    },
    IncidentKind.MEMORY_LEAK: {
        "pressure": "event=bitacora.host.pressure",
        "killed": "event=bitacora.host.oom_kill",
        "no memory": "logger=shop.images exception=MemoryError",
    },
    IncidentKind.FLAKY_TEST: {
        "passed": "attr.test.case.name=*::test_pays_once attr.test.case.result.status=pass",
        "failed": "attr.test.case.name=*::test_pays_once attr.test.case.result.status=fail",
    },
    IncidentKind.SLOW_DATABASE: {
        "timed out": "logger=shop.db exception=shop.db.StatementTimeout",
        "exhausted": "logger=shop.db.pool exception=TimeoutError",
    },
    IncidentKind.NETWORK_CUT: {
        "link": "event=bitacora.host.link.changed",
        "unreachable": "logger=shop.payments exception=ConnectionError",
        "retried": "logger=shop.jobs.mail exception=TimeoutError",
    },
}
"""By the kind of an incident and the tag of its records, the query that finds them, and nothing else, in its window."""


def _error(logger: str, text: str, raised: tuple[str, str, str], *, tag: str, least_us: int = 0) -> Shape:
    """Return an error for what was *raised*: type, message, and the line of code."""
    file = f"/srv/shop/{logger.removeprefix('shop.').replace('.', '/')}.py"
    kind, message, source = raised
    attributes = failure(kind, message, file=file, line=73, function="run", source=source)
    return Shape(
        logger,
        text,
        LogLevel.ERROR,
        file=file,
        function="run",
        line=77,
        attributes=attributes,
        least_us=least_us,
        tag=tag,
    )


NO_SPACE = _error(
    "shop.export.csv",
    "couldn't write export {n}",
    ("OSError", "[Errno 28] No space left on device", "file.write(row)"),
    tag="no space",
)
CLEANED = Shape("shop.export.csv", "deleted {n} old exports", line=91)
NO_MEMORY = _error(
    "shop.images",
    "couldn't scale image {n}",
    ("MemoryError", "", "pixels = bytearray(size)"),
    tag="no memory",
)
COLLECTED = Shape("shop.images", "collected garbage, {n} objects are left", LogLevel.WARN, line=40, least_us=90_000)
RESTARTED = Shape("shop.main", "started again as process {n}", line=12)
EXHAUSTED = _error(
    "shop.db.pool",
    "no connection for worker {n}",
    ("TimeoutError", "QueuePool limit of size 5 overflow 10 reached", "connection = self._queue.get(timeout=30)"),
    tag="exhausted",
    least_us=30_000_000,
)
RETRIED = _error(
    "shop.jobs.mail",
    "mail {n} has to wait",
    ("TimeoutError", "timed out", "smtp.connect(host)"),
    tag="retried",
    least_us=10_000_000,
)
_PAYS_ONCE: dict[str, Plain] = {"test.case.name": "tests/test_checkout.py::test_pays_once"}
FLAKY_PASSED = Shape(
    "tests.runner",
    "PASSED test_pays_once after {n} steps",
    line=140,
    attributes={**_PAYS_ONCE, "test.case.result.status": "pass"},
    least_us=40_000,
    tag="passed",
)
FLAKY_FAILED = Shape(
    "tests.runner",
    "FAILED test_pays_once after {n} steps",
    LogLevel.ERROR,
    line=151,
    attributes={
        **_PAYS_ONCE,
        "test.case.result.status": "fail",
        **failure(
            "AssertionError",
            "assert 2 == 1",
            file="/srv/shop/tests/test_checkout.py",
            line=88,
            function="test_pays_once",
            source="assert len(charges) == 1",
        ),
    },
    least_us=90_000,
    tag="failed",
)
SLOW = Shape("shop.db", "slow statement on connection {n}", LogLevel.WARN, line=103, least_us=SLOW_US, is_traced=True)
TIMED_OUT = Shape(
    "shop.db",
    "gave up on a statement on connection {n}",
    LogLevel.ERROR,
    line=107,
    attributes=failure(
        "shop.db.StatementTimeout",
        "canceling statement due to statement timeout",
        file="/srv/shop/db.py",
        line=92,
        function="execute",
        source="return self._cursor.execute(statement, parameters)",
    ),
    least_us=STATEMENT_US,
    is_traced=True,
    tag="timed out",
)
UNREACHABLE = Shape(
    "shop.payments",
    "couldn't reach pay.example.com for order {n}",
    LogLevel.ERROR,
    line=69,
    attributes=failure(
        "ConnectionError",
        "[Errno 113] No route to host",
        file="/srv/shop/payments.py",
        line=49,
        function="charge",
        source="answer = self._client.post(url, json=order)",
    ),
    least_us=3_000_000,
    is_traced=True,
    tag="unreachable",
)
