from pathlib import Path

import pytest

from otel_bitacora.reporter.core.journal.reader import Reader
from otel_bitacora.reporter.core.journal.writer import Writer


def test_what_was_appended_is_read_back_in_order_with_its_uid(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "journal", resource=b"the resource")

    sequences = [writer.append(b"scope before-%d " % i, b" after", scope_length=5, severity=9) for i in range(300)]
    frames = list(Reader(tmp_path / "journal"))

    assert sequences == list(range(1, 301))
    assert [frame.sequence for frame in frames] == sequences
    uid = f"{writer.instance_id.hex()}-{7:016x}".encode()
    assert bytes(frames[6].payload) == b"scope before-6 " + uid + b" after"
    assert (frames[6].resource, frames[6].instance, frames[6].severity) == (b"the resource", writer.instance_id, 9)


@pytest.mark.parametrize("closed", [False, True])
def test_many_segments_read_as_one_stream(tmp_path: Path, closed: bool) -> None:
    writer = Writer(tmp_path, resource=b"r", segment_bytes=4096, sync="never")

    for i in range(500):
        writer.append(b"%d " % i, b"x" * 200, scope_length=0, severity=9)
    if closed:
        writer.close()
    damage: list[object] = []
    frames = list(Reader(tmp_path, on_damage=damage.append))

    assert [frame.sequence for frame in frames] == list(range(1, 501))
    assert len(list(tmp_path.glob("*.seg"))) > 10
    assert damage == []


def test_a_follower_gets_each_record_once_while_it_is_written(tmp_path: Path) -> None:
    writer = Writer(tmp_path, resource=b"r", segment_bytes=4096, sync="never")
    reader = Reader(tmp_path)
    got: list[int] = []

    for i in range(400):
        writer.append(b"%d " % i, b"x" * 100, scope_length=0, severity=9)
        if i % 7 == 0:
            got += [frame.sequence for frame in reader.poll()]
    got += [frame.sequence for frame in reader.poll()]

    assert got == list(range(1, 401))
