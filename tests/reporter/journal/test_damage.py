"""Flipped bits, lost sectors, power that goes: what was safe is found, and nothing wrong is."""

import os
import random
import shutil
import stat
from pathlib import Path

import pytest

from otel_bitacora.reporter.core.journal.frame import SYNC, Kind
from otel_bitacora.reporter.core.journal.merge import merge_segments
from otel_bitacora.reporter.core.journal.reader import Reader
from otel_bitacora.reporter.core.journal.recovery import inspect, quarantine
from otel_bitacora.reporter.core.journal.verify import verify_journal
from otel_bitacora.reporter.core.journal.writer import Writer

FLIPS = 4000 if os.environ.get("BITACORA_SOAK") else 400
POWER_LOSSES = 3000 if os.environ.get("BITACORA_SOAK") else 300


def fill(directory: Path, count: int, **options) -> dict[tuple[bytes, int], bytes]:
    """Return the payloads of a closed journal, by instance and sequence."""
    writer = Writer(directory, resource=b"resource " * 20, sync="never", reserve_bytes=0, **options)
    for i in range(count):
        writer.append(b"%d:" % i, b"x" * (i * 7919 % 700), scope_length=0, severity=9, key=("session", "logger"))
    writer.close()
    return {(frame.instance, frame.sequence): bytes(frame.payload) for frame in Reader(directory)}


@pytest.mark.parametrize("layout", ["one segment", "several segments", "merged"])
def test_a_flipped_bit_costs_at_most_one_record_and_makes_none_wrong(tmp_path: Path, layout: str) -> None:
    expected: dict[tuple[bytes, int], bytes] = {}
    for _ in range(20 if layout == "merged" else 1):
        count = 5 if layout == "merged" else 60
        expected |= fill(tmp_path, count, segment_bytes=8192 if layout == "several segments" else 1 << 20)
    if layout == "merged":
        assert merge_segments(tmp_path) is not None
    paths = list(tmp_path.rglob("*.seg"))
    chance = random.Random(layout)

    for _ in range(FLIPS // 3):
        path = chance.choice(paths)
        original = path.read_bytes()
        broken = bytearray(original)
        broken[chance.randrange(len(broken))] ^= 1 << chance.randrange(8)
        path.write_bytes(broken)
        damage: list[object] = []
        found = {}
        for frame in Reader(tmp_path, on_damage=damage.append):
            found[frame.instance, frame.sequence] = bytes(frame.payload)
            assert frame.resource == b"resource " * 20
        path.write_bytes(original)

        assert len(expected) - len(found) <= 1
        assert all(expected[key] == payload for key, payload in found.items())
        assert damage


def test_damage_is_attributed_and_the_balance_holds(tmp_path: Path) -> None:
    fill(tmp_path, 100, segment_bytes=8192)
    path = sorted(tmp_path.glob("*.seg"))[1]
    data = bytearray(path.read_bytes())
    data[2000:2900] = bytes(900)
    path.write_bytes(data)

    verification = verify_journal(tmp_path)

    (balance,) = verification.instances.values()
    assert balance.damaged > 0
    assert balance.missing == 0
    assert balance.journalled + balance.damaged == balance.last_sequence == 100
    assert verification.is_whole
    assert len(verification.damage) == 1


def test_a_segment_removed_from_the_middle_is_missing(tmp_path: Path) -> None:
    fill(tmp_path, 100, segment_bytes=8192)
    sorted(tmp_path.glob("*.seg"))[1].unlink()

    verification = verify_journal(tmp_path)

    (balance,) = verification.instances.values()
    assert balance.missing > 0
    assert balance.journalled + balance.missing == balance.last_sequence == 100
    assert balance.is_balanced
    assert not verification.is_whole


def test_records_cut_off_the_end_of_a_sealed_segment_are_found_missing(tmp_path: Path) -> None:
    fill(tmp_path, 100, segment_bytes=8192)
    path = min(tmp_path.glob("*.seg"))
    path.write_bytes(path.read_bytes()[:4000])

    (balance,) = verify_journal(tmp_path).instances.values()

    assert balance.missing + balance.damaged > 0
    assert balance.is_balanced


def test_damage_is_put_aside_once_and_the_segment_stays(tmp_path: Path) -> None:
    fill(tmp_path, 50)
    (path,) = tmp_path.glob("*.seg")
    data = bytearray(path.read_bytes())
    data[1000:1100] = b"?" * 100
    path.write_bytes(data)
    (damage,) = verify_journal(tmp_path).damage

    copies = {quarantine(tmp_path, damage), quarantine(tmp_path, damage)}

    (copy,) = copies
    assert copy.read_bytes() == bytes(data[damage.start : damage.end])
    assert path.read_bytes() == bytes(data)
    assert copy.stat().st_mode & 0o777 == 0o600


def test_a_newer_segment_is_reported_and_left_alone(tmp_path: Path) -> None:
    import zlib

    fill(tmp_path, 3)
    (path,) = tmp_path.glob("*.seg")
    data = bytearray(path.read_bytes())
    size = int.from_bytes(data[12:16], "little")
    data[8] = 2
    data[size - 4 : size] = zlib.crc32(data[: size - 4]).to_bytes(4, "little")
    path.write_bytes(data)
    damage = []

    frames = list(Reader(tmp_path, on_damage=damage.append))

    assert frames == []
    assert "version 2" in damage[0].reason


@pytest.mark.parametrize("content", [b"", b"x", b"\x89BITJ\r\n\x1a", bytes(5000), os.urandom(5000)])
def test_files_that_are_no_segments_raise_nothing(tmp_path: Path, content: bytes) -> None:
    fill(tmp_path, 3)
    (tmp_path / f"{'ab' * 16}-00000000.seg").write_bytes(content)

    assert len(list(Reader(tmp_path))) == 3
    assert len(inspect(tmp_path)) == 2
    assert verify_journal(tmp_path).is_whole


class PowerModel:
    """Knows what a disk must still hold after power loss: what was synced, under names whose directory was."""

    def __init__(self, journal) -> None:
        self.host = journal.host
        self.directory = str(journal.directory)
        self.durable_names: set[str] = set()
        self.durable_bytes: dict[int, int] = {}  # by inode
        self.host.on_call = None
        for name in ("fsync", "fdatasync"):
            setattr(self.host, name, self.watch(name))

    def watch(self, name: str):
        def call(fd: int) -> None:
            if self.host.errors.get(name):
                raise OSError(self.host.errors[name], "")
            status = os.fstat(fd)
            if stat.S_ISDIR(status.st_mode):
                self.durable_names = {path.name for path in Path(self.directory).iterdir()}
            else:
                self.durable_bytes[status.st_ino] = status.st_size

        return call

    def cut_power(self, target: Path, chance: random.Random) -> None:
        target.mkdir()
        for path in Path(self.directory).glob("*.seg"):
            if path.name not in self.durable_names and chance.random() < 0.5:
                continue
            data = path.read_bytes()
            durable = self.durable_bytes.get(path.stat().st_ino, 0)
            end = chance.randrange(durable, len(data) + 1)
            (target / path.name).write_bytes(data[:durable] + self.spoil(data, durable, end, chance))

    @staticmethod
    def spoil(data: bytes, durable: int, end: int, chance: random.Random) -> bytes:
        """Each sector after the durable bytes is old (zeros), new or garbage."""
        tail = bytearray(data[durable:end])
        base = durable - durable % 512
        for sector in range(base, end, 512):
            start, stop = max(0, sector - durable), min(len(tail), sector + 512 - durable)
            fate = chance.random()
            if stop > start and fate < 0.5:
                tail[start:stop] = bytes(stop - start) if fate < 0.35 else chance.randbytes(stop - start)
        return bytes(tail)


def test_power_loss_takes_nothing_that_was_acknowledged_as_synced(journal, tmp_path: Path) -> None:
    salvaged = 0
    for number in range(POWER_LOSSES):
        chance = random.Random(number)
        shutil.rmtree(journal.directory, ignore_errors=True)
        model = PowerModel(journal)
        writer = journal.writer(sync=chance.choice(["error", "always", "never"]), segment_bytes=4096, sync_budget=1.0)
        safe, payloads = 0, {}
        for i in range(1, chance.randrange(2, 60)):
            model.host.errors = {"fdatasync": 5} if chance.random() < 0.05 else {}
            body = b"x" * chance.randrange(0, 900)
            sequence = writer.append(b"%d:" % i, body, scope_length=0, severity=chance.choice([9, 17]))
            payloads[sequence] = b"%d:%s-%016x" % (i, writer.instance_id.hex().encode(), sequence) + body
            if chance.random() < 0.1 and writer.flush():
                safe = sequence
            safe = max(safe, writer._process.syncer._synced)
        after = tmp_path / f"after-{number}"
        model.cut_power(after, chance)

        found = {frame.sequence: bytes(frame.payload) for frame in Reader(after)}
        for balance in verify_journal(after).instances.values():
            assert balance.is_balanced
        shutil.rmtree(after)

        assert set(range(1, safe + 1)) <= found.keys()
        assert all(payloads[sequence] == payload for sequence, payload in found.items())
        salvaged += len(found) - safe
        writer.close()
    assert salvaged > 0


@pytest.mark.parametrize("was_killed", [True, False])
def test_damage_amid_a_segment_is_no_torn_write_and_explains_the_loss(tmp_path: Path, was_killed: bool) -> None:
    fill(tmp_path, 10)
    (segment,) = tmp_path.glob("*.seg")
    data = bytearray(segment.read_bytes())
    data[data.index(b"5:")] ^= 1
    segment.write_bytes(data[: data.rindex(SYNC + bytes([Kind.SEAL]))] if was_killed else data)

    verification = verify_journal(tmp_path)

    assert [damage.is_torn_tail for damage in verification.damage] == [False]
    (balance,) = verification.instances.values()
    assert (balance.journalled, balance.damaged, balance.missing) == (9, 1, 0)
