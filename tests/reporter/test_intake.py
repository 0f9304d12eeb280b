"""What becomes of a record on its way in: rate limits, processors, and what goes wrong there."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from otel_bitacora import BitacoraHandler, LogEntry
from otel_bitacora.errors import ReporterSettingsError
from otel_bitacora.reporter.core.ratelimit import RateLimit

from ..journalled import balances, bodies, entries, raw  # noqa: TID252  # tests are no package
from .processors import Function  # tests are no package


def test_what_a_rate_limit_suppresses_is_counted_by_logger_and_as_tombstones(directory, make_handler, clock) -> None:
    limit = RateLimit(records_per_second=1, burst=2, clock=clock.monotonic)
    handler = make_handler(rate_limit=limit)
    record = {"msg": "x", "name": "app.loop"}

    for _ in range(5):
        handler.handle(logging.makeLogRecord(record))
    handler.handle(logging.makeLogRecord({"msg": "other", "name": "app.other"}))
    clock.advance(1)
    handler.handle(logging.makeLogRecord(record))
    handler.flush()

    found = entries(directory)
    assert [entry.body for entry in found] == ["x", "x", "other", "x"]
    assert [entry.attributes.get("bitacora.suppressed.records") for entry in found] == [None, None, None, 3]
    assert handler.stats().suppressed == {"app.loop": 3}
    assert [balance.tombstoned for balance in balances(directory)] == [{"rate_limited": 3}]


def test_a_rate_limit_may_be_a_number(make_handler, logger) -> None:
    handler = make_handler(rate_limit=0.5)
    logger.addHandler(handler)

    for _ in range(4):
        logger.info("x")

    assert (handler.stats().journalled, handler.stats().suppressed) == (1, {"app": 3})


@pytest.mark.parametrize("name", [["app"], None, 7])
def test_a_rate_limit_copes_with_a_logger_s_name_that_is_no_text(directory: Path, make_handler, name: object) -> None:
    handler = make_handler(rate_limit=1e6)

    handler.handle(logging.makeLogRecord({"name": name, "msg": "kept"}))

    assert bodies(directory) == ["kept"]


# Processors.


def test_processors_change_records_one_after_the_other(directory: Path, make_handler, logger) -> None:
    first = Function(lambda entry: replace(entry, body=f"{entry.body} one"))
    second = Function(lambda entry: replace(entry, attributes={**entry.attributes, "was": entry.body}))
    logger.addHandler(make_handler(processors=[first, second]))

    logger.info("x")

    (entry,) = entries(directory)
    assert (entry.body, entry.attributes["was"]) == ("x one", "x one")


def test_a_secret_that_a_processor_puts_in_is_redacted_too(directory: Path, make_handler, logger) -> None:
    def leak(entry: LogEntry) -> LogEntry:
        return replace(entry, body={"password": "canary-3"}, attributes={"note": "token=canary-3"})

    logger.addHandler(make_handler(processors=[Function(leak)]))

    logger.info("x")

    assert len(entries(directory)) == 1
    assert b"canary-3" not in raw(directory)


def fail(entry: LogEntry) -> LogEntry:
    raise ZeroDivisionError


def exit_program(entry: LogEntry) -> LogEntry:
    raise RecursionError


RUBBISH = {
    "raises": fail,
    "raises what grows the stack": exit_program,
    "returns text": lambda entry: "text",
    "returns True": lambda entry: True,
    "returns a trace id that is none": lambda entry: replace(entry, trace_id="no hex"),
    "returns a negative time": lambda entry: replace(entry, timestamp_unix_nano=-1),
    "returns attributes that are none": lambda entry: replace(entry, attributes=7),
    "returns a name that is none": lambda entry: replace(entry, logger=None),
    "returns a name that doesn't encode": lambda entry: replace(entry, event_name="\ud800"),
    "returns a severity that is none": lambda entry: replace(entry, severity_number="high"),
}


@pytest.mark.parametrize("how", RUBBISH)
def test_a_processor_that_fails_is_reported_and_the_record_goes_on_as_it_was(
    directory: Path, make_handler, logger, how: str
) -> None:
    reported = []
    handler = make_handler(processors=[Function(RUBBISH[how])])
    handler.handleError = reported.append
    logger.addHandler(handler)

    logger.info("kept")

    assert bodies(directory) == ["kept"]
    assert [record.msg for record in reported] == ["kept"]
    assert handler.stats().taken == handler.stats().journalled == 1


def test_a_processor_that_logs_is_not_asked_about_its_own_records(directory: Path, make_handler, logger) -> None:
    def log_again(entry: LogEntry) -> LogEntry:
        logger.info("inside")
        return replace(entry, body="outside")

    logger.addHandler(make_handler(processors=[Function(log_again)]))

    logger.info("x")

    assert bodies(directory) == ["inside", "outside"]


def test_rubbish_as_processors_is_refused_at_once(make_handler) -> None:
    class Method:
        def process(self, entry):
            return entry

    for processors in ([fail], ["app.filter"], [Method], 7, {"a": 1}):
        with pytest.raises(ReporterSettingsError, match="processors"):
            make_handler(processors=processors)


# What can't be taken.


def test_what_cannot_be_encoded_is_reported_and_one_call_is_one_number(directory, handler, logger, monkeypatch) -> None:
    reported = []

    def exhausted(record: logging.LogRecord) -> None:
        raise MemoryError

    monkeypatch.setattr(handler, "_take", exhausted)
    monkeypatch.setattr(handler, "handleError", reported.append)
    logger.addHandler(handler)

    logger.info("lost")
    monkeypatch.undo()
    logger.info("kept")

    assert (handler.stats().taken, handler.stats().dropped) == (2, {"failed": 1})
    assert [record.msg for record in reported] == ["lost"]
    assert bodies(directory) == ["kept"]
    assert [balance.tombstoned for balance in balances(directory)] == [{"failed": 1}]


def test_what_fails_amid_its_write_is_reported_and_one_call_is_one_number(directory, handler, logger) -> None:
    reported = []
    handler.handleError = reported.append
    logger.addHandler(handler)
    logger.info("before")
    instance = handler._writer._process.instance
    write = instance.write

    def exhausted(fd: int, data: bytes) -> int:
        raise MemoryError

    instance.write = exhausted
    logger.info("lost")
    instance.write = write
    logger.info("kept")

    assert (handler.stats().taken, handler.stats().dropped) == (3, {"interrupted": 1})
    assert [record.msg for record in reported] == ["lost"]
    assert bodies(directory) == ["before", "kept"]
    assert [balance.tombstoned for balance in balances(directory)] == [{"interrupted": 1}]


class Exiting:
    def __str__(self) -> str:
        raise SystemExit(3)

    __repr__ = __str__


def test_a_message_that_exits_when_a_formatter_shows_it_is_kept_and_exits_nothing(tmp_path) -> None:
    handler = BitacoraHandler(journal=tmp_path, sync="never")
    handler.handleError = lambda record: None
    handler.setFormatter(logging.Formatter("%(message)s"))

    handler.handle(logging.makeLogRecord({"msg": [Exiting()], "args": ()}))

    assert handler.stats().journalled == 1
    handler.close()
