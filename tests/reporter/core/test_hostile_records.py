"""Whatever is in a record, it is kept, and nothing raises into the application."""

import contextlib
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bitacora.reporter.core import mapping
from otel_bitacora.reporter.core.entry import LogEntry

from .kept import UID, Kept, logger_for


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def log(kept: Kept) -> logging.Logger:
    return logger_for(kept)


class Raising:
    def __init__(self, exc: BaseException) -> None:
        self.exc = exc

    def __str__(self) -> str:
        raise self.exc

    __repr__ = __hash__ = __str__  # type: ignore[assignment]


@pytest.mark.parametrize(
    "exc", [ValueError(), SystemExit(), KeyboardInterrupt(), GeneratorExit(), RecursionError(), MemoryError()]
)
def test_a_str_that_raises_leaves_a_placeholder(log, kept, exc) -> None:
    hostile = Raising(exc)

    log.info(hostile)
    log.info("%s", hostile, extra={"value": hostile, "list": [hostile]})
    log.error("x", exc_info=exc)

    assert [entry.body for entry in kept.entries] == [f"<Raising: __str__ raised {type(exc).__name__}>", "%s", "x"]
    assert kept.entries[1].attributes["value"] == f"<Raising: __str__ raised {type(exc).__name__}>"


class HostileError(Exception):
    @property
    def __class__(self):  # type: ignore[override]
        raise RuntimeError("no class")

    def __str__(self) -> str:
        raise SystemExit("no text")


def test_a_hostile_exception_is_still_recorded(log, kept) -> None:
    log.error("x", exc_info=(HostileError, HostileError(), None))
    log.error(HostileError(), extra={"exc": HostileError()})

    assert kept.entries[0].attributes["exception.type"].endswith("HostileError")
    assert len(kept.entries) == 2


def test_a_real_interruption_is_not_swallowed(monkeypatch) -> None:
    def interrupted(_value: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(mapping, "str", interrupted, raising=False)

    with pytest.raises(KeyboardInterrupt):
        LogEntry.from_record(logging.makeLogRecord({"msg": "x %s", "args": ("plain",)}))


def test_cycles_and_depth_end(log, kept) -> None:
    cycle: list[object] = [1]
    cycle.append(cycle)
    deep: object = "bottom"
    for _ in range(100_000):
        deep = [deep]

    log.info({"cycle": cycle}, extra={"cycle": cycle, "deep": deep})

    assert kept.entry.attributes["cycle"] == [1, "<list: contains itself>"]
    assert "nested too deeply" in str(kept.entry.attributes["deep"])
    while isinstance(deep, list):  # freed level by level
        deep = deep[0]


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.builds(object)
    | st.builds(Raising, st.just(ValueError())),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner, inner),
)
FIELDS = [
    "name",
    "msg",
    "args",
    "levelname",
    "levelno",
    "pathname",
    "lineno",
    "funcName",
    "created",
    "thread",
    "threadName",
]
FIELDS += [
    "processName",
    "process",
    "exc_info",
    "exc_text",
    "stack_info",
    "taskName",
    "session_id",
    "otel.event.name",
    "message",
]


@given(st.dictionaries(st.sampled_from(FIELDS) | st.text(), JUNK), st.lists(st.sampled_from(FIELDS[:14])))
def test_a_record_of_any_junk_is_kept(fields, missing) -> None:
    kept = Kept()
    record = logging.makeLogRecord(fields)
    for name in missing:
        with contextlib.suppress(AttributeError):
            delattr(record, name)

    kept.emit(record)

    assert kept.entry.uid == UID
    assert not str(kept.entry.body).startswith("<unreadable record")


def test_a_record_logged_near_the_end_of_the_stack_is_kept(log, kept) -> None:
    def descend() -> None:
        with contextlib.suppress(RecursionError):
            descend()
        with contextlib.suppress(RecursionError):  # of logging itself, where even its call doesn't fit
            log.info("deep %s", {"a": [1]})

    descend()

    assert kept.entry.body == "deep {'a': [1]}"
