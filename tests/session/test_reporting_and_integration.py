"""The two doors for programs: what is told through one is found through the other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from otel_bitacora import BitacoraHandler, BitacoraMonitorIntegration, BitacoraReportingSystem, LogContext
from otel_bitacora.domain.events import Duration, SessionCreated, SessionEnded, SessionEvent, SessionStarted
from otel_bitacora.errors import SessionError, SessionNotFound
from otel_bitacora.reporter.core.contract import LogStorage
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.memory import MemoryStorage
from otel_bitacora.reporter.core.names import GENERATED
from otel_bitacora.reporter.core.query import Query
from otel_bitacora.reporter.core.session_events import LOGGER, event_extra
from otel_bitacora.reporter.core.storage import JournalStorage
from otel_bitacora.session.history import all_sessions, session_figures
from otel_bitacora.session.integration import MetricsSource

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
CREATED = SessionCreated(session_id="s", timestamp=NOON, user_id="ana", description="the shop")
STARTED = SessionStarted(session_id="s", timestamp=NOON)
ENDED = SessionEnded(session_id="s", timestamp=NOON + timedelta(hours=1), duration=Duration(3600))


@pytest.fixture(params=["memory", "journal"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> LogStorage:
    return MemoryStorage() if request.param == "memory" else JournalStorage(tmp_path / "journal")


@contextmanager
def logger_into(journal: Path, name: str = LOGGER) -> Iterator[logging.Logger]:
    """A logger whose records are in the journal when the block ends."""
    handler, logger = BitacoraHandler(journal=journal), logging.getLogger(name)
    logger.addHandler(handler)
    level = logger.level
    logger.setLevel(logging.DEBUG)
    try:
        yield logger
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)
        handler.close()


def tell(storage: LogStorage, *events: SessionEvent) -> list[str]:
    system = BitacoraReportingSystem(storage)

    async def work() -> list[str]:
        return [await system.log_session_event(event.session_id, event) for event in events]

    return asyncio.run(work())


def stored(storage: LogStorage) -> list[LogEntry]:
    async def read() -> list[LogEntry]:
        return [entry async for entry in storage.query(Query())]

    return asyncio.run(read())


def test_the_same_event_told_twice_is_kept_once(storage: LogStorage) -> None:
    uids = tell(storage, CREATED, CREATED, STARTED)

    assert uids[0] == uids[1] != uids[2]
    assert [entry.event_name for entry in stored(storage)] == ["bitacora.session.created", "bitacora.session.started"]


def test_an_event_with_an_id_of_its_own_is_told_by_it(storage: LogStorage) -> None:
    first = SessionStarted(session_id="s", timestamp=NOON, unknown={"event_id": "e-1"})
    again = SessionStarted(session_id="s", timestamp=NOON + timedelta(seconds=1), unknown={"event_id": "e-1"})

    uids = tell(storage, first, again)

    assert uids[0] == uids[1]


def test_the_record_is_the_one_that_the_handler_would_have_written(tmp_path: Path) -> None:
    direct, logged = JournalStorage(tmp_path / "direct"), JournalStorage(tmp_path / "logged")

    with LogContext(project_id="p", branch="main"), logger_into(tmp_path / "logged") as logger:
        tell(direct, CREATED, ENDED)
        for event in (CREATED, ENDED):
            logger.info(event.to_wire(), extra=event_extra("s", event))

    for ours, theirs in zip(stored(direct), stored(logged), strict=True):
        assert (ours.body, ours.event_name, ours.logger) == (theirs.body, theirs.event_name, theirs.logger)
        assert (ours.severity_number, ours.severity_text) == (theirs.severity_number, theirs.severity_text)
        said = {key: value for key, value in theirs.attributes.items() if key in ours.attributes}
        assert said == dict(ours.attributes)
        assert set(theirs.attributes) - set(ours.attributes) <= GENERATED


def test_an_event_of_another_session_is_refused(storage: LogStorage) -> None:
    with pytest.raises(SessionError, match="event of session 's' can't be logged in session 'other'"):
        asyncio.run(BitacoraReportingSystem(storage).log_session_event("other", STARTED))


def test_the_figures_are_those_of_the_session_and_its_log_records(tmp_path: Path) -> None:
    storage = JournalStorage(tmp_path / "journal")
    with LogContext(project_id="p", branch="main"):
        tell(storage, STARTED, CREATED)
    for session in ("s", "another"):
        with LogContext(session_id=session), logger_into(tmp_path / "journal", "shop") as logger:
            logger.error("no")
            logger.info("well")

    found = asyncio.run(session_figures(storage, "s", clock=lambda: NOON + timedelta(minutes=5)))

    assert found.duration_seconds == 300
    assert (found.project_id, found.branch, found.user_id) == ("p", "main", "ana")
    assert (found.event_count, found.records_by_level) == (2, {"ERROR": 1, "INFO": 1})


def test_an_event_that_came_by_both_doors_counts_once(tmp_path: Path) -> None:
    storage = JournalStorage(tmp_path / "journal")

    tell(storage, STARTED)
    with logger_into(tmp_path / "journal") as logger:
        logger.info(STARTED.to_wire(), extra=event_extra("s", STARTED))

    assert asyncio.run(session_figures(storage, "s")).event_count == 1


def test_a_session_that_nobody_told_of_is_not_found(storage: LogStorage) -> None:
    with pytest.raises(SessionNotFound, match="no session 'nope'"):
        asyncio.run(session_figures(storage, "nope"))


def test_sessions_are_listed_the_latest_first(storage: LogStorage) -> None:
    tell(storage, STARTED, SessionStarted(session_id="t", timestamp=NOON + timedelta(days=1)))

    found = asyncio.run(all_sessions(storage))

    assert [one.session_id for one in found] == ["t", "s"]


def test_session_and_machine_come_as_one(storage: LogStorage, machine: MetricsSource) -> None:
    tell(storage, CREATED, STARTED)
    integration = BitacoraMonitorIntegration(machine, storage, clock=lambda: NOON + timedelta(minutes=2))

    found = asyncio.run(integration.collect_development_metrics("s"))

    assert found.session.active_seconds == 120
    assert found.system == asyncio.run(machine.get_system_metrics())
    assert found.collected_at == NOON + timedelta(minutes=2)
    assert found.to_dict() == orjson.loads(found.to_json())
    assert found.to_dict()["session"]["status"] == "Active"
    assert found.to_dict()["collected_at"] == "2026-01-02T12:02:00Z"


def test_metrics_of_an_unknown_session_are_an_error(machine: MetricsSource) -> None:
    with pytest.raises(SessionNotFound):
        asyncio.run(BitacoraMonitorIntegration(machine, MemoryStorage()).collect_development_metrics("s"))
