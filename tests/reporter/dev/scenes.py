"""What the golden files show: records, and exceptions that were really raised, at times that are said.

`python tests/reporter/dev/scenes.py` writes the files anew; look at what has changed before committing it.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from datetime import UTC
from pathlib import Path
from types import TracebackType

from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.mapping import STANDARD
from otel_bitacora.reporter.dev.pretty import PrettyFormatter, PrettyRenderer

GOLDEN = Path(__file__).parents[2] / "fixtures/pretty"
START = 1_764_000_000_123_456_789
MILLISECOND = 1_000_000
ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


def a_day() -> Iterator[LogEntry]:
    """Records of every level, with every kind of attribute, at irregular times."""
    yield LogEntry(timestamp_unix_nano=START, severity_number=1, severity_text="TRACE", logger="app", body="entered")
    yield LogEntry(
        timestamp_unix_nano=START + 3 * MILLISECOND,
        severity_number=5,
        severity_text="DEBUG",
        logger="otel_bitacora.monitor.events",
        body="looked at once",
        attributes={"duration_ms": 0.25, "http.response.body.size": 1_536, "pool_size": 10, "code.line.number": 3},
    )
    yield LogEntry(
        timestamp_unix_nano=START + 1_250 * MILLISECOND,
        severity_number=9,
        severity_text="INFO",
        logger="app.checkout",
        body="order A-1041",
        attributes={
            "bitacora.session.id": "0bdf88e0-85e2-4f89-a3da-ca24f30c7f8d",
            "vcs.ref.head.name": "main",
            "articles": 3,
            "elapsed_seconds": 7_384,
            "is_new": True,
            "path": "/var/my files",
        },
        trace_id="4bf92f3577b34da6a3ce929d0e0e4736",
        event_name="order.placed",
    )
    yield LogEntry(
        timestamp_unix_nano=START + 61_000 * MILLISECOND,
        severity_number=13,
        severity_text="WARN",
        logger="app.a_very_long_name_of_a_module_without_end",
        body={"message": "stock is low", "left": 2, "of": ["pencils", "paper"]},
    )
    yield LogEntry(
        timestamp_unix_nano=START + 60_999 * MILLISECOND,  # another process's, merged late
        severity_number=17,
        severity_text="ERROR",
        logger="app",
        body="can't reach the database",
        attributes={
            "exception.type": "psycopg.OperationalError",
            "exception.message": "connection refused",
            "exception.stacktrace": 'Traceback (most recent call last):\n  File "/srv/app/db.py", line 7, in connect\n'
            "    socket.connect(address)\nConnectionRefusedError: [Errno 111] Connection refused\n\n"
            "The above exception was the direct cause of the following exception:\n\n"
            'Traceback (most recent call last):\n  File "/srv/app/db.py", line 9, in connect\n    raise OperationalError\n'
            "psycopg.OperationalError: connection refused",
        },
    )
    yield LogEntry(
        timestamp_unix_nano=START + 26 * 3_600_000 * MILLISECOND,
        severity_number=21,
        severity_text="CRITICAL",
        logger="app",
        body="gave up\nafter a day",
        attributes={"query": "select " + "column, " * 40, "pause": 1e-7, "wait_ns": 12_000},
    )
    yield LogEntry(body="says no time, no level and no logger")


def wide() -> Iterator[LogEntry]:
    """Scripts whose characters take two cells or none, and what a terminal must never be sent."""
    for logger, body in (
        ("latin", "plain"),
        ("日本", "注文を受けました"),
        ("한국어", "주문이 접수되었습니다"),
        ("cafe\u0301", "a combining acute"),
        ("emoji", "🚀 launched"),
    ):
        yield LogEntry(timestamp_unix_nano=START, severity_number=9, logger=logger, body=body, attributes={"k": "v"})


def hostile() -> Iterator[LogEntry]:
    """What a terminal must never be sent, in every part that an attacker may write."""
    for text in (
        "\x1b[2J\x1b[H clears the screen",
        "\x1b]0;title\x07 names the window",
        "\x9b31m C1 \x85 next line",
        "first\r\nsecond\rthird\x0bfourth\x0cfifth",
        "\u202egnp.exe\u202c bidi \u2066isolate\u2069",
        "line\u2028separator\u2029paragraph",
        "zero\u200bwidth\ufeff",
        "surrogate \ud800 alone",
        "2025-11-24 16:00:00.000 INFO  root  forged\n2025-11-24 16:00:01.000 INFO  root  forged again",
    ):
        attributes = {text: text, "exception.type": text, "exception.message": text, "exception.stacktrace": text}
        yield LogEntry(timestamp_unix_nano=START, severity_text=text, logger=text, body=text, attributes=attributes)


def _reserve(stock: dict[str, int], article: str) -> int:
    api_key = "sk-not-to-be-shown"  # noqa: F841  # a local that is a secret
    return stock[article] - 1


def _checkout() -> None:
    stock = {"paper": 5}
    try:
        _reserve(stock, "pencils")
    except KeyError as exc:
        raise LookupError("no pencils are left") from exc


def _recurse(depth: int) -> int:
    return _recurse(depth - 1) if depth else 1 // depth


def _amid_handling() -> None:
    try:
        int("x")
    except ValueError:
        raise RuntimeError("password=hunter2 was not accepted\nsecond line")  # noqa: B904  # the context is the point


def _suppressed() -> None:
    try:
        int("x")
    except ValueError:
        raise RuntimeError("alone") from None


def _group() -> None:
    inner = ExceptionGroup("inner", [_caught(_checkout)[1], ValueError("two")])  # type: ignore[list-item]
    problem = ExceptionGroup("three tasks failed", [OSError(28, "No space left on device"), inner])
    problem.add_note("a note")
    raise problem


def _caught(function: Callable[[], object]) -> ExcInfo:
    try:
        function()
    except Exception:  # noqa: BLE001  # whatever it is
        info = sys.exc_info()
        assert info[0] is not None
        assert info[1] is not None
        assert info[2] is not None
        return info[0], info[1], info[2].tb_next  # without this function's own frame
    raise AssertionError


RAISED: dict[str, Callable[[], object]] = {
    "chained": _checkout,
    "in-context": _amid_handling,
    "suppressed": _suppressed,
    "group": _group,
    "recursion": lambda: _recurse(100),
}


def record_of(function: Callable[[], object]) -> logging.LogRecord:
    """Return the record of what *function* raises, made at the start of the scenes."""
    record = logging.LogRecord("app.checkout", logging.ERROR, "shop.py", 3, "failed", None, _caught(function))
    assert set(record.__dict__) <= {*STANDARD, "taskName"}
    record.created = START / 1e9
    return record


def _rendered(entries: Iterator[LogEntry], **options: object) -> str:
    renderer = PrettyRenderer(timezone=UTC, **options)  # type: ignore[arg-type]
    return "".join(renderer.render(entry) + "\n" for entry in entries)


def _formatted(function: Callable[[], object], **options: object) -> str:
    formatter = PrettyFormatter(timezone=UTC, color="never", **options)  # type: ignore[arg-type]
    return formatter.format(record_of(function)) + "\n"


def pictures() -> dict[str, str]:
    """Return the text of every golden file by its name."""
    found = {f"theme-{theme}": _rendered(a_day(), theme=theme, color=True) for theme in ("dark", "light", "mono")}
    found |= {f"time-{time}": _rendered(a_day(), time=time) for time in ("absolute", "relative", "delta")}
    found["multi-line"] = _rendered(a_day(), one_line=False)
    found["multi-line-dark"] = _rendered(a_day(), one_line=False, color=True)
    found["wide"] = _rendered(wide())
    found["hostile"] = _rendered(hostile())
    found["hostile-multi-line"] = _rendered(hostile(), one_line=False)
    found |= {f"trace-{name}": _formatted(function) for name, function in RAISED.items()}
    found["trace-locals"] = _formatted(_checkout, show_locals=True, context_lines=0)
    found["trace-one-line"] = "".join(_formatted(function, one_line=True) for function in RAISED.values())
    return found


if __name__ == "__main__":
    os.chdir(Path(__file__).parents[3])  # the paths in traces are shown from there on
    GOLDEN.mkdir(exist_ok=True)
    for each in GOLDEN.iterdir():
        each.unlink()
    for name, text in pictures().items():
        (GOLDEN / f"{name}.txt").write_text(text, encoding="utf-8")
