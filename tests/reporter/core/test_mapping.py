import asyncio
import copy
import datetime as dt
import decimal
import enum
import logging
import pathlib
import subprocess
import sys
import threading
import uuid

import pytest
from opentelemetry import trace

from otel_bitacora.reporter.core.context import LogContext

from .kept import UID, Kept, logger_for


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def log(kept: Kept) -> logging.Logger:
    return logger_for(kept)


def test_a_message_is_formatted_and_its_template_kept(log, kept) -> None:
    log.info("user %s did %d", "ana", 3)

    assert kept.entry.body == "user ana did 3"
    assert kept.entry.attributes["bitacora.message.template"] == "user %s did %d"


def test_a_message_without_arguments_has_no_template_and_keeps_its_percent_signs(log, kept) -> None:
    log.info("100 % of it")

    assert kept.entry.body == "100 % of it"
    assert "bitacora.message.template" not in kept.entry.attributes


def test_a_mapping_as_arguments_fills_named_places(log, kept) -> None:
    log.info("%(who)s left", {"who": "ana"})

    assert kept.entry.body == "ana left"


def test_arguments_are_kept_beside_the_text_when_asked_for() -> None:
    kept = Kept(keep_arguments=True)
    logger = logger_for(kept)

    logger.warning("user %s did %d", "ana", 3)
    logger.warning("nothing")

    assert kept.entries[0].attributes["bitacora.message.arguments"] == ["ana", 3]
    assert "bitacora.message.arguments" not in kept.entries[1].attributes


def test_a_mapping_as_message_becomes_a_structured_body(log, kept) -> None:
    log.info({"event": "push", "files": ["a", "b"], "size": {"bytes": 3}})

    assert kept.entry.body == {"event": "push", "files": ["a", "b"], "size": {"bytes": 3}}


def test_any_other_object_as_message_is_its_text(log, kept) -> None:
    log.info(ValueError("as message"))

    assert kept.entry.body == "as message"


def test_a_message_that_does_not_format_is_kept_raw_with_its_arguments(log, kept) -> None:
    log.info("%d items", "x")

    assert kept.entry.body == "%d items"
    assert kept.entry.attributes["bitacora.message.arguments"] == ["x"]
    assert kept.entry.attributes["bitacora.message.format_error"].startswith("TypeError: %d format")


def test_too_many_arguments_are_kept_too(log, kept) -> None:
    log.info("done", 1, {"a": 2})  # noqa: PLE1205  # the point

    assert kept.entry.body == "done"
    assert kept.entry.attributes["bitacora.message.arguments"] == [1, {"a": 2}]


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("session_id", "bitacora.session.id"),
        ("project_id", "bitacora.project.id"),
        ("topic_id", "bitacora.topic.id"),
        ("user_id", "bitacora.user.id"),
        ("action_id", "bitacora.action.id"),
        ("action_type", "bitacora.action.type"),
        ("branch", "vcs.ref.head.name"),
    ],
)
def test_ids_are_promoted_as_text(log, kept, short, full) -> None:
    value = uuid.uuid4()

    log.info("x", extra={short: value})

    assert kept.entry.attributes[full] == str(value)
    assert short not in kept.entry.attributes


def test_an_id_that_is_none_is_left_out(log, kept) -> None:
    with LogContext(session_id="outer"):
        log.info("x", extra={"session_id": None, "user_id": None})

    assert kept.entry.session_id == "outer"
    assert "bitacora.user.id" not in kept.entry.attributes


def test_an_extra_wins_over_the_context_and_both_over_nothing(log, kept) -> None:
    with LogContext(session_id="outer", project_id="p"):
        log.info("x", extra={"session_id": "inner"})

    assert kept.entry.session_id == "inner"
    assert kept.entry.project_id == "p"


def test_an_application_cannot_choose_the_uid(log, kept) -> None:
    log.info("x", extra={"log.record.uid": "mine"})

    assert kept.entry.uid == UID
    assert kept.entry.attributes["bitacora.extra.log.record.uid"] == "mine"


def test_an_extra_wins_over_what_is_generated_without_being_there_twice(log, kept) -> None:
    log.info("x", extra={"code.function.name": "wrapped", "bitacora.session.id": "full", "session_id": "short"})

    assert kept.entry.attributes["code.function.name"] == "wrapped"
    assert kept.entry.session_id == "short"
    before, after, _ = kept.encoder.encode_record(kept.records[0])
    assert (before + after).count(b"code.function.name") == 1
    assert (before + after).count(b"bitacora.session.id") == 1


@pytest.mark.parametrize(
    ("level", "number", "text"),
    [
        (5, 1, "Level 5"),
        (10, 5, "DEBUG"),
        (20, 9, "INFO"),
        (25, 12, "Level 25"),
        (30, 13, "WARN"),
        (40, 17, "ERROR"),
        (50, 21, "CRITICAL"),
    ],
)
def test_levels_become_severities(log, kept, level, number, text) -> None:
    log.log(level, "x")

    assert (kept.entry.severity_number, kept.entry.severity_text) == (number, text)


def test_logger_place_and_thread_are_named(log, kept) -> None:
    def work() -> None:
        log.info("from a thread")

    thread = threading.Thread(target=work, name="worker-7")
    thread.start()
    thread.join()

    attributes = kept.entry.attributes
    assert kept.entry.logger == "app.web"
    assert attributes["code.file.path"] == __file__
    assert attributes["code.function.name"] == "work"
    assert attributes["code.line.number"] == work.__code__.co_firstlineno + 1
    assert attributes["thread.name"] == "worker-7"
    assert attributes["thread.id"] == thread.ident


def test_the_pid_is_left_to_the_resource_unless_another_process_made_the_record(log, kept) -> None:
    log.info("x")
    own = kept.records[0]
    other = copy.copy(own)
    other.__dict__ |= {"process": 7, "processName": "SpawnProcess-3"}

    kept.emit(other)

    assert "process.pid" not in kept.entries[0].attributes
    assert kept.entry.attributes["process.pid"] == 7
    assert kept.entry.attributes["bitacora.process.name"] == "SpawnProcess-3"


def test_the_asyncio_task_is_named(log, kept) -> None:
    async def work() -> None:
        log.info("in a task")

    async def main() -> None:
        await asyncio.create_task(work(), name="fetch")

    asyncio.run(main())

    assert kept.entry.attributes["asyncio.task.name"] == "fetch"


def fail_twice() -> None:
    try:
        {}["first"]
    except KeyError as first:
        raise ValueError("second", 2) from first


def test_an_exception_has_type_message_and_its_whole_chain(log, kept) -> None:
    try:
        fail_twice()
    except ValueError:
        log.exception("failed")

    attributes = kept.entry.attributes
    assert attributes["exception.type"] == "ValueError"
    assert attributes["exception.message"] == "('second', 2)"
    assert attributes["exception.stacktrace"].startswith("Traceback")
    assert "KeyError: 'first'" in attributes["exception.stacktrace"]
    assert attributes["exception.stacktrace"].endswith("ValueError: ('second', 2)")


def test_an_exception_outside_builtins_has_its_qualified_name(log, kept) -> None:
    log.error("x", exc_info=decimal.DivisionByZero("by zero"))

    assert kept.entry.attributes["exception.type"] == "decimal.DivisionByZero"
    assert kept.entry.attributes["exception.message"] == "by zero"


def test_exc_info_without_an_exception_adds_nothing(log, kept) -> None:
    log.error("x", exc_info=True)  # noqa: LOG014  # the point

    assert not [key for key in kept.entry.attributes if key.startswith("exception")]


def test_a_trace_that_another_handler_left_is_used(kept) -> None:
    kept.handle(logging.makeLogRecord({"msg": "x", "exc_text": "Traceback of a remote process"}))

    assert kept.entry.attributes["exception.stacktrace"] == "Traceback of a remote process"


def test_the_stack_of_a_call_is_kept(log, kept) -> None:
    log.info("x", stack_info=True)

    assert "test_the_stack_of_a_call_is_kept" in kept.entry.attributes["code.stacktrace"]


def test_a_very_long_trace_keeps_its_beginning_and_its_end(log, kept) -> None:
    log.error("x", exc_info=ValueError("a" * 100_000 + "the end"))

    trace_text = kept.entry.attributes["exception.stacktrace"]
    assert trace_text.startswith("ValueError: aaa")
    assert trace_text.endswith("the end")
    assert len(trace_text) < 66_000


def test_an_event_name_comes_from_the_extra(log, kept) -> None:
    log.info({"a": 1}, extra={"otel.event.name": "bitacora.session.created"})

    assert kept.entry.event_name == "bitacora.session.created"
    assert "otel.event.name" not in kept.entry.attributes


def test_the_current_span_is_joined(log, kept) -> None:
    context = trace.SpanContext(0xABC, 0xDEF, is_remote=False, trace_flags=trace.TraceFlags(1))

    with trace.use_span(trace.NonRecordingSpan(context)):
        log.info("inside")
    log.info("outside")

    inside, outside = kept.entries
    assert (inside.trace_id, inside.span_id, inside.trace_flags) == (f"{0xABC:032x}", f"{0xDEF:016x}", 1)
    assert (outside.trace_id, outside.span_id, outside.trace_flags) == ("", "", 0)


def test_a_tracer_that_raises_costs_the_trace_and_not_the_record(log, kept, monkeypatch) -> None:
    monkeypatch.setattr(trace, "get_current_span", lambda: 1 / 0)

    log.info("kept")

    assert kept.entry.body == "kept"


def test_times_are_those_of_the_record_and_of_the_handler(kept) -> None:
    kept.handle(logging.makeLogRecord({"msg": "x", "created": 1_700_000_000.5}))

    assert kept.entry.timestamp_unix_nano == 1_700_000_000_500_000_000
    assert kept.entry.observed_unix_nano > kept.entry.timestamp_unix_nano


@pytest.mark.parametrize("created", [float("nan"), float("inf"), -1.0, 0, "soon", None, 1e300])
def test_a_time_that_is_none_is_replaced_by_the_observed_one(kept, created) -> None:
    kept.handle(logging.makeLogRecord({"msg": "x", "created": created}))

    assert kept.entry.timestamp_unix_nano == kept.entry.observed_unix_nano


class Shade(enum.Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC), "2026-01-02T03:04:05+00:00"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Shade.RED, "red"),
        (decimal.Decimal("1.50"), "1.50"),
        (pathlib.PurePosixPath("/a/b"), "/a/b"),
        (logging.DEBUG, 10),
        (2**63, str(2**63)),
        pytest.param(10**5000, "<int of 16610 bits>", id="huge"),
        (b"\x00\xff", b"\x00\xff"),
        (None, None),
        (True, True),
        ([1, "a", None], [1, "a", None]),
        ({1: (2,)}, {"1": [2]}),
        (ValueError("x"), "ValueError: x"),
        ("caf\udce9\x00", "caf\\udce9\x00"),
    ],
)
def test_values_of_extras_keep_what_they_say(log, kept, value, stored) -> None:
    log.info("x", extra={"value": value})

    assert kept.entry.attributes["value"] == stored


def test_nothing_of_the_record_is_changed_for_the_handlers_that_follow(log, kept) -> None:
    follower = logging.Formatter()
    log.warning("%s and %s", "a", ["b"], extra={"deep": {"x": [1]}}, exc_info=ValueError("e"), stack_info=True)

    record = kept.records[0]

    assert not {"message", "asctime"} & set(vars(record))
    assert record.exc_text is None
    assert (record.msg, record.args) == ("%s and %s", ("a", ["b"]))
    assert follower.format(record).startswith("a and ['b']\nValueError: e")


def test_a_record_that_a_formatter_has_seen_gains_no_attributes(log, kept) -> None:
    log.info("x")
    record = kept.records[0]
    logging.Formatter("%(asctime)s %(message)s").format(record)

    kept.emit(record)

    assert kept.entries[0].attributes == kept.entries[1].attributes


def test_many_extras_are_bounded_and_counted(log, kept) -> None:
    log.info("x", extra={f"k{i}": i for i in range(500)})

    assert len(kept.entry.attributes) == 128
    assert kept.entry.dropped_attributes_count == 505 - 128  # five say where it was logged


def test_neither_pydantic_nor_sdk_nor_proto_nor_psutil_is_imported() -> None:
    program = (
        "import sys; from otel_bitacora.reporter.core import encode, contract, memory, ratelimit, redact, session_events\n"
        "import logging; encode.RecordEncoder(redactor=redact.Redactor()).encode_record(logging.makeLogRecord({'msg': 'x'}))\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('pydantic', 'psutil', 'grpc', 'google', 'opentelemetry', 'asyncio')])"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
