"""SIGKILL at a random acknowledgement: nothing that `append` returned for may be missing."""

import os
import random
import signal
import struct
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from otel_bitacora.reporter.core.journal.reader import Damage, Reader
from otel_bitacora.reporter.core.journal.verify import verify_journal
from otel_bitacora.reporter.core.journal.writer import Writer

ROUNDS = 60 if os.environ.get("BITACORA_SOAK") else 6
PROCESSES = 4
ACKNOWLEDGEMENT = struct.Struct("<HQ")

PRODUCER = """
import os, struct, sys
from pathlib import Path
from otel_bitacora.reporter.core.journal.writer import Writer

journal, number, pipe = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
writer = Writer(journal, resource=b"producer %d" % number, segment_bytes=16384)
i = 0
while True:
    i += 1
    severity = 17 if i % 50 == 0 else 9
    writer.append(b"%d:%d:" % (number, i), b":" + b"x" * (i * 7919 % 900), scope_length=2, severity=severity)
    os.write(pipe, struct.pack("<HQ", number, i))
"""


def acknowledged_before_kill(journal: Path, kill_after: int) -> dict[int, int]:
    """Return, by producer, how many records were acknowledged before all were killed at the given one."""
    read_end, write_end = os.pipe()
    producers = [
        subprocess.Popen([sys.executable, "-c", PRODUCER, journal, str(n), str(write_end)], pass_fds=[write_end])
        for n in range(PROCESSES)
    ]
    os.close(write_end)
    received = b""
    while len(received) < kill_after * ACKNOWLEDGEMENT.size:
        received += os.read(read_end, 65536)
    for producer in producers:
        producer.send_signal(signal.SIGKILL)
    for producer in producers:
        producer.wait(30)
    while piece := os.read(read_end, 65536):
        received += piece
    os.close(read_end)
    last: dict[int, int] = {}
    for number, i in ACKNOWLEDGEMENT.iter_unpack(received[: len(received) // 10 * 10]):
        last[number] = max(i, last.get(number, 0))
    return last


@pytest.mark.parametrize("round_number", range(ROUNDS))
def test_no_acknowledged_record_is_lost_to_sigkill(tmp_path: Path, round_number: int) -> None:
    kill_after = random.Random(round_number).randrange(1, 20000)
    damage: list[Damage] = []

    acknowledged = acknowledged_before_kill(tmp_path, kill_after)
    found: dict[int, list[int]] = defaultdict(list)
    for frame in Reader(tmp_path, on_damage=damage.append):
        number, i, rest = bytes(frame.payload).split(b":", 2)
        found[int(number)].append(int(i))
        assert rest == f"{frame.instance.hex()}-{frame.sequence:016x}:".encode() + b"x" * (int(i) * 7919 % 900)
        assert frame.resource == b"producer " + number

    assert sum(acknowledged.values()) >= kill_after
    for number, last in acknowledged.items():
        assert found[number][:last] == list(range(1, last + 1))
    assert all(region.is_torn_tail for region in damage)
    assert verify_journal(tmp_path).is_whole


def test_a_fresh_record_is_kept_after_the_kill(tmp_path: Path) -> None:
    acknowledged_before_kill(tmp_path, 10)
    writer = Writer(tmp_path, resource=b"")

    writer.append(b"fresh ", b"", scope_length=0, severity=9)

    assert any(bytes(frame.payload).startswith(b"fresh ") for frame in Reader(tmp_path))
