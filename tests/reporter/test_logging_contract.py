"""What CPython's logging promises of a handler: filters, formatters, exceptions, and that the record is others' as well."""

from __future__ import annotations

import copy
import io
import logging
import sys
import threading
import weakref
from collections.abc import Iterator
from logging.handlers import MemoryHandler, QueueHandler, QueueListener
from pathlib import Path
from queue import SimpleQueue

import pytest

from ..journalled import bodies, entries  # noqa: TID252  # tests are no package

IS_312 = sys.version_info >= (3, 12)


def test_filters_of_every_kind_decide(directory: Path, handler, logger) -> None:
    class ByMethod:
        def filter(self, record: logging.LogRecord) -> bool:
            return record.msg != "by method"

    logger.addHandler(handler)
    for one in (logging.Filter("app"), lambda record: record.msg != "by function", ByMethod()):
        handler.addFilter(one)

    for message in ("by method", "by function", "passes"):
        logger.info(message)
    handler.handle(logging.makeLogRecord({"name": "other", "msg": "by name"}))

    assert bodies(directory) == ["passes"]
    assert handler.stats().taken == 1  # what a filter refuses isn't a loss


def test_a_filter_may_change_the_record_for_all(directory: Path, handler, logger) -> None:
    def enrich(record: logging.LogRecord) -> bool:
        record.request = "r-1"
        return True

    logger.addHandler(handler)
    logger.addFilter(enrich)

    logger.info("x")

    assert entries(directory)[0].attributes["request"] == "r-1"


@pytest.mark.skipif(not IS_312, reason="from Python 3.12 on a filter may return a record")
def test_a_filter_may_replace_the_record_for_this_handler_alone(directory: Path, handler, logger) -> None:
    def replace(record: logging.LogRecord) -> logging.LogRecord:
        other = copy.copy(record)
        other.msg = "replaced"
        return other

    seen = []
    handler.addFilter(replace)
    logger.addHandler(handler)
    logger.addHandler(Collecting(seen))

    logger.info("original")

    assert bodies(directory) == ["replaced"]
    assert [record.msg for record in seen] == ["original"]


def test_handle_returns_what_the_filters_said(handler) -> None:
    record = logging.makeLogRecord({"msg": "x"})

    passed = handler.handle(record)
    handler.addFilter(lambda _: False)

    assert passed is (record if IS_312 else True)
    assert not handler.handle(record)


class Collecting(logging.Handler):
    def __init__(self, seen: list[logging.LogRecord]) -> None:
        super().__init__()
        self.seen = seen

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(copy.copy(record))


class Processor:
    def process(self, entry):
        return entry


@pytest.mark.parametrize("way", ["plain", "formatter", "processor", "rate limit"])
def test_the_record_is_as_it_was_for_the_handlers_that_follow(make_handler, logger, way: str) -> None:
    handler = make_handler(
        processors=[Processor()] if way == "processor" else [], rate_limit=1e9 if way == "rate limit" else None
    )
    if way == "formatter":
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    before, after = [], []
    for each in (Collecting(before), handler, Collecting(after)):
        logger.addHandler(each)
    mutable = {"list": [1, 2]}

    try:
        fail(None)
    except ZeroDivisionError:
        logger.exception("%s %d", "a", 1, stack_info=True, extra={"more": mutable, "password": "secret"})
    logger.info({"msg": "structured", "password": "secret"})

    assert [vars(record) for record in after] == [vars(record) for record in before]
    assert [list(vars(record)) for record in after] == [list(vars(record)) for record in before]
    assert mutable == {"list": [1, 2]}
    assert after[0].exc_text is None


def test_a_formatter_writes_the_body_and_exceptions_stay_apart(directory: Path, handler, logger) -> None:
    handler.setFormatter(logging.Formatter("[%(levelname)s] %(message)s"))
    logger.addHandler(handler)

    try:
        fail(None)
    except ZeroDivisionError:
        logger.exception("order %d", 7, stack_info=True)

    (entry,) = entries(directory)
    assert entry.body == "[ERROR] order 7"
    assert entry.attributes["bitacora.message.template"] == "order %d"
    assert entry.attributes["exception.message"] == "defect"
    assert str(entry.attributes["code.stacktrace"]).startswith("Stack (most recent call last):")


def test_without_its_formatter_again_the_body_is_the_message(directory: Path, handler, logger) -> None:
    logger.addHandler(handler)
    handler.setFormatter(logging.Formatter("%(name)s %(message)s"))
    logger.info("x")
    handler.setFormatter(None)

    logger.info("x")

    assert bodies(directory) == ["app x", "x"]


def test_a_formatter_that_raises_is_reported_and_the_record_kept(directory: Path, handler, logger, capsys) -> None:
    handler.setFormatter(logging.Formatter("%(message)s %(request)s", validate=True))
    logger.addHandler(handler)

    logger.info("without request %d", 7)

    assert bodies(directory) == ["without request 7"]
    assert "KeyError: 'request'" in capsys.readouterr().err


def test_an_argument_that_ends_the_program_does_not_end_it_through_a_formatter(
    directory, handler, logger, capsys
) -> None:
    class Exiting:
        def __str__(self) -> str:
            raise SystemExit(3)

    handler.setFormatter(logging.Formatter("%(message)s"))
    logger.addHandler(handler)

    logger.info("%s", Exiting())

    assert bodies(directory) == ["%s"]
    assert "SystemExit: 3" in capsys.readouterr().err


def fail(record: logging.LogRecord | None) -> None:
    raise ZeroDivisionError("defect")


@pytest.fixture
def failing(handler, logger, monkeypatch: pytest.MonkeyPatch) -> logging.Logger:
    """A logger whose handler has a defect."""
    logger.addHandler(handler)
    monkeypatch.setattr(handler, "_take", fail)
    return logger


def test_a_failure_is_told_on_stderr_and_never_raised(failing, capsys) -> None:
    failing.info("message %s", "argument")

    text = capsys.readouterr().err
    assert text.startswith("--- Logging error ---\nTraceback (most recent call last):")
    assert "ZeroDivisionError: defect" in text
    assert f"Logged from file {__file__}, line " in text
    assert text.endswith("Message: 'message %s'\nArguments: ['argument']\n")


def test_nothing_is_told_where_raise_exceptions_is_off(failing, capsys, monkeypatch) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)

    failing.info("x")

    assert capsys.readouterr().err == ""


def test_an_application_may_handle_errors_itself_at_any_time(handler, failing, capsys) -> None:
    handled = []
    handler.handleError = handled.append

    failing.info("x")

    assert [record.msg for record in handled] == ["x"]
    assert capsys.readouterr().err == ""


def closed() -> io.StringIO:
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize("stream", [None, closed()], ids=["none", "closed"])
def test_a_stderr_that_is_not_there_changes_nothing(failing, monkeypatch, stream) -> None:
    deep: object = 1
    for _ in range(5000):
        deep = [deep]
    monkeypatch.setattr(sys, "stderr", stream)

    failing.info("%s", deep)

    while isinstance(deep, list):  # freed level by level
        deep = deep[0]


@pytest.fixture
def record_factory() -> Iterator[None]:
    """Let the test replace the factory of records."""
    before = logging.getLogRecordFactory()
    yield
    logging.setLogRecordFactory(before)


@pytest.mark.usefixtures("record_factory")
@pytest.mark.parametrize("has_formatter", [False, True])
def test_records_of_an_application_s_own_kind_word_their_messages_themselves(
    directory: Path, handler, logger, has_formatter: bool
) -> None:
    class Braces(logging.LogRecord):
        def getMessage(self) -> str:  # noqa: N802  # logging's name
            return self.msg.format(*self.args) if self.args else f"<{self.msg}>"

    logging.setLogRecordFactory(Braces)
    if has_formatter:
        handler.setFormatter(logging.Formatter("%(message)s"))
    logger.addHandler(handler)

    logger.info("{} and {}", 1, 2)  # noqa: PLE1205  # as its class words it
    logger.info("alone")

    assert bodies(directory) == ["1 and 2", "<alone>"]


def test_a_name_a_level_and_a_lock_are_as_logging_wants_them(handler) -> None:
    handler.name = "journal"
    handler.setLevel("ERROR")

    with pytest.raises((TypeError, ValueError)):
        handler.setLevel("LOUD")
    handler.acquire()
    handler.release()

    assert (handler.name, handler.level, handler.lock) == ("journal", logging.ERROR, None)
    if hasattr(logging, "getHandlerByName"):
        assert logging.getHandlerByName("journal") is handler


def test_it_serves_queues_and_memory_handlers(directory: Path, handler) -> None:
    queue: SimpleQueue[logging.LogRecord] = SimpleQueue()
    listener = QueueListener(queue, handler)
    memory = MemoryHandler(10, target=handler)
    listener.start()

    QueueHandler(queue).handle(logging.makeLogRecord({"name": "a", "msg": "by queue %d", "args": (1,)}))
    listener.stop()
    memory.handle(logging.makeLogRecord({"name": "a", "msg": "by memory", "levelno": 20}))
    memory.close()

    assert bodies(directory) == ["by queue 1", "by memory"]


def test_a_handler_that_nobody_holds_is_freed(make_handler, directory: Path) -> None:
    from otel_bitacora import BitacoraHandler

    handler = BitacoraHandler(journal=directory)
    handler.handle(logging.makeLogRecord({"msg": "x"}))
    handler.close()
    gone = weakref.ref(handler)

    del handler
    import gc

    gc.collect()

    assert gone() is None
    assert bodies(directory) == ["x"]


def test_a_thread_that_logs_while_another_closes_loses_nothing(directory: Path, handler, logger) -> None:
    logger.addHandler(handler)

    def work() -> None:
        for i in range(500):
            logger.info("%d", i)

    thread = threading.Thread(target=work)
    thread.start()
    while thread.is_alive():
        handler.close()
    thread.join()

    assert bodies(directory) == [str(i) for i in range(500)]
