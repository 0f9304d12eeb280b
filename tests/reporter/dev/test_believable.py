"""Whether days are such as they could have been."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bitacora import BitacoraHandler
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.journal.reader import Reader
from otel_bitacora.reporter.core.stored import FrameDecoder
from otel_bitacora.reporter.dev.generate import (
    Chance,
    IncidentKind,
    JournalOutput,
    Plan,
    generate,
    pathological_records,
)
from otel_bitacora.reporter.dev.generate.chance import TABLE, heavy_tail, zipf
from otel_bitacora.reporter.dev.generate.pathological import CASES, LOGGER
from otel_bitacora.reporter.dev.generate.story import Work, tell

from .conftest import MakeJournal

DURATION = "bitacora.operation.duration"


def entries(journal: Path) -> list[LogEntry]:
    decoder = FrameDecoder()
    return [decoder.entry(frame) for frame in Reader(journal) if frame.kind == 1]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> list[LogEntry]:
    """One busy day of one developer."""
    journal = tmp_path_factory.mktemp("day") / "journal"
    generate(Plan(seed=11, developers=1), JournalOutput(journal))
    return entries(journal)


@given(st.integers())
def test_a_day_is_work_without_gaps_but_for_the_pauses(seed: int) -> None:
    story = tell(Chance(seed))

    at = story.first
    pauses = dict(story.pauses)
    for phase in story.phases:
        at = pauses.get(at, at)
        assert phase.first == at < phase.end
        at = phase.end
    assert at == story.end
    works = [phase.work for phase in story.phases]
    assert works[0] is Work.PLAN
    assert {Work.PLAN, Work.EDIT, Work.BUILD, Work.TEST} <= set(works)


@given(st.integers())
def test_what_fails_is_looked_into_and_what_works_is_committed(seed: int) -> None:
    story = tell(Chance(seed))

    following: dict[tuple[Work, bool], set[Work]] = defaultdict(set)
    for phase, after in pairwise(story.phases):
        following[phase.work, phase.fails].add(after.work)
    assert following[Work.TEST, True] <= {Work.DEBUG}
    assert following[Work.TEST, False] <= {Work.COMMIT}
    assert following[Work.BUILD, True] <= {Work.FIX}
    assert following[Work.BUILD, False] <= {Work.TEST}
    assert following[Work.DEBUG, False] <= {Work.FIX}
    assert following[Work.COMMIT, False] <= {Work.EDIT, Work.PLAN}


def test_a_trace_is_one_request_whose_steps_fit_into_its_answer(day: list[LogEntry]) -> None:
    traces: dict[str, list[LogEntry]] = defaultdict(list)
    for entry in day:
        if entry.trace_id:
            traces[entry.trace_id].append(entry)

    assert len(traces) > 1000
    assert {len(trace) for trace in traces.values()} >= {1, 3, 4, 6}
    for trace in traces.values():
        answer = trace[-1]
        assert answer.logger == "shop.web"
        assert len({entry.span_id for entry in trace}) == len(trace)
        assert len({entry.attributes["bitacora.action.id"] for entry in trace}) == 1
        took = sum(float(str(entry.attributes[DURATION])) for entry in trace[:-1])
        assert took <= float(str(answer.attributes[DURATION]))
        begun = answer.timestamp_unix_nano - round(float(str(answer.attributes[DURATION])) * 1e9)
        assert begun <= trace[0].timestamp_unix_nano


def test_a_request_that_cannot_be_answered_is_an_error_in_all_its_places(day: list[LogEntry]) -> None:
    broken = {entry.trace_id for entry in day if entry.attributes.get("http.response.status_code") in (500, 502)}
    failed = {entry.trace_id for entry in day if entry.trace_id and "exception.type" in entry.attributes}

    assert broken == failed
    assert broken


def test_a_few_loggers_say_most_and_durations_have_a_heavy_tail(day: list[LogEntry]) -> None:
    jobs = Counter(entry.logger for entry in day if entry.attributes.get("bitacora.message.template") == "took job %d")
    counts = [count for _, count in jobs.most_common()]
    durations = sorted(
        float(str(entry.attributes[DURATION])) for entry in day if entry.attributes.get("db.collection.name") == "items"
    )

    assert counts[0] > 1.5 * counts[1]
    assert counts[0] > 5 * counts[9]
    assert durations[-1] > 20 * durations[len(durations) // 2]


def test_the_machine_is_busy_when_the_developer_builds(day: list[LogEntry]) -> None:
    building = {
        entry.timestamp_unix_nano // (60 * 10**9)
        for entry in day
        if entry.attributes.get("bitacora.action.type") == "Build"
    }
    cpu: dict[bool, list[float]] = {True: [], False: []}
    for entry in day:
        if entry.logger == "host.load":
            minute = entry.timestamp_unix_nano // (60 * 10**9)
            cpu[minute in building].append(float(str(entry.attributes["system.cpu.utilization"])))

    assert min(cpu[True]) > 0.85
    assert sum(cpu[False]) / len(cpu[False]) < 0.35


def test_some_minutes_are_bursts(day: list[LogEntry]) -> None:
    per_minute = Counter(entry.timestamp_unix_nano // (60 * 10**9) for entry in day)
    busy = sorted(per_minute.values())

    assert busy[-1] > 4 * busy[len(busy) // 2]


@pytest.mark.parametrize(
    ("kind", "attribute", "level"),
    [
        (IncidentKind.DISK_FILLING, "system.filesystem.utilization", 0.998),
        (IncidentKind.MEMORY_LEAK, "system.memory.utilization", 0.98),
    ],
)
def test_an_incident_is_seen_on_the_machine(
    make_journal: MakeJournal, kind: IncidentKind, attribute: str, level: float
) -> None:
    journal, _ = make_journal(Plan(seed=2, developers=1, rate=0.01, incidents=(kind,)))

    seen = [float(str(entry.attributes[attribute])) for entry in entries(journal) if entry.logger == "host.load"]

    assert max(seen) >= level
    assert seen[0] < 0.6
    assert seen[-1] < 0.6


def test_incidents_at_the_same_time_are_all_seen(make_journal: MakeJournal) -> None:
    journal, _ = make_journal(Plan(seed=2, developers=1, rate=0.01, incidents=tuple(IncidentKind)))

    samples = [entry.attributes for entry in entries(journal) if entry.logger == "host.load"]

    assert max(float(str(sample["system.filesystem.utilization"])) for sample in samples) >= 0.998
    assert max(float(str(sample["system.memory.utilization"])) for sample in samples) >= 0.98


def test_nothing_of_a_session_is_logged_before_it_begins_or_after_it_ends(make_journal: MakeJournal) -> None:
    journal, manifest = make_journal(Plan(seed=2, rate=0.01, incidents=tuple(IncidentKind), pathological=True))
    sessions = manifest.document()["sessions"]

    for entry in entries(journal):
        if entry.session_id:
            said = sessions[entry.session_id]
            begun, ended = (datetime.fromisoformat(said[key]) for key in ("started_at", "ended_at"))
            assert begun <= entry.timestamp <= ended + timedelta(milliseconds=2)


def test_a_slow_database_makes_its_requests_slow(make_journal: MakeJournal) -> None:
    journal, manifest = make_journal(Plan(seed=2, developers=1, incidents=(IncidentKind.SLOW_DATABASE,)))
    (incident,) = manifest.document()["incidents"]

    seconds: dict[bool, list[float]] = {True: [], False: []}
    for entry in entries(journal):
        if entry.attributes.get("db.collection.name") == "items":
            is_within = incident["since"] <= entry.timestamp.isoformat().replace("+00:00", "Z") < incident["until"]
            seconds[is_within].append(float(str(entry.attributes[DURATION])))

    assert min(seconds[True]) > 20 * sorted(seconds[False])[len(seconds[False]) // 2]


def test_orders_fail_while_the_network_is_cut(make_journal: MakeJournal) -> None:
    journal, manifest = make_journal(Plan(seed=2, developers=1, rate=2, incidents=(IncidentKind.NETWORK_CUT,)))
    (incident,) = manifest.document()["incidents"]

    codes: dict[bool, set[object]] = defaultdict(set)
    for entry in entries(journal):
        if (entry.attributes.get("http.route"), entry.attributes.get("http.request.method")) == ("/api/orders", "POST"):
            is_within = incident["since"] <= entry.timestamp.isoformat().replace("+00:00", "Z") < incident["until"]
            codes[is_within].add(entry.attributes["http.response.status_code"])

    assert codes[True] == {502}
    assert 201 in codes[False]


@given(st.lists(st.integers(), min_size=1, max_size=200, unique=True))
def test_a_table_has_every_choice_the_first_most_often(choices: list[int]) -> None:
    table = zipf(choices)

    counts = [table.count(choice) for choice in choices]
    assert len(table) == TABLE
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] >= 1


@given(st.integers(100, 10_000_000))
def test_the_tail_is_heavy_and_begins_with_the_least(least: int) -> None:
    tail = heavy_tail(least)

    assert len(tail) == TABLE
    assert tail[0] == least
    assert list(tail) == sorted(tail)
    assert tail[-1] == least * 512


def test_pathological_records_are_kept_by_the_handler_as_in_a_generated_journal(
    make_journal: MakeJournal, tmp_path: Path
) -> None:
    journal, _ = make_journal(Plan(developers=1, rate=0.01, pathological=True))
    handler = BitacoraHandler(journal=tmp_path / "handled")

    for record in pathological_records():
        handler.handle(record)
    handler.close()

    handled, generated = (
        entries(tmp_path / "handled"),
        [one for one in entries(journal) if one.logger.startswith("shop")],
    )
    assert len(handled) == len(CASES)
    assert set(map(_gist, handled)) <= set(map(_gist, generated))
    assert sum(one.logger == LOGGER for one in generated) == len(CASES) - 1


def _gist(entry: LogEntry) -> str:
    """Return what a record says, but for where it is cut: the ids of a session take room as well."""
    return repr((str(entry.body)[:100_000], entry.logger, entry.severity_number))
