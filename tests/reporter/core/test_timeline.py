"""Order of records from several instances, and the last ones without reading everything."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bitacora.reporter.core.encode import RecordEncoder
from otel_bitacora.reporter.core.entry import LogEntry
from otel_bitacora.reporter.core.journal import Damage, Reader, Writer, merge_segments
from otel_bitacora.reporter.core.journal.frame import Kind
from otel_bitacora.reporter.core.journal.scan import Frame, SegmentRef
from otel_bitacora.reporter.core.stored import FrameDecoder, moment_of, uid_of
from otel_bitacora.reporter.core.timeline import RECORD_ONLY, by_time, in_order, newest

ENCODER = RecordEncoder()
SECOND = 1_000_000_000
START = 1_764_000_000 * SECOND


class Process:
    """One instance whose clock a test sets."""

    def __init__(self, directory: Path, begin: int = 0) -> None:
        self.clock = begin
        self.writer = Writer(
            directory, resource=b"", segment_bytes=4096, reserve_bytes=0, wall_ns=lambda: START + self.clock * SECOND
        )

    def log(self, moment: int, text: str) -> None:
        self.clock = moment
        entry = LogEntry(timestamp_unix_nano=START + moment * SECOND, body=text)
        before, after, scope_length = ENCODER.encode_entry(entry)
        self.writer.append(before, after, scope_length=scope_length, severity=9, time_ns=entry.timestamp_unix_nano)


def texts(frames: list[Frame]) -> list[object]:
    return [FrameDecoder().entry(frame).body for frame in frames]


def read(directory: Path) -> list[object]:
    return texts(list(by_time(Reader(directory, kinds=RECORD_ONLY))))


def test_instances_that_run_at_once_are_merged_by_time(tmp_path: Path) -> None:
    processes = [Process(tmp_path) for _ in range(5)]
    chance = random.Random(1)

    for moment in range(1000):
        chance.choice(processes).log(moment, f"{moment}")

    assert read(tmp_path) == [str(moment) for moment in range(1000)]


def test_instances_that_ran_one_after_the_other_are_opened_one_after_the_other(tmp_path: Path) -> None:
    for number in range(20):
        process = Process(tmp_path)
        for moment in range(10):
            process.log(number * 100 + moment, f"{number * 100 + moment}")
        process.writer.close()
    reader = Reader(tmp_path, kinds=RECORD_ONLY)

    frames = by_time(reader)
    first = next(frames)

    assert texts([first]) == ["0"]
    assert len(reader._finished) == 1
    assert texts(list(frames)) == [str(n * 100 + moment) for n in range(20) for moment in range(10)][1:]


@pytest.mark.parametrize("is_merged", [True, False])
def test_many_short_processes_at_once_need_few_open_files(tmp_path: Path, is_merged: bool) -> None:
    for number in range(400):
        process = Process(tmp_path)
        process.log(number // 400, f"{number}")
        process.writer.close()
    if is_merged:
        for _ in range(25):
            merge_segments(tmp_path, target_bytes=2000)
    program = f"""
import resource
from pathlib import Path
from otel_bitacora.reporter.core.journal import Reader
from otel_bitacora.reporter.core.timeline import RECORD_ONLY, by_time, newest

resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))
told = []
frames = by_time(Reader(Path({str(tmp_path)!r}), kinds=RECORD_ONLY, on_damage=told.append))
print(len(list(frames)), len(newest([Path({str(tmp_path)!r})], 300)), len(told))
"""

    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert (result.stdout, result.stderr) == ("400 300 0\n", "")
    assert len(list((tmp_path / "settled").glob("*.seg"))) > 20 or not is_merged


def test_a_clock_that_jumps_back_does_not_disturb_the_order_within_a_process(tmp_path: Path) -> None:
    process, other = Process(tmp_path), Process(tmp_path)
    for moment, text in [(10, "a"), (20, "b"), (5, "c"), (30, "d")]:
        process.log(moment, text)
    other.log(25, "other")

    assert read(tmp_path) == ["a", "b", "c", "other", "d"]
    assert texts(newest([tmp_path], 10)) == ["a", "b", "c", "other", "d"]


def test_merged_segments_are_taken_apart_again(tmp_path: Path) -> None:
    processes = [Process(tmp_path) for _ in range(16)]
    for moment in range(160):
        processes[moment % 16].log(moment, f"{moment}")
    for process in processes:
        process.writer.close()
    Process(tmp_path).log(200, "200")
    merge_segments(tmp_path)
    assert list((tmp_path / "settled").glob("*.seg"))

    assert read(tmp_path) == [*[str(moment) for moment in range(160)], "200"]
    assert texts(newest([tmp_path], 3)) == ["158", "159", "200"]


def test_what_is_merged_while_it_is_read_is_neither_lost_nor_repeated(tmp_path: Path) -> None:
    for number in range(20):
        process = Process(tmp_path)
        process.log(number * 100, f"{number}")
        process.writer.close()
    frames = by_time(Reader(tmp_path, kinds=RECORD_ONLY))
    first = [next(frames), next(frames)]

    assert merge_segments(tmp_path) is not None

    assert texts(first + list(frames)) == [str(number) for number in range(20)]


def test_of_journals_whose_names_begin_alike_each_is_read_once(tmp_path: Path) -> None:
    one, other = tmp_path / "journal", tmp_path / "journal2"
    for directory in (one, other):
        process = Process(directory)
        for moment in range(3):
            process.log(moment, f"{directory.name} {moment}")
        process.writer.close()
    (segment,) = other.glob("*.seg")
    data = bytearray(segment.read_bytes())
    data[data.index(b"journal2 1")] ^= 1
    segment.write_bytes(data)
    told: list[Damage] = []
    reader = Reader(one, other, kinds=RECORD_ONLY, on_damage=told.append)

    found = [texts(list(reader.poll())) for _ in range(3)]

    assert found == [["journal 0", "journal 1", "journal 2", "journal2 0", "journal2 2"], [], []]
    assert len(told) == 1


@pytest.mark.parametrize("count", [0, 1, 7, 500, 1000])
def test_the_newest_are_the_end_of_the_whole(tmp_path: Path, count: int) -> None:
    processes = [Process(tmp_path) for _ in range(3)]
    for moment in range(500):
        processes[moment % 3].log(moment, f"{moment}")

    assert texts(newest([tmp_path], count)) == [str(moment) for moment in range(500)][500 - min(count, 500) :]


def test_the_newest_are_found_without_reading_old_segments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from otel_bitacora.reporter.core import timeline

    process = Process(tmp_path)
    for moment in range(500):
        process.log(moment, f"{moment}")
    segments = sorted(tmp_path.glob("*.seg"))
    for number, segment in enumerate(segments):
        when = START // SECOND + 500 - 40 * (len(segments) - number - 1)
        os.utime(segment, (when, when))
    asked: list[str] = []
    records = timeline._records
    monkeypatch.setattr(timeline, "_records", lambda file, **kw: asked.append(file.path) or records(file, **kw))

    assert texts(newest([tmp_path], 5)) == [str(moment) for moment in range(495, 500)]
    assert len(asked) < len(segments) / 2


def test_a_reader_that_skipped_to_the_end_yields_what_comes(tmp_path: Path) -> None:
    old, gone = Process(tmp_path), Process(tmp_path)
    for moment in range(300):
        old.log(moment, "old")
        gone.log(moment, "gone")
    gone.writer.close()
    reader = Reader(tmp_path, kinds=RECORD_ONLY)

    reader.skip_to_end()
    before = list(reader.poll())
    for moment in range(300, 600):
        old.log(moment, f"{moment}")
    Process(tmp_path).log(600, "600")

    assert before == []
    assert texts(in_order(reader.poll())) == [str(moment) for moment in range(300, 601)]


def test_an_instance_that_sealed_its_segment_may_go_on_after_a_skip(tmp_path: Path) -> None:
    process = Process(tmp_path)
    process.log(1, "old")
    process.writer.close()
    reader = Reader(tmp_path, kinds=RECORD_ONLY)
    reader.skip_to_end()

    process.log(2, "new")

    assert texts(list(reader.poll())) == ["new"]


def test_the_newest_before_a_position_leave_out_what_a_follower_will_get(tmp_path: Path) -> None:
    process = Process(tmp_path)
    for moment in range(10):
        process.log(moment, f"{moment}")
    reader = Reader(tmp_path, kinds=RECORD_ONLY)
    reader.skip_to_end()

    process.log(10, "10")
    Process(tmp_path).log(11, "11")

    assert texts(newest([tmp_path], 3, before=reader.positions)) == ["7", "8", "9"]
    assert texts(in_order(reader.poll())) == ["10", "11"]


def frame(payload: bytes, scope_length: int = 0, sequence: int = 1) -> Frame:
    ref = SegmentRef("segment", b"i" * 16, 0)
    return Frame(b"i" * 16, sequence, Kind.RECORD, 9, memoryview(payload), scope_length, b"", ref, 0, 0)


entries = st.builds(
    LogEntry,
    timestamp_unix_nano=st.integers(0, 2**64 - 1),
    observed_unix_nano=st.integers(0, 2**64 - 1),
    severity_number=st.integers(0, 24),
    body=st.text(max_size=300),
    logger=st.text(max_size=200),
    scope_version=st.text(max_size=5),
)


@given(entries)
def test_the_moment_is_read_as_the_official_classes_read_it(entry: LogEntry) -> None:
    before, after, scope_length = ENCODER.encode_entry(entry)

    found = moment_of(frame(before + b"u" * 49 + after, scope_length))

    assert found == (entry.timestamp_unix_nano or entry.observed_unix_nano)


@pytest.mark.parametrize("size", [0, 50, 200, 20_000])
def test_the_moment_of_an_ordinary_record_is_read_without_parsing_it(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = LogEntry(timestamp_unix_nano=123_456_789_000, body="x" * size, logger="app")
    before, after, scope_length = ENCODER.encode_entry(entry)
    monkeypatch.setattr(LogEntry, "from_otlp", lambda *_: pytest.fail("parsed"))

    assert moment_of(frame(before + b"u" * 49 + after, scope_length)) == 123_456_789_000


@given(st.binary(max_size=60), st.integers(0, 70))
def test_bytes_that_are_no_record_have_no_moment_and_do_no_harm(payload: bytes, scope_length: int) -> None:
    assert moment_of(frame(payload, scope_length)) >= 0


def test_a_record_without_uid_has_the_identity_that_the_journal_gave_it() -> None:
    found = FrameDecoder().entry(frame(LogEntry(body="x").to_otlp(), sequence=255))

    assert found.uid == uid_of(frame(b"", sequence=255)) == f"{(b'i' * 16).hex()}-00000000000000ff"
