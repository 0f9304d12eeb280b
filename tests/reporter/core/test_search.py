"""The fast search finds exactly what looking at every record finds, in the same order."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings

from otel_bitacora.reporter.core import searched
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.journal import Damage, Reader, merge_segments
from otel_bitacora.reporter.core.journal import segments as journal_segments
from otel_bitacora.reporter.core.journal.frame import Kind, encode_frame, seed_of
from otel_bitacora.reporter.core.query import Compare, Operator, Query, Text
from otel_bitacora.reporter.core.query_text import parse_query
from otel_bitacora.reporter.core.search import Search
from otel_bitacora.reporter.core.stored import FrameDecoder, moment_of
from otel_bitacora.reporter.core.timeline import RECORD_ONLY

from .any_queries import queries
from .full_journals import (
    SECOND,
    START,
    receive,
    write,
    write_all,
    writer_at,
)


@pytest.fixture(scope="module")
def journals(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Path]]:
    """Two journals with everything that a journal can hold, in blocks so small that there are many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal_segments, "BLOCK_BYTES", 1500)
        patch.setattr(searched, "BLOCK_BYTES", 1500)
        first, second = tmp_path_factory.mktemp("journal"), tmp_path_factory.mktemp("other")
        chance = random.Random(7)
        alive = write_all(first, chance)
        alive += write_all(second, chance)
        yield [first, second]
        for writer in alive:
            writer.close()


def looked_through(query: Query, directories: Sequence[Path]) -> list[LogEntry]:
    """Return what is found by parsing every record: the meaning of a query."""
    decoder, found = FrameDecoder(), []
    for frame in Reader(*directories, kinds=RECORD_ONLY):
        entry = decoder.entry(frame)
        if query.matches(entry):
            found.append((moment_of(frame), frame.instance, frame.sequence, entry))
    found.sort(key=lambda each: each[:3], reverse=query.newest_first)
    once = {entry.uid: entry for *_, entry in reversed(found)}
    kept = [entry for *_, entry in found if once[entry.uid] is entry]
    return kept if query.limit is None else kept[: query.limit]


def searched_for(query: Query, directories: Sequence[Path]) -> list[LogEntry]:
    return list(Search(query, *directories))


@settings(
    max_examples=2000 if os.environ.get("BITACORA_SOAK") else 100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(queries)
@example(Query())
@example(Query(where=Text("s")))
@example(Query(where=Text("strasse")))
@example(Query(where=Text("nfeed")))
@example(Query(where=Compare("session", Operator.EQUAL, "7")))
@example(Query(where=Compare("session", Operator.EQUAL, "")))
@example(Query(where=Compare("attr.http.status", Operator.GREATER_OR_EQUAL, "500"), newest_first=True, limit=5))
def test_it_finds_what_looking_at_every_record_finds_in_the_same_order(journals: list[Path], query: Query) -> None:
    # Not the entries themselves: NaN is unequal to itself.
    assert list(map(repr, searched_for(query, journals))) == list(map(repr, looked_through(query, journals)))


def plain(number: int, **values: object) -> LogEntry:
    return LogEntry(
        **{"timestamp_unix_nano": START + number * SECOND, "severity_number": 9, "body": f"message {number}", **values}
    )  # type: ignore[arg-type]


def texts_of(found: Iterator[LogEntry] | list[LogEntry]) -> list[object]:
    return [entry.body for entry in found]


def test_a_record_is_found_by_its_uid_also_one_that_came_without(tmp_path: Path) -> None:
    writer = writer_at(tmp_path)
    write(writer, plain(1))
    receive(writer, plain(2, uid="sender-1"), "elsewhere")
    receive(writer, plain(3), "elsewhere")
    writer.close()
    uids = [entry.uid for entry in looked_through(Query(), [tmp_path])]

    found = [texts_of(searched_for(parse_query(f"uid={uid}"), [tmp_path])) for uid in uids]

    assert uids[2].endswith("-0000000000000003")
    assert found == [["message 1"], ["message 2"], ["message 3"]]


def test_only_blocks_that_may_hold_a_match_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_segments, "BLOCK_BYTES", 1500)
    writer = writer_at(tmp_path)
    for number in range(300):
        session = {"bitacora.session.id": f"s-{number // 100}"}
        write(writer, plain(number, attributes=session, severity_number=17 if number == 150 else 9))
    writer.close()
    read: list[int] = []
    real = searched.SearchedSegment.read
    monkeypatch.setattr(
        searched.SearchedSegment, "read", lambda self, piece: read.append(piece.block.records) or real(self, piece)
    )

    counts = {}
    for query in ("session=s-1", "level=error", "since=2025-11-24T16:04:50Z", "session=s-9"):
        read.clear()
        counts[query] = len(searched_for(parse_query(query), [tmp_path])), sum(read)

    assert [found for found, _ in counts.values()] == [100, 1, 10, 0]
    assert all(records < found + 25 for found, records in counts.values())
    assert counts["session=s-9"] == (0, 0)


def test_no_more_frames_are_parsed_than_hold_the_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = writer_at(tmp_path)
    for number in range(200):
        write(writer, plain(number, attributes={"status": 503 if number % 50 == 0 else 200}))
    writer.close()
    parsed: list[int] = []
    real = FrameDecoder.entry
    monkeypatch.setattr(FrameDecoder, "entry", lambda self, frame: parsed.append(1) or real(self, frame))

    found = [len(searched_for(parse_query(query), [tmp_path])) for query in ('"message 77"', "attr.status>=500")]

    assert found == [1, 4]
    assert len(parsed) == 5


def test_what_is_found_is_given_out_before_the_rest_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_segments, "BLOCK_BYTES", 1500)
    writer = writer_at(tmp_path)
    for number in range(500):
        write(writer, plain(number))
    writer.close()
    search = Search(parse_query("message"), tmp_path)

    first = next(iter(search))

    assert first.body == "message 0"
    assert search.progress.bytes_seen < search.progress.bytes_total / 10


def test_progress_ends_where_all_is_seen(journals: list[Path]) -> None:
    search = Search(parse_query("level>=warn"), *journals)

    count = sum(1 for _ in search)

    progress = search.progress
    assert progress.matches == count > 0
    assert (
        progress.bytes_seen
        == progress.bytes_total
        == sum(path.stat().st_size for journal in journals for path in journal.rglob("*.seg"))
    )


def test_a_stopped_search_ends_with_what_was_found_in_order(journals: list[Path]) -> None:
    search = Search(Query(), *journals)
    found: list[LogEntry] = []
    for chunk in search.chunks():
        found += chunk
        if len(found) > 100:
            search.stop()

    found = [entry for entry in found if len(entry.uid) == 49]  # others are there several times, with other moments
    uids = {entry.uid for entry in found}
    everything = looked_through(Query(), journals)
    assert 100 < len(found) < len(everything)
    assert [entry.uid for entry in found] == [entry.uid for entry in everything if entry.uid in uids]


def test_a_limit_bounds_what_is_held_where_nothing_can_be_given_out_yet(tmp_path: Path) -> None:
    writer = writer_at(tmp_path)
    for number in range(3000):  # each block may hold the newest
        write(writer, plain(number * 1009 % 3000))
    writer.close()
    search = Search(Query(limit=5, newest_first=True), tmp_path)

    held, found = 0, []
    for chunk in search.chunks():
        held = max(held, len(search._found))
        found += chunk

    assert held < 600
    assert texts_of(found) == [f"message {number}" for number in range(2999, 2994, -1)]


@pytest.mark.parametrize("newest_first", [False, True])
def test_what_is_merged_while_it_is_searched_is_neither_lost_nor_repeated(tmp_path: Path, newest_first: bool) -> None:
    for number in range(20):
        writer = writer_at(tmp_path)
        write(writer, plain(number))
        writer.close()
    found: list[LogEntry] = []
    is_merged = False

    for chunk in Search(Query(newest_first=newest_first), tmp_path).chunks():
        found += chunk
        if len(found) > 2 and not is_merged:
            is_merged = merge_segments(tmp_path) is not None

    assert is_merged
    assert texts_of(found) == [f"message {number}" for number in (range(19, -1, -1) if newest_first else range(20))]


def test_many_short_processes_need_few_open_files(tmp_path: Path) -> None:
    writers = [writer_at(tmp_path) for _ in range(40)]
    for number in range(400):
        write(writers[number % 40], plain(number))
    for writer in writers:
        writer.close()
    search = Search(Query(), tmp_path)

    most = max(len(os.listdir("/proc/self/fd")) for _ in search.chunks())  # noqa: PTH208 - names are enough
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    assert most < before + 12


def test_what_a_payload_holds_that_looks_like_a_frame_is_no_record(tmp_path: Path) -> None:
    """Whoever knows a uid could else have a bytes attribute of an application show up as a record of its own."""
    writer = writer_at(tmp_path)
    forged = encode_frame(
        plain(9, body="forged words").to_otlp(),
        kind=Kind.RECORD,
        sequence=99,
        seed=seed_of(writer.instance_id),
        severity=9,
        scope_length=2,
    )
    write(writer, plain(1, attributes={"request": forged}))
    write(writer, plain(2, body="forged words, they say"))
    writer.close()

    assert (
        texts_of(searched_for(parse_query('"forged words"'), [tmp_path])) == ["message 1", "forged words, they say"][1:]
    )
    assert len(searched_for(parse_query("attr.request=*orged*"), [tmp_path])) == 1


def test_a_newer_segment_and_one_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    writer = writer_at(tmp_path)
    write(writer, plain(1))
    writer.close()
    (tmp_path / f"{'ab' * 16}-00000000.seg").write_bytes(b"no segment at all")
    told: list[Damage] = []

    found = list(Search(Query(), tmp_path, on_damage=told.append))

    assert texts_of(found) == ["message 1"]
    assert [damage.reason for damage in told] == ["the header is cut off"]


def test_damage_is_told_once_each_as_a_reader_tells_it(journals: list[Path]) -> None:
    told: list[Damage] = []
    expected: list[Damage] = []

    list(Search(Query(), *journals, on_damage=told.append))
    list(Reader(*journals, kinds=RECORD_ONLY, on_damage=expected.append))

    assert expected
    assert {(damage.segment, damage.start) for damage in told} == {(each.segment, each.start) for each in expected}
    assert len(told) == len(expected)
