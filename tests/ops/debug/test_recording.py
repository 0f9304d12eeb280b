"""A recorded host says to the collectors what the host said, and to nobody who it was."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from otel_bitacora.errors import RecordingUnusable
from otel_bitacora.monitor.modelling import hardware_metrics, network_metrics, process_metrics, system_metrics
from otel_bitacora.monitor.snapshot import Health
from otel_bitacora.ops.debug import recording as recording_module
from otel_bitacora.ops.debug.recording import record_host
from otel_bitacora.settings import Settings
from otel_bitacora.testing import FakeClock, RecordedHost

from .hosts import CANARIES, everything_in, make_host  # tests are no package


def settings_of(root: Path) -> Settings:
    return Settings(monitor={"root_path": root})


@pytest.fixture
def host(tmp_path: Path) -> Path:
    return make_host(tmp_path / "host")


@pytest.fixture
def recording(host: Path, tmp_path: Path) -> Path:
    return record_host(tmp_path / "recording", settings_of(host)).directory


def test_no_secret_of_the_host_is_anywhere_in_the_recording(host: Path, recording: Path) -> None:
    before, after = everything_in(host), everything_in(recording)

    for canary in CANARIES:
        assert canary.lower().encode() in before.lower(), canary
        assert canary.lower().encode() not in after.lower(), canary


def test_the_environment_of_a_process_is_not_even_read(recording: Path) -> None:
    assert (recording / "proc/42/cmdline").exists()
    assert not list(recording.rglob("environ"))


@pytest.mark.parametrize("name", ["laptop", "server", "raspberry", "old-kernel", "vm"])
def test_a_recording_of_a_recorded_host_reads_as_that_does(root: Path, tmp_path: Path, name: str) -> None:
    original = root / "tests/fixtures/hosts" / name
    record_host(tmp_path / "recording", settings_of(original))
    with RecordedHost(original) as one, RecordedHost(tmp_path / "recording") as other:
        before = one.sampler(clock=FakeClock()).tick()
        after = other.sampler(clock=FakeClock()).tick()

    assert [(state.name, state.health) for state in after.states] == [
        (state.name, state.health) for state in before.states
    ]
    for collector in ("cpu", "memory", "load", "pressure", "sensors", "power", "process_counts", "traffic"):
        states = [next(state for state in one.states if state.name == collector) for one in (before, after)]
        assert [r.value for r in states[0].readings] == [r.value for r in states[1].readings], collector


def test_what_belonged_together_still_does(recording: Path) -> None:
    with RecordedHost(recording) as host:
        snapshot = host.sampler().tick()

    assert not [state for state in snapshot.states if state.health in (Health.FAILED, Health.HUNG)]
    network, processes = network_metrics(snapshot), process_metrics(snapshot).processes
    assert {one.name for one in network.interfaces or ()} == {"eth0", "vpn-user-1"}
    (shell,) = [one for one in processes or () if one.pid == 42]
    assert (shell.owner, shell.executable, shell.open_files) == ("user-1", "tool", 2)
    assert system_metrics(snapshot).os.host_name.startswith("host-")
    assert hardware_metrics(snapshot).power is not None


def test_one_address_has_one_stand_in_and_loopback_its_own(recording: Path) -> None:
    lines = (recording / "proc/1/net/tcp").read_text().splitlines()

    assert "0100007F:0016" in lines[1]
    assert lines[2].split()[1].partition(":")[0] == lines[2].split()[2].partition(":")[0] == "010200C0"
    assert (recording / "sys/devices/LNX/net/eth0/address").read_text() == "02:00:00:00:00:01\n"


def test_later_moments_hold_what_has_changed_and_say_what_has_gone(host: Path, tmp_path: Path) -> None:
    def happen(_: float) -> None:
        (host / "proc/loadavg").write_text("9.00 0.40 0.30 1/100 42\n")
        for path in sorted((host / "proc/43").iterdir()):
            path.unlink()
        (host / "proc/43").rmdir()

    times = iter([10**18, 10**18 + 3 * 10**9])
    found = record_host(
        tmp_path / "recording",
        settings_of(host),
        samples=2,
        interval_seconds=3,
        wait=happen,
        wall_ns=lambda: next(times),
    )
    with RecordedHost(found.directory) as recorded:
        sampler = recorded.sampler()
        first, second = sampler.tick(), recorded.play(sampler)

    assert second is not None
    assert second.time_unix_nano - first.time_unix_nano == 3 * 10**9
    assert [one.average_1m for one in (system_metrics(first).load, system_metrics(second).load) if one] == [0.5, 9.0]
    pids = [{one.pid for one in process_metrics(each).processes or ()} for each in (first, second)]
    assert pids == [{42, 43}, {42}]
    changed = found.directory / ".bitacora/moments/1"
    assert [path for path in changed.rglob("*") if path.is_file()] == [changed / "proc/loadavg"]


@pytest.mark.skipif(sys.platform != "linux", reason="another system has no such files")
def test_this_machine_is_recorded_by_the_command_and_can_be_watched_from_there(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "otel_bitacora"]
    recorded = subprocess.run(
        [*command, "debug", "record", str(tmp_path / "r")], capture_output=True, text=True, check=False
    )
    assert recorded.returncode == 0, recorded.stderr
    shown = subprocess.run(
        [*command, "snapshot", "--root-path", str(tmp_path / "r")], capture_output=True, text=True, check=True
    )

    assert "1 moments" in recorded.stdout
    assert "memory" in shown.stdout
    assert "host-1" in shown.stdout


def test_a_directory_that_holds_something_is_left_alone(tmp_path: Path, host: Path) -> None:
    with pytest.raises(RecordingUnusable, match="holds something already"):
        record_host(host, settings_of(host))
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordingUnusable, match="can't be made"):
        record_host(tmp_path / "file" / "below", settings_of(host))


def test_a_file_that_cannot_be_read_is_left_out_and_told(tmp_path: Path, host: Path, monkeypatch) -> None:
    real = Path.open

    def refuse(path: Path, *arguments, **options):
        if path == host / "proc/42/io":
            raise PermissionError(13, "Permission denied")
        return real(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", refuse)
    found = record_host(tmp_path / "r", settings_of(host))

    assert found.left_out == {"/proc/42/io": "Permission denied"}
    assert not (found.directory / "proc/42/io").exists()


def test_a_disk_that_fills_up_ends_the_recording(tmp_path: Path, host: Path, monkeypatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", refuse)

    with pytest.raises(RecordingUnusable, match="can't be written: No space left on device"):
        record_host(tmp_path / "r", settings_of(host))


@pytest.mark.skipif(sys.platform != "linux", reason="another system has no such files")
def test_who_is_not_root_records_the_mounts_that_are_to_be_seen(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(recording_module, "_is_refused", lambda _: True)
    found = record_host(tmp_path / "r", Settings(monitor={"collect": ["disk"]}))

    seen = {line.split()[0] for line in Path("/proc/self/mountinfo").read_text().splitlines()}
    kept = {line.split()[0] for line in (found.directory / "proc/1/mountinfo").read_text().splitlines()}
    with RecordedHost(found.directory) as host:
        disk = hardware_metrics(host.sampler(Settings(monitor={"collect": ["disk"]})).tick()).disk
    assert kept == seen
    assert disk is not None
    assert {one.mountpoint for one in disk.filesystems} <= set(host.moment.file_systems)
