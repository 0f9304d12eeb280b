"""Generated days are the same for the same plan, and hold exactly what their manifest says."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from otel_bitacora.errors import JournalUnavailable
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.indexing import of_entry
from otel_bitacora.reporter.core.journal.frame import Kind
from otel_bitacora.reporter.core.journal.index import decode_seal
from otel_bitacora.reporter.core.journal.reader import EVERY_KIND, Damage, Reader
from otel_bitacora.reporter.core.journal.verify import verify_journal
from otel_bitacora.reporter.core.plain import plain_line
from otel_bitacora.reporter.core.query_text import parse_query
from otel_bitacora.reporter.core.record_json import RecordJson
from otel_bitacora.reporter.core.storage import JournalStorage
from otel_bitacora.reporter.core.stored import FrameDecoder
from otel_bitacora.reporter.dev.generate import IncidentKind, JournalOutput, JsonForm, PlainForm, Plan, generate
from otel_bitacora.session.history import all_sessions, session_figures

from .conftest import MakeJournal
from .counted import assert_queries_find, counted, said

EVERYTHING = Plan(seed=7, rate=0.1, incidents=tuple(IncidentKind), pathological=True)
PLANS = st.builds(
    Plan,
    seed=st.integers(-(1 << 63), (1 << 63) - 1),
    days=st.integers(1, 2),
    developers=st.integers(1, 2),
    rate=st.floats(0.001, 0.1),
    incidents=st.lists(st.sampled_from(IncidentKind), unique=True).map(tuple),
    pathological=st.booleans(),
    start=st.dates(date(1970, 1, 1), date(2500, 1, 1)),
)
few = settings(
    max_examples=4,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # a smaller plan fails as well, and takes minutes to find
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def frames(journal: Path) -> list[bytes]:
    damage: list[Damage] = []
    found = [bytes(frame.payload) for frame in Reader(journal, on_damage=damage.append) if frame.kind == 1]
    assert not damage
    return found


def entries(journal: Path) -> list[LogEntry]:
    decoder = FrameDecoder()
    return [decoder.entry(frame) for frame in Reader(journal, on_damage=_refuse) if frame.kind == 1]


def _refuse(damage: Damage) -> None:
    raise AssertionError(damage)


def contents(journal: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in journal.iterdir()}


@few
@given(PLANS)
def test_a_journal_holds_what_its_manifest_says_and_nothing_is_missing(make_journal: MakeJournal, plan: Plan) -> None:
    journal, manifest = make_journal(plan)

    verification = verify_journal(journal)
    assert counted(entries(journal)) == said(manifest)
    assert verification.is_whole
    assert sum(balance.journalled for balance in verification.instances.values()) == manifest.records
    assert not verification.damage


@few
@given(PLANS)
def test_equal_plans_make_equal_bytes(make_journal: MakeJournal, plan: Plan) -> None:
    (first, one), (second, other) = make_journal(plan), make_journal(replace(plan))

    assert contents(first) == contents(second)
    assert one.to_json() == other.to_json()


def test_other_seeds_make_other_days(make_journal: MakeJournal) -> None:
    (first, one), (second, other) = make_journal(Plan(rate=0.01)), make_journal(Plan(rate=0.01, seed=1))

    assert not contents(first).keys() & contents(second).keys()
    assert one.to_json() != other.to_json()


_PROGRAM = """
import hashlib, sys
from pathlib import Path
from otel_bitacora.reporter.dev.generate import IncidentKind, JournalOutput, Plan, generate
plan = Plan(seed=7, rate=0.2, incidents=tuple(IncidentKind), pathological=True)
manifest = generate(plan, JournalOutput(Path(sys.argv[1])))
files = sorted(Path(sys.argv[1]).iterdir())
print(hashlib.sha256(b"".join([path.read_bytes() for path in files]) + manifest.to_json()).hexdigest())
"""


def test_neither_hash_seed_nor_time_zone_nor_locale_changes_a_byte(tmp_path: Path) -> None:
    found = set()
    for number, (hash_seed, zone, locale) in enumerate((("0", "UTC", "C"), ("4711", "Asia/Kathmandu", "C.UTF-8"))):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "TZ": zone, "LC_ALL": locale}
        command = [sys.executable, "-c", _PROGRAM, str(tmp_path / str(number))]
        found.add(subprocess.run(command, env=environment, check=True, capture_output=True, timeout=120).stdout)

    assert len(found) == 1


def test_the_days_of_a_plan_are_the_same_on_every_platform_and_python() -> None:
    manifest = generate(Plan(seed=42, rate=0.1, incidents=tuple(IncidentKind)), _Nowhere())

    # It was the same on CPython 3.11, 3.12 and 3.13. Whoever changes what is generated changes it, and says so in the changelog.
    assert hashlib.sha256(manifest.to_json()).hexdigest()[:16] == "462a70de2d6f8ca2"


class _Nowhere:
    """An output that keeps nothing."""

    def form(self, developer):
        return JsonForm(developer)

    def write(self, developer, items):
        pass

    def end_minute(self):
        pass

    def close(self):
        pass


def test_every_record_is_what_the_encoder_makes_of_it(make_journal: MakeJournal) -> None:
    journal, _ = make_journal(EVERYTHING)

    for payload in frames(journal):
        assert LogEntry.from_otlp(payload).to_otlp() == payload


def test_json_lines_are_those_of_the_same_journal_in_the_order_of_time(make_journal, make_lines) -> None:
    journal, _ = make_journal(EVERYTHING)
    render = RecordJson().line

    lines = make_lines(EVERYTHING, JsonForm)

    assert sorted(lines) == sorted(render(entry).decode() for entry in entries(journal))
    times = [json.loads(line)["timestamp"] for line in lines]
    assert times == sorted(times)


def test_plain_lines_are_those_of_the_same_journal(make_journal, make_lines) -> None:
    journal, _ = make_journal(EVERYTHING)

    lines = make_lines(EVERYTHING, PlainForm)

    assert sorted(lines) == sorted(map(plain_line, entries(journal)))


@pytest.mark.parametrize("seed", [1, 2])
def test_queries_find_what_the_manifest_says(make_journal: MakeJournal, seed: int) -> None:
    journal, manifest = make_journal(replace(EVERYTHING, seed=seed, developers=2, rate=0.02))
    storage = JournalStorage(journal)

    async def count(text: str) -> int:
        return len([entry async for entry in storage.query(parse_query(text))])

    assert_queries_find(json.loads(manifest.to_json()), lambda text: asyncio.run(count(text)))


def test_the_index_says_of_each_block_what_is_in_it(make_journal: MakeJournal) -> None:
    journal, _ = make_journal(Plan(seed=9, developers=1, rate=0.3))

    found, decode, told = list(Reader(journal, kinds=EVERY_KIND)), FrameDecoder().entry, 0
    for seal in [frame for frame in found if frame.kind == Kind.SEAL]:
        blocks = decode_seal(seal.payload).blocks
        records = [frame for frame in found if frame.segment == seal.segment and frame.kind == Kind.RECORD]
        for block, end in zip(blocks, [*(block.offset for block in blocks[1:]), seal.offset], strict=True):
            within = [frame for frame in records if block.offset <= frame.offset < end]
            rows = [of_entry(decode(frame)) for frame in within]
            assert block.records == len(within) > 0
            assert block.keys == {key for _, key, _ in rows}
            assert block.levels == sum(1 << severity for severity in {severity for severity, _, _ in rows})
            assert (block.first_ns, block.last_ns) == (rows[0][2], rows[-1][2])
            told += block.records
    assert told == sum(frame.kind == Kind.RECORD for frame in found)


@pytest.mark.parametrize("kind", IncidentKind)
def test_each_incident_leaves_evidence_in_its_window_alone(make_journal: MakeJournal, kind: IncidentKind) -> None:
    quiet, _ = make_journal(Plan(seed=3, rate=0.05))
    journal, manifest = make_journal(Plan(seed=3, rate=0.05, incidents=(kind,)))

    (incident,) = json.loads(manifest.to_json())["incidents"]
    for evidence in incident["evidence"]:
        anywhere = parse_query(evidence["query"].split(" resource.")[0])
        assert evidence["records"] > 0
        assert sum(anywhere.matches(entry) for entry in entries(journal)) == evidence["records"]
        assert not any(anywhere.matches(entry) for entry in entries(quiet))


def test_sessions_are_those_of_the_manifest(make_journal: MakeJournal) -> None:
    journal, manifest = make_journal(Plan(seed=5, days=2, developers=2, rate=0.05))

    sessions = asyncio.run(all_sessions(JournalStorage(journal)))

    expected = json.loads(manifest.to_json())["sessions"]
    assert len(sessions) == len(expected) == 4
    for one in sessions:
        told = expected[one.session_id]
        assert one.status == "Ended"
        assert (one.user_id, one.project_id) == (told["user"], told["project"])
        assert one.started_at == datetime.fromisoformat(told["started_at"])
        assert one.ended_at == datetime.fromisoformat(told["ended_at"])
        assert (one.duration_seconds, one.paused_seconds) == (told["duration_seconds"], told["paused_seconds"])
        assert (one.pause_count, one.event_count, one.spark_count) == (told["pauses"], told["events"], told["sparks"])
        assert (one.action_count, one.actions_by_type) == (told["actions"], told["actions_by_type"])
        assert one.topic_change_count == told["topic_changes"]
        whole = asyncio.run(session_figures(JournalStorage(journal), one.session_id))
        assert whole.records_by_level == told["records_by_level"]


def test_records_that_are_there_already_are_not_written_again(make_journal: MakeJournal) -> None:
    plan = Plan(rate=0.01)
    journal, _ = make_journal(plan)
    before = contents(journal)

    with pytest.raises(JournalUnavailable, match="already"):
        generate(plan, JournalOutput(journal))

    assert contents(journal) == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"days": 0}, "days must be 1 to 3660, not 0"),
        ({"developers": 1001}, "developers must be 1 to 1000"),
        ({"rate": 0.0}, "rate must be more than 0"),
        ({"start": date(1969, 12, 31)}, "start must be a day from 1970-01-01 to 2500-01-01"),
        ({"seed": 1 << 63}, "seed must fit"),
        ({"rate": float("nan")}, "rate must be more than 0"),
        ({"developers": 1, "incidents": (IncidentKind.DISK_FILLING,) * 2}, "disk-filling happens once a day"),
    ],
)
def test_a_plan_that_cannot_be_says_why(options, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Plan(**options)


def test_days_are_working_days_from_the_start_on() -> None:
    plan = Plan(days=3, start=date(2026, 1, 9))

    assert [day.isoformat() for day in plan.dates] == ["2026-01-09", "2026-01-12", "2026-01-13"]
    assert plan.midnight_ns(1) == datetime(2026, 1, 12, tzinfo=UTC).timestamp() * 10**9


def test_minutes_are_told_of_as_they_are_done() -> None:
    told: list[int] = []
    plan = Plan(rate=0.01)

    manifest = generate(plan, _Nowhere(), on_minute=told.append)

    assert len(told) == plan.minutes
    assert told == sorted(told)
    assert told[-1] == manifest.records
