"""Records taken in bulk are those that come one by one, whatever was done to the journal."""

import random

import pytest

from otel_bitacora.reporter.core.journal.reader import EVERY_KIND, Reader
from otel_bitacora.reporter.core.journal.scan import Run, RunLimit


def one_by_one(directory) -> list[tuple]:
    return [
        (frame.instance, frame.sequence, bytes(frame.payload), frame.scope_length, frame.resource)
        for frame in Reader(directory)
        if frame.kind == 1
    ]


def in_bulk(directory, limit: RunLimit) -> list[tuple]:
    found = []
    for chain in Reader(directory, kinds=EVERY_KIND, runs=limit).chains_of_runs():
        for run in chain.frames:
            if isinstance(run, Run):
                assert len(run.payloads) <= limit.records
                for offset, (payload, scope_length) in enumerate(zip(run.payloads, run.scope_lengths, strict=True)):
                    found.append((run.instance, run.first_sequence + offset, payload, scope_length, run.resource))
    return found


def fill(journal) -> None:
    for _ in range(3):
        writer = journal.writer(segment_bytes=4096)
        for number in range(60):
            journal.append(writer, number, size=number)
            if number % 20 == 5:
                writer.drop("rate_limited")
            if number % 7 == 0:
                writer.append_received(
                    b"received %d" % number, resource=b"r%d" % (number % 2), scope_length=3, severity=9
                )


@pytest.mark.parametrize(
    "limit", [RunLimit(1, 1 << 20), RunLimit(7, 1 << 20), RunLimit(1000, 1 << 20), RunLimit(1000, 1)]
)
def test_they_are_the_same_of_a_whole_journal(journal, limit) -> None:
    fill(journal)

    assert in_bulk(journal.directory, limit) == one_by_one(journal.directory)


def test_they_are_the_same_of_a_damaged_one_and_of_one_with_copies(journal) -> None:
    choose = random.Random(3)
    fill(journal)
    for segment in journal.segments():
        data = bytearray(segment.read_bytes())
        for _ in range(choose.randrange(4)):
            data[choose.randrange(len(data))] ^= 1 << choose.randrange(8)
        segment.write_bytes(data)
    first, second = journal.segments()[:2]
    second.write_bytes(second.read_bytes() + first.read_bytes()[-600:])

    assert in_bulk(journal.directory, RunLimit(10, 1 << 20)) == one_by_one(journal.directory)


def test_a_position_is_behind_the_last_run_taken(journal) -> None:
    fill(journal)
    reader = Reader(journal.directory, kinds=EVERY_KIND, runs=RunLimit(5, 1 << 20))
    seen = []
    for chain in reader.chains_of_runs():
        run = next(found for found in chain.frames if isinstance(found, Run))
        seen += [(run.instance, run.first_sequence + offset) for offset in range(len(run.payloads))]

    later = [
        (frame.instance, frame.sequence)
        for frame in Reader(journal.directory, positions=reader.positions)
        if frame.kind == 1
    ]

    assert sorted(seen + later) == sorted(record[:2] for record in one_by_one(journal.directory))
