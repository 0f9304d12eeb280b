"""The corners of the ways from structlog and loguru; what they are for is in tests/frameworks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog
from loguru import logger as loguru_logger

from otel_bitacora.reporter.core.bridges import EventDict, loguru_sink, structlog_renderer

from ...journalled import entries, raw  # noqa: TID252  # tests are no package
from ..conftest import MakeHandler  # noqa: TID252  # as above

WRAP = structlog.stdlib.ProcessorFormatter.wrap_for_formatter


@pytest.fixture
def bound(logger: logging.Logger) -> Callable[..., structlog.stdlib.BoundLogger]:
    """Make one of structlog's loggers with these processors, over a logger of the standard library."""
    return lambda *processors: structlog.wrap_logger(
        logger, processors=[*processors], wrapper_class=structlog.stdlib.BoundLogger
    )


@pytest.fixture
def loguru() -> Iterator:
    loguru_logger.remove()
    yield loguru_logger
    loguru_logger.remove()


def test_keys_that_a_record_has_itself_don_t_raise_into_the_application(
    directory: Path, handler, logger, bound
) -> None:
    logger.addHandler(handler)

    bound(structlog_renderer).info("taken", name="n", args="a", message="m", process="p", articles=3)

    (entry,) = entries(directory)
    assert (entry.body, entry.logger) == ("taken", "app")
    assert {key: entry.attributes[f"extra.{key}"] for key in ("name", "args", "message", "process")} == {
        "name": "n",
        "args": "a",
        "message": "m",
        "process": "p",
    }
    assert entry.attributes["articles"] == 3


def test_an_event_s_arguments_and_stack_stay_apart_from_its_attributes(directory: Path, handler, logger, bound) -> None:
    logger.addHandler(handler)

    bound(structlog_renderer).info("order %s", "A-1041", stack_info=True, **{"otel.event.name": "shop.taken"})

    (entry,) = entries(directory)
    assert entry.body == "order A-1041"
    assert entry.attributes["bitacora.message.template"] == "order %s"
    assert "test_an_event_s_arguments" in str(entry.attributes["code.stacktrace"])
    assert entry.event_name == "shop.taken"


def test_secrets_in_an_event_dict_are_replaced(directory: Path, make_handler: MakeHandler, logger, bound) -> None:
    logger.addHandler(make_handler(processors=[EventDict()]))

    for last in (WRAP, structlog_renderer):
        bound(last).info("password=canary-1", token="canary-2", customer={"api_key": "canary-3"}, user_id="u-1")

    for entry in entries(directory):
        assert entry.attributes["bitacora.user.id"] == "u-1"
        assert entry.attributes["token"] == "[REDACTED]"
    assert b"canary" not in raw(directory)


def test_an_exception_of_an_event_dict_is_kept_in_whatever_way_it_is_given(
    directory: Path, make_handler: MakeHandler, logger, bound
) -> None:
    logger.addHandler(make_handler(processors=[EventDict()]))
    log = bound(WRAP)

    try:
        {}["shelf 7"]
    except KeyError as exc:
        found = exc
        for given in (True, exc, (type(exc), exc, exc.__traceback__)):
            log.warning("failed", exc_info=given)
        log.exception("failed")
        log.warning("fine", exc_info=False)
    log.error("later", exc_info=found)

    *handled, fine, later = entries(directory)
    assert len(handled) == 4
    for entry in handled:
        assert entry.attributes["exception.type"] == "KeyError"
        assert '{}["shelf 7"]' in str(entry.attributes["exception.stacktrace"])
    assert not any(key.startswith("exc") for key in fine.attributes)
    assert later.attributes["exception.message"] == "KeyError: 'shelf 7'"


def test_a_formatted_exception_of_an_event_dict_is_its_trace(
    directory: Path, make_handler: MakeHandler, logger, bound
) -> None:
    logger.addHandler(make_handler(processors=[EventDict()]))

    try:
        {}["shelf 7"]
    except KeyError:
        bound(structlog.processors.format_exc_info, WRAP).exception("failed")

    (entry,) = entries(directory)
    assert entry.body == "failed"
    assert "KeyError: 'shelf 7'" in str(entry.attributes["exception.stacktrace"])
    assert "exc_info" not in entry.attributes


def test_a_mapping_that_structlog_didn_t_log_stays_the_body(directory: Path, make_handler: MakeHandler, logger) -> None:
    logger.addHandler(make_handler(processors=[EventDict()]))

    logger.info({"event": "taken", "articles": 3})

    assert entries(directory)[0].body == {"event": "taken", "articles": 3}


def test_loguru_s_records_keep_to_the_handler_s_level_and_the_message_to_what_was_said(
    directory: Path, make_handler: MakeHandler, loguru
) -> None:
    loguru.add(loguru_sink(make_handler(level=logging.INFO)), level=0, format="{time} {message}", colorize=True)

    loguru.debug("too fine")
    loguru.bind(name="n", articles=3).warning("{} left, password=canary-1", 2)

    (entry,) = entries(directory)
    assert str(entry.body).startswith("2 left, ")
    assert (entry.attributes["extra.name"], entry.attributes["articles"]) == ("n", 3)
    assert entry.attributes["code.function.name"].startswith("test_loguru_s_records")
    assert b"canary" not in raw(directory)


def test_loguru_s_records_keep_their_time_and_thread(directory: Path, handler, loguru) -> None:
    loguru.add(loguru_sink(handler))

    moment = datetime(2026, 1, 2, 3, 4, 5, 500_000, UTC)
    loguru.patch(lambda record: record.update(time=moment)).info("one")

    (entry,) = entries(directory)
    assert entry.timestamp == moment
    assert entry.attributes["thread.name"] == "MainThread"


def test_a_filter_of_the_handler_s_sees_loguru_s_records(directory: Path, handler, loguru) -> None:
    handler.addFilter(lambda record: record.articles > 2)
    loguru.add(loguru_sink(handler))

    loguru.bind(articles=2).info("two")
    loguru.bind(articles=3).info("three")

    assert [entry.body for entry in entries(directory)] == ["three"]
