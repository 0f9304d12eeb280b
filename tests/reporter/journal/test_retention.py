"""Bounds: what is settled goes first, oldest first; when nothing is, the lowest severities are refused, and counted."""

import json
import os

import pytest

from otel_bitacora.reporter.core.journal.merge import merge_segments
from otel_bitacora.reporter.core.journal.reader import Reader
from otel_bitacora.reporter.core.journal.retention import Bounds, enforce, list_segments, read_checkpoint
from otel_bitacora.reporter.core.journal.verify import verify_journal


def register(journal, name: str, positions: dict[bytes, tuple[int, int]] | None, *, registered_ns: int = 0) -> None:
    folder = journal.directory / "exporters" / name
    folder.mkdir(parents=True, exist_ok=True)
    if positions is None:
        return
    entries = [{"instance": i.hex(), "segment": s, "offset": o} for i, (s, o) in positions.items()]
    content = {"version": 1, "registered_ns": registered_ns, "positions": entries}
    (folder / "checkpoint").write_text(json.dumps(content))


def used_bytes(journal) -> int:
    return sum(file.size_bytes for file in list_segments(str(journal.directory)))


def test_without_exporters_the_oldest_segments_make_room(journal) -> None:
    writer = journal.writer(max_bytes=256 << 10, sync="never")

    peak = 0
    for number in range(1, 5001):
        journal.append(writer, number, size=200)
        if number % 100 == 0:
            peak = max(peak, used_bytes(journal))

    numbers = journal.numbers()
    assert peak <= 256 << 10
    assert numbers == list(range(numbers[0], 5001))
    assert len(numbers) > 500
    assert writer.stats().counts.dropped == {}
    (balance,) = verify_journal(journal.directory).instances.values()
    assert balance.is_balanced
    assert (balance.retired, balance.missing) == (numbers[0] - 1, 0)


def test_old_settled_segments_go_by_age(journal) -> None:
    writer = journal.writer(max_age_seconds=3600, segment_bytes=4096)
    for number in range(1, 101):
        journal.append(writer, number)
    old = journal.segments()[0]
    long_ago = journal.clock.time_ns() / 1e9 - 7200
    for path in journal.segments():
        os.utime(path, (long_ago, long_ago))

    journal.clock.advance(120)
    journal.append(writer, 101)

    assert not old.exists()
    assert 101 in journal.numbers()


def test_an_exporter_that_is_behind_pins_what_it_has_not_delivered_and_low_severities_are_refused_first(
    journal,
) -> None:
    writer = journal.writer(max_bytes=256 << 10, sync="never")
    register(journal, "slow", {})
    refused_at: dict[int, int] = {}

    number = 0
    for _ in range(1500):
        for severity in (5, 9, 13, 17):
            number += 1
            before = sum(writer.stats().counts.dropped.values())
            journal.append(writer, number, severity=severity, size=100)
            if sum(writer.stats().counts.dropped.values()) > before and severity not in refused_at:
                refused_at[severity] = used_bytes(journal)
    full = used_bytes(journal)
    register(journal, "slow", {writer.instance_id: (10**6, 0)})
    journal.clock.advance(120)
    for fresh in range(200):
        journal.append(writer, number + 1 + fresh, severity=17, size=100)
    writer.close()

    assert list(refused_at) == [5, 9, 13, 17]
    bound = 256 << 10
    assert 0.74 * bound < refused_at[5] < 0.82 * bound
    assert 0.84 * bound < refused_at[9] < 0.92 * bound
    assert 0.89 * bound < refused_at[13] < 0.97 * bound
    assert full <= bound
    assert journal.numbers()[-1] == number + 200
    (balance,) = verify_journal(journal.directory).instances.values()
    assert balance.is_balanced
    assert balance.missing == 0
    assert balance.tombstoned.get("journal_full", 0) > 0


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"version": 2, "positions": []}', '{"version": 1}'])
def test_an_exporter_whose_checkpoint_cannot_be_read_pins_everything(journal, content: str | None) -> None:
    writer = journal.writer(segment_bytes=4096)
    for number in range(200):
        journal.append(writer, number)
    writer.close()
    register(journal, "broken", None)
    if content is not None:
        (journal.directory / "exporters" / "broken" / "checkpoint").write_text(content)

    kept = enforce(str(journal.directory), Bounds(8192, 3600, 0), now=journal.clock.time_ns())

    assert kept.deleted == []
    assert kept.severity_floor == 25


def test_a_position_is_on_the_disk_before_what_lies_behind_it_is_deleted(journal) -> None:
    writer = journal.writer(segment_bytes=4096)
    for number in range(200):
        journal.append(writer, number)
    writer.close()
    register(journal, "fast", {writer.instance_id: (10**6, 0)})
    journal.host.calls.clear()

    enforce(str(journal.directory), Bounds(8192, 3600, 0), now=1.0, host=journal.host)

    calls = [call for call in journal.host.calls if call in {"fsync", "unlink"}]
    assert calls[:2] == ["fsync", "fsync"]
    assert "unlink" in calls


def test_a_checkpoint_says_how_far_an_exporter_has_come(journal) -> None:
    register(journal, "one", {b"i" * 16: (3, 77)}, registered_ns=5)

    checkpoint = read_checkpoint(str(journal.directory / "exporters" / "one" / "checkpoint"))

    assert checkpoint.positions == {b"i" * 16: (3, 77)}
    assert checkpoint.registered_ns == 5


def test_the_segment_that_is_being_written_is_never_deleted(journal) -> None:
    writer = journal.writer()
    journal.append(writer, 1)

    kept = enforce(str(journal.directory), Bounds(10, 0, 0), now=1e12)

    assert kept.deleted == []
    assert journal.numbers() == [1]


def short_lived(journal, count: int) -> list[bytes]:
    """Return the instances of *count* writers that logged little and ended."""
    instances = []
    for n in range(count):
        writer = journal.writer(resource=b"resource %d" % n, sync="never")
        writer.drop("sampled")
        for number in range(3):
            journal.append(writer, 100 * n + number)
        journal.append(writer, 100 * n + 3)
        writer.close()
        instances.append(writer.instance_id)
    return instances


def test_many_small_settled_segments_become_one_and_every_record_keeps_its_identity(journal) -> None:
    instances = short_lived(journal, 30)
    before = [(f.instance, f.sequence, bytes(f.payload), f.resource, f.severity) for f in journal.frames()]

    merged = merge_segments(journal.directory)

    after = [(f.instance, f.sequence, bytes(f.payload), f.resource, f.severity) for f in journal.frames()]
    assert merged is not None
    assert [file.path for file in list_segments(str(journal.directory))] == [str(merged)]
    assert sorted(after) == sorted(before)
    assert {f.instance for f in journal.frames()} == set(instances)
    assert journal.damage == []
    verification = verify_journal(journal.directory)
    assert verification.is_whole
    assert all(balance.tombstoned == {"sampled": 1} for balance in verification.instances.values())


def test_a_writer_that_lives_and_exporters_that_are_behind_keep_their_segments_out_of_a_merge(journal) -> None:
    instances = short_lived(journal, 30)
    live = journal.writer()
    journal.append(live, 9999)
    register(journal, "behind", dict.fromkeys(instances[5:], (10**6, 0)))

    merge_segments(journal.directory)

    left = {file.instance for file in list_segments(str(journal.directory))}
    assert live.instance_id in left
    assert set(instances[:5]) <= left
    assert not set(instances[5:]) & left


@pytest.mark.parametrize("step", range(0, 60, 3))
def test_a_merge_that_is_interrupted_anywhere_loses_and_repeats_nothing(journal, step: int) -> None:
    short_lived(journal, 20)
    before = sorted((f.instance, f.sequence) for f in journal.frames())
    left = step

    class Killed(BaseException):
        pass

    def kill(_: str) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            journal.host.on_call = None
            journal.host.errors = dict.fromkeys(["unlink", "rename", "write", "open", "fsync"], 5)
            raise Killed

    journal.host.on_call = kill
    try:
        merge_segments(journal.directory, host=journal.host)
    except (Killed, OSError):
        during = sorted((f.instance, f.sequence) for f in journal.frames())
        assert during == before
    journal.host.on_call, journal.host.errors = None, {}
    merge_segments(journal.directory, host=journal.host)

    assert sorted((f.instance, f.sequence) for f in journal.frames()) == before


def test_what_was_merged_is_not_delivered_again_to_those_who_were_there_before(journal) -> None:
    instances = short_lived(journal, 20)
    register(journal, "old", dict.fromkeys(instances, (10**6, 0)), registered_ns=1)
    merged = merge_segments(journal.directory, wall_ns=lambda: 1000)

    old = list(Reader(journal.directory, registered_ns=1))
    new = list(Reader(journal.directory, registered_ns=2000))
    kept = enforce(str(journal.directory), Bounds(10, 1e18, 0), now=1.0)

    assert old == []
    assert len([frame for frame in new if frame.kind == 1]) == 80
    assert kept.deleted == [str(merged)]
