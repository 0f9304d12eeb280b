"""What a line says, in the forms that programs really write."""

import json
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bitacora.reporter.production.sources.files.heads import Head, head_of, parse_time, unwrap

MOMENT = 1_767_323_045_678_901_234
TIME = "2026-01-02T03:04:05.678901234Z"


def test_tracing_subscribers_json_is_understood() -> None:
    line = {
        "timestamp": TIME,
        "level": "WARN",
        "fields": {"message": "slow query", "elapsed_ms": 1200, "session_id": "s-1"},
        "target": "bitacora_api::db",
        "span": {"name": "request", "user_id": "ada"},
        "spans": [{"name": "connection"}, {"name": "request"}],
        "filename": "src/db.rs",
        "line_number": 42,
        "threadName": "worker-1",
    }

    assert head_of(json.dumps(line)) == Head(
        body="slow query",
        timestamp_unix_nano=MOMENT,
        severity_number=13,
        severity_text="WARN",
        logger="bitacora_api::db",
        attributes={
            "span.name": "request",
            "bitacora.user.id": "ada",
            "elapsed_ms": 1200,
            "bitacora.session.id": "s-1",
            "code.file.path": "src/db.rs",
            "code.line.number": 42,
            "thread.name": "worker-1",
        },
        is_whole=True,
    )


@pytest.mark.parametrize(
    ("line", "body", "level", "logger"),
    [
        ('{"ts": 1767323045.5, "level": "error", "msg": "no", "logger": "zap"}', "no", 17, "zap"),
        ('{"timestamp": "2026-01-02T03:04:05Z", "level": "info", "event": "bound", "n": 1}', "bound", 9, ""),
        ('{"message": {"a": 1}, "level": 30}', {"a": 1}, 0, ""),
        ("{}", "{}", 0, ""),
    ],
)
def test_other_programs_json_is_understood(line: str, body: object, level: int, logger: str) -> None:
    head = head_of(line)

    assert (head.body, head.severity_number, head.logger, head.is_whole) == (body, level, logger, True)


@pytest.mark.parametrize(
    ("line", "level", "logger", "message"),
    [
        (f"{TIME}  INFO bitacora_api::routes: listening port=3000", 9, "bitacora_api::routes", "listening port=3000"),
        (f"{TIME} ERROR request{{id=7}}:query: shop::db: gone", 17, "shop::db", "gone"),
        (f"\x1b[2m{TIME}\x1b[0m \x1b[33m WARN\x1b[0m \x1b[2mapp\x1b[0m\x1b[2m:\x1b[0m careful", 13, "app", "careful"),
        ("2026-01-02 03:04:05,678 - shop.orders - CRITICAL - the end", 21, "shop.orders", "the end"),
        ("2026-01-02 03:04:05,678 DEBUG looking: twice", 5, "", "looking: twice"),
        ("[2026-01-02 03:04:05 +0000] [WARNING] handling", 13, "", "handling"),
        ("2026-01-02T03:04:05Z something happened", 0, "", "something happened"),
    ],
)
def test_text_with_a_time_is_taken_apart(line: str, level: int, logger: str, message: str) -> None:
    head = head_of(line)

    assert (head.severity_number, head.logger, head.body) == (level, logger, message)
    assert head.is_dated
    assert not head.is_whole


@pytest.mark.parametrize("line", ["hello", "", "{not json", "2026-99-99T99:99:99Z no", "[1, 2]", '"text"'])
def test_any_other_line_is_a_body(line: str) -> None:
    assert head_of(line) == Head(line)


def test_a_time_without_a_zone_is_local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    time.tzset()
    try:
        assert (
            parse_time("2026-01-02 03:04:05") == round(datetime(2026, 1, 1, 21, 19, 5, tzinfo=UTC).timestamp()) * 10**9
        )
    finally:
        monkeypatch.undo()
        time.tzset()


@given(st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1)), st.integers(0, 999_999_999))  # noqa: DTZ001
def test_every_nanosecond_is_kept(moment: datetime, nanos: int) -> None:
    text = f"{moment.replace(microsecond=0).isoformat()}.{nanos:09}Z"

    assert parse_time(text) == round(moment.replace(microsecond=0, tzinfo=UTC).timestamp()) * 10**9 + nanos


def test_a_containers_line_is_unwrapped() -> None:
    wrapped = unwrap(f"{TIME} stderr P half".encode())

    assert wrapped is not None
    assert (wrapped.timestamp_unix_nano, wrapped.stream, wrapped.is_partial, wrapped.data) == (
        MOMENT,
        "stderr",
        True,
        b"half",
    )
    assert unwrap(b"plain text") is None


@given(st.text())
def test_whatever_a_line_holds_something_is_said(text: str) -> None:
    head = head_of(text)

    assert head.body is not None or head.attributes or head.is_whole
