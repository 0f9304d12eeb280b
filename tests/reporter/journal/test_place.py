"""Where a journal may be, who may read it, and what happens when someone removes it."""

import errno
import os
import shutil
import stat
import subprocess
import sys
import threading

import pytest

from otel_bitacora.errors import JournalUnavailable
from otel_bitacora.reporter.core.journal import directory as place
from otel_bitacora.reporter.core.journal.liveness import has_writer
from otel_bitacora.reporter.core.journal.reader import Reader
from otel_bitacora.reporter.core.journal.recovery import inspect, remove_unfinished
from otel_bitacora.reporter.core.journal.writer import Writer


@pytest.mark.parametrize(("shared", "directory_mode", "file_mode"), [(False, 0o700, 0o600), (True, 0o2770, 0o640)])
def test_modes_are_private_unless_sharing_is_asked_for(journal, shared, directory_mode, file_mode) -> None:
    writer = journal.writer(shared=shared, reserve_bytes=4096)

    journal.append(writer, 1)

    assert stat.S_IMODE(journal.directory.stat().st_mode) == directory_mode
    files = list(journal.directory.iterdir())
    assert len(files) == 2
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {file_mode}


def test_a_symbolic_link_in_place_of_the_directory_is_refused(tmp_path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "journal").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(JournalUnavailable, match="symbolic link"):
        Writer(tmp_path / "journal", resource=b"")


def test_a_file_in_place_of_the_directory_is_refused(tmp_path) -> None:
    (tmp_path / "journal").write_text("")

    with pytest.raises(JournalUnavailable, match="no directory"):
        Writer(tmp_path / "journal", resource=b"")


def test_a_planted_link_with_a_segments_name_is_not_followed(journal, tmp_path) -> None:
    writer = journal.writer()
    target = tmp_path / "target"
    target.write_bytes(b"precious")
    name = place.segment_name(writer.instance_id, 0)
    (journal.directory / f"{name}.new").symlink_to(target)
    (journal.directory / place.segment_name(b"x" * 16, 0)).symlink_to(target)

    journal.append(writer, 1)
    journal.clock.advance(2)
    journal.append(writer, 2)

    assert target.read_bytes() == b"precious"
    assert journal.numbers() == [1, 2]
    assert len(inspect(journal.directory)) == 1


def test_a_planted_link_with_the_reserves_name_is_not_followed(journal, tmp_path) -> None:
    writer = journal.writer(reserve_bytes=4096)
    target = tmp_path / "target"
    (journal.directory / ".reserve").symlink_to(target)

    journal.append(writer, 1)

    assert not target.exists()


MOUNTS = """\
22 1 254:1 / / rw,relatime - ext4 /dev/vda rw
30 22 0:40 / /home rw,relatime shared:5 - nfs4 server:/home rw,vers=4.2
31 22 0:41 / /home/me/local rw - tmpfs tmpfs rw
32 22 0:42 / /mnt/two\\040words rw - fuse.sshfs me@host: rw
33 22 0:43 /sub /data rw - btrfs /dev/vdb rw,subvol=/sub
"""


@pytest.mark.parametrize(
    ("device", "path", "expected"),
    [
        ("254:1", "/var/lib", "ext4"),
        ("0:40", "/home/me/journal", "nfs4"),
        ("0:41", "/home/me/local/journal", "tmpfs"),
        ("0:99", "/mnt/two words/journal", "fuse.sshfs"),
        ("0:99", "/data/journal", "btrfs"),
        ("0:99", "/homes", "ext4"),
    ],
)
def test_the_mount_table_says_what_file_system_a_path_is_on(device: str, path: str, expected: str) -> None:
    assert place.parse_mountinfo(MOUNTS, device, path) == expected


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "smb3", "fuse.sshfs", "9p"])
def test_a_network_file_system_is_refused_unless_allowed(journal, monkeypatch, kind: str) -> None:
    monkeypatch.setattr(place, "file_system", lambda _: kind)

    with pytest.raises(JournalUnavailable, match=f"network file system .{kind}"):
        journal.writer()
    writer = journal.writer(allow_network_fs=True)
    journal.append(writer, 1)

    assert journal.numbers() == [1]


@pytest.mark.parametrize("removed", ["segment", "journal"])
def test_a_segment_that_is_deleted_is_noticed_within_256_records(journal, removed: str) -> None:
    writer = journal.writer()
    journal.append(writer, 0)

    if removed == "journal":
        shutil.rmtree(journal.directory)
    else:
        journal.segments()[0].unlink()
    for number in range(1, 600):
        journal.append(writer, number)
        journal.clock.advance(0.001)
    journal.clock.advance(2)
    journal.append(writer, 600)

    assert writer.stats().counts.segments_lost == 1
    assert journal.numbers()[-300:] == list(range(301, 601))
    assert len(journal.numbers()) > 600 - 257


@pytest.mark.parametrize("jump", [0, -1, -3600, 3600], ids="clock set by {} s".format)
@pytest.mark.parametrize("age", [None, 0, 0.5, 1.2, 3600], ids="records {} s old".format)
def test_a_segment_that_is_deleted_is_noticed_within_a_second(journal, age: float | None, jump: float) -> None:
    writer = journal.writer()

    def append(number: int) -> None:
        time_ns = 0 if age is None else journal.clock.time_ns() - int(age * 1e9)
        writer.append(b"%d:" % number, b"", 0, 9, time_ns=time_ns)

    append(1)
    journal.segments()[0].unlink()
    journal.clock.jump(jump)
    append(2)
    journal.clock.advance(1.01)
    append(3)

    assert journal.numbers() == [3]


def test_a_read_only_file_system_keeps_records_in_memory_until_it_is_writable_again(journal, tmp_path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", disk], capture_output=True, check=False).returncode:
        pytest.skip("mounting isn't allowed here")
    try:
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        writer = Writer(disk / "journal", resource=b"", monotonic=journal.clock.monotonic)
        for number in range(10):
            journal.append(writer, number)
        during = writer.stats()
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        journal.clock.advance(2)
        journal.append(writer, 10)
        journal.clock.advance(2)
        journal.append(writer, 11)
        numbers = [int(bytes(frame.payload).split(b":")[0]) for frame in Reader(disk / "journal")]
        writer.close()
    finally:
        subprocess.run(["umount", "-l", disk], check=True)

    assert (during.health, during.memory_records) == ("degraded", 10)
    assert numbers == list(range(12))


CREATOR = """
import sys
from pathlib import Path
from otel_bitacora.reporter.core.journal.writer import Writer
writer = Writer(Path(sys.argv[1]), resource=b"", segment_bytes=4096, sync="never", reserve_bytes=0)
for i in range(int(sys.argv[2])):
    writer.append(b"%d:" % i, b"x" * 1300, scope_length=0, severity=9)
print("done", flush=True)
sys.stdin.read()
"""


def test_no_living_writer_is_taken_for_dead_while_its_segments_come_and_go(tmp_path) -> None:
    """Whoever is found without a writer must have a successor or a seal: else records would be passed over."""
    count = 9000 if os.environ.get("BITACORA_SOAK") else 600
    wrong: list[str] = []
    stop = threading.Event()

    def probe() -> None:
        while not stop.is_set():
            paths = sorted(tmp_path.glob("*.seg"))
            for path in paths[-3:]:
                fd = os.open(path, os.O_RDONLY)
                try:
                    is_dead = not has_writer(fd)
                finally:
                    os.close(fd)
                instance, index = place.parse_segment_name(path.name)
                if is_dead and not (tmp_path / place.segment_name(instance, index + 1)).exists():
                    wrong.append(path.name)

    prober = threading.Thread(target=probe)
    prober.start()
    with subprocess.Popen(
        [sys.executable, "-c", CREATOR, tmp_path, str(count)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as creator:
        reader, got = Reader(tmp_path), []
        while creator.stdout.peek(0) == b"" and len(got) < count:
            got += [frame.sequence for frame in reader.poll()]
        assert creator.stdout.readline() == b"done\n"
        got += [frame.sequence for frame in reader.poll()]
        stop.set()
        prober.join()
        creator.kill()

    assert wrong == []
    assert got == list(range(1, count + 1))


def test_only_old_half_made_files_without_a_writer_are_removed(journal) -> None:
    writer = journal.writer()
    journal.append(writer, 1)
    now = 1e9
    names = {name: place.segment_name(name.encode().ljust(16), 0) + ".new" for name in ("old", "fresh", "held")}
    for name, file_name in names.items():
        path = journal.directory / file_name
        path.write_bytes(b"")
        modified = now if name == "fresh" else now - 7200
        os.utime(path, (modified, modified))
    import fcntl

    with (journal.directory / names["held"]).open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        removed = remove_unfinished(journal.directory, now=now)

    assert removed == [f"{journal.directory}/{names['old']}"]


def test_states_are_told_apart(journal) -> None:
    closed, live = journal.writer(), journal.writer()
    journal.append(closed, 1)
    closed.close()
    journal.append(live, 2)
    killed = journal.writer()
    journal.append(killed, 3)
    os.close(killed._process.instance.segments.current.fd)
    killed._process.instance.segments.current.fd = -1

    states = {state.ref.instance: state.state for state in inspect(journal.directory)}

    assert states == {closed.instance_id: "sealed", live.instance_id: "live", killed.instance_id: "dead"}


def test_an_error_that_is_no_passing_refusal_raises_at_the_start(journal) -> None:
    journal.host.errors = {"mkdir": errno.ENOTDIR}

    with pytest.raises(JournalUnavailable, match="Not a directory"):
        journal.writer()
