"""Writer and Reader together on a disk that behaves."""

import subprocess
import sys
import threading
from collections import defaultdict
from itertools import islice
from pathlib import Path

import pytest

from otel_bitacora.reporter.core import journal as door
from otel_bitacora.reporter.core.journal.frame import Kind
from otel_bitacora.reporter.core.journal.index import ALL_LEVELS, decode_seal
from otel_bitacora.reporter.core.journal.reader import EVERY_KIND, Position, Reader
from otel_bitacora.reporter.core.journal.verify import verify_journal
from otel_bitacora.reporter.core.journal.writer import Writer


def test_what_was_appended_is_read_back_in_order_with_its_uid(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "journal", resource=b"the resource")

    sequences = [writer.append(b"scope before-%d " % i, b" after", scope_length=5, severity=9) for i in range(300)]
    frames = list(Reader(tmp_path / "journal"))

    assert sequences == list(range(1, 301))
    assert [frame.sequence for frame in frames] == sequences
    uid = f"{writer.instance_id.hex()}-{7:016x}".encode()
    assert bytes(frames[6].payload) == b"scope before-6 " + uid + b" after"
    assert bytes(frames[6].payload[: frames[6].scope_length]) == b"scope"
    assert (frames[6].resource, frames[6].instance, frames[6].severity) == (b"the resource", writer.instance_id, 9)


def test_one_record_is_one_write(journal) -> None:
    writer = journal.writer()
    journal.append(writer, 1)
    journal.host.calls.clear()

    for number in range(2, 12):
        journal.append(writer, number)

    assert journal.host.calls == ["write"] * 10


def test_a_writer_of_which_nothing_is_asked_leaves_no_file(journal) -> None:
    writer = journal.writer()

    assert writer.close()
    assert list(journal.directory.iterdir()) == []


@pytest.mark.parametrize("closed", [False, True])
def test_many_segments_read_as_one_stream(journal, closed: bool) -> None:
    writer = journal.writer(segment_bytes=4096, sync="never")

    for i in range(500):
        journal.append(writer, i, size=200)
    if closed:
        writer.close()

    assert journal.sequences() == list(range(1, 501))
    assert len(journal.segments()) > 10
    assert journal.damage == []


def test_a_follower_gets_each_record_once_while_it_is_written(journal) -> None:
    writer = journal.writer(segment_bytes=4096, sync="never")
    reader = Reader(journal.directory)
    got: list[int] = []

    for i in range(400):
        journal.append(writer, i, size=100)
        if i % 7 == 0:
            got += [frame.sequence for frame in reader.poll()]
    got += [frame.sequence for frame in reader.poll()]

    assert got == list(range(1, 401))


def test_a_reader_that_leaves_a_poll_goes_on_after_the_last_frame_it_took(journal) -> None:
    writer = journal.writer(segment_bytes=4096, sync="never")
    for i in range(100):
        journal.append(writer, i)
    reader = Reader(journal.directory)

    first = [frame.sequence for frame in islice(reader.poll(), 37)]
    rest = [frame.sequence for frame in reader.poll()]

    assert first + rest == list(range(1, 101))


@pytest.mark.parametrize("taken", [0, 1, 37, 99, 100])
def test_a_new_reader_goes_on_at_the_positions_of_an_old_one(journal, taken: int) -> None:
    writer = journal.writer(segment_bytes=4096, sync="never")
    for i in range(100):
        journal.append(writer, i)
    old = Reader(journal.directory)
    frames = list(islice(old.poll(), taken))
    positions = {frame.instance: Position(frame.segment.number, frame.end) for frame in frames}

    new = Reader(journal.directory, positions=positions)

    assert [frame.sequence for frame in new.poll()] == list(range(taken + 1, 101))
    assert list(new.poll()) == []


def test_records_of_others_keep_their_resource_and_uid(journal) -> None:
    writer = journal.writer(segment_bytes=16384)
    resources = [b"", b"resource", b"first", b"second"]

    for i in range(400):
        writer.append_received(b"%d:" % i, resource=resources[i % 4], scope_length=1, severity=9)
        journal.append(writer, i)
    frames = journal.frames()
    late = frames[600]
    resumed = Reader(journal.directory, positions={late.instance: Position(late.segment.number, late.end)}).poll()

    received = [frame for frame in frames if bytes(frame.payload).endswith(b":") and len(frame.payload) < 9]
    assert [bytes(frame.payload) for frame in received] == [b"%d:" % i for i in range(400)]
    assert [frame.resource for frame in received] == [resources[i % 4] or b"resource" for i in range(400)]
    assert [(f.sequence, f.resource) for f in resumed] == [(f.sequence, f.resource) for f in frames[601:]]


def test_drops_take_sequence_numbers_and_the_balance_holds(journal) -> None:
    writer = journal.writer()

    for i in range(100):
        journal.append(writer, i)
        if i % 3 == 0:
            writer.drop("rate_limit")
        if i % 5 == 0:
            writer.drop("filter", 4)
    writer.drop("filter")
    writer.close()

    verification = verify_journal(journal.directory)
    (balance,) = verification.instances.values()
    assert balance.tombstoned == {"rate_limit": 34, "filter": 81}
    assert (balance.journalled, balance.last_sequence) == (100, 215)
    assert writer.stats().journalled == 100
    assert verification.is_whole


def test_drops_alone_are_told_at_flush_and_when_they_are_many(journal) -> None:
    writer = journal.writer()

    for _ in range(400):
        writer.drop("a")
        writer.drop("b")
    early = verify_journal(journal.directory).instances[writer.instance_id].last_sequence
    writer.flush()

    (balance,) = verify_journal(journal.directory).instances.values()
    assert early > 500
    assert balance.tombstoned == {"a": 400, "b": 400}


def test_the_seal_knows_what_lies_where(journal) -> None:
    writer = journal.writer()
    for i in range(2000):
        key = (f"session {i // 1000}", "logger")
        writer.append(b"%d:" % i, b"x" * 300, scope_length=0, severity=9 + 8 * (i % 2), key=key, time_ns=1000 + i)
    writer.close()

    (seal,) = [frame for frame in Reader(journal.directory, kinds=EVERY_KIND) if frame.kind == Kind.SEAL]
    index = decode_seal(seal.payload)

    assert (index.last_sequence, index.records, index.data_end) == (2000, 2000, seal.offset)
    assert len(index.blocks) > 4
    assert index.blocks[0].keys == {("session 0", "logger")}
    assert index.blocks[-1].keys == {("session 1", "logger")}
    assert all(block.levels == 1 << 9 | 1 << 17 for block in index.blocks)
    assert (index.blocks[0].first_ns, index.blocks[-1].last_ns) == (1000, 2999)
    for frame in journal.frames():
        block = [block for block in index.blocks if block.offset <= frame.offset][-1]
        assert block.first_ns <= 999 + frame.sequence <= block.last_ns


def test_a_block_with_more_keys_than_are_kept_says_any(journal) -> None:
    writer = journal.writer()
    for i in range(5000):
        writer.append(b"%d:" % i, b"", scope_length=0, severity=24, key=(str(i), ""), time_ns=1)
    writer.close()

    (seal,) = [frame for frame in Reader(journal.directory, kinds=EVERY_KIND) if frame.kind == Kind.SEAL]
    blocks = decode_seal(seal.payload).blocks

    assert all(block.is_any for block in blocks)
    assert all(block.levels & ALL_LEVELS for block in blocks)


def test_threads_share_one_stream_in_the_order_of_its_numbers(journal) -> None:
    writer = journal.writer(segment_bytes=65536)
    returned: dict[int, list[int]] = defaultdict(list)

    def work(number: int) -> None:
        for i in range(50):
            returned[number].append(journal.append(writer, 1000 * number + i, severity=17 if i % 25 == 0 else 9))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    frames = journal.frames()
    assert [frame.sequence for frame in frames] == list(range(1, 5001))
    by_sequence = {frame.sequence: int(bytes(frame.payload).split(b":")[0]) for frame in frames}
    for number, sequences in returned.items():
        assert sequences == sorted(sequences)
        assert [by_sequence[sequence] for sequence in sequences] == [1000 * number + i for i in range(50)]


def test_several_journals_are_read_together(tmp_path: Path) -> None:
    for name in ("one", "two"):
        Writer(tmp_path / name, resource=b"").append(name.encode(), b"", scope_length=0, severity=9)

    frames = list(Reader(tmp_path / "one", tmp_path / "two", tmp_path / "absent"))

    assert [bytes(frame.payload)[:3] for frame in frames] == [b"one", b"two"]


def test_writing_loads_nothing_but_the_standard_library_and_no_reader() -> None:
    program = (
        "import sys; from otel_bitacora.reporter.core.journal import Writer; "
        "print(*sorted({name.partition('.')[0] for name in sys.modules} - set(sys.stdlib_module_names))); "
        "print(*(name for name in sys.modules if name.endswith(('.reader', '.merge', '.verify'))))"
    )

    result = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)

    loaded = set(result.stdout.split("\n")[0].split())
    loaded.discard("sitecustomize")  # Debian's own
    assert {name for name in loaded if not name.startswith("_")} == {"otel_bitacora"}
    assert result.stdout.split("\n")[1] == ""


def test_every_public_name_can_be_had() -> None:
    classes_and_functions = [name for name in door.__all__ if not name.isupper()]

    assert [getattr(door, name).__name__ for name in classes_and_functions] == classes_and_functions
    assert frozenset(Kind) == door.EVERY_KIND


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Wrtier'"):
        door.Wrtier  # noqa: B018
