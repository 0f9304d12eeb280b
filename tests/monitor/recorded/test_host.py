"""Recorded hosts are read by the real collectors, and no answer of this machine gets among theirs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from otel_bitacora.errors import RecordingUnusable
from otel_bitacora.monitor.exposition import Exposition
from otel_bitacora.monitor.modelling import hardware_metrics, system_metrics
from otel_bitacora.monitor.models import FilesystemMetrics
from otel_bitacora.monitor.recorded import layout
from otel_bitacora.monitor.recorded.layout import Moment, Recording
from otel_bitacora.monitor.snapshot import Health, Snapshot
from otel_bitacora.settings import Settings
from otel_bitacora.testing import FakeClock, RecordedHost

ROOM = {
    "f_bsize": 4096,
    "f_frsize": 4096,
    "f_blocks": 1000,
    "f_bfree": 400,
    "f_bavail": 300,
    "f_files": 9,
    "f_ffree": 4,
}


def mounted(snapshot: Snapshot) -> dict[str, FilesystemMetrics]:
    disk = hardware_metrics(snapshot).disk
    return {one.mountpoint: one for one in disk.filesystems} if disk else {}


@pytest.fixture
def laptop(root: Path) -> Path:
    return root / "tests/fixtures/hosts/laptop"


@pytest.fixture
def recording(laptop: Path, tmp_path: Path) -> Path:
    """The laptop at two moments, ten seconds apart, in which its load doubled and process 2001 ended."""
    copy = tmp_path / "recording"
    shutil.copytree(laptop, copy, symlinks=True)
    changes = layout.changes_of(copy, 1)
    (changes / "proc").mkdir(parents=True)
    (changes / "proc/loadavg").write_text("5.00 4.00 3.00 1/100 7\n")
    then = 1_800_000_000_000_000_000
    after = Moment(then + 10**10, gone=("proc/2001",), file_systems={"/": ROOM})
    layout.save(Recording((Moment(then, file_systems={"/": ROOM}), after)), copy)
    return copy


def test_it_is_read_in_place_by_every_collector(laptop: Path) -> None:
    with RecordedHost(laptop) as host:
        snapshot = host.sampler(clock=FakeClock()).tick()

    assert host.root == laptop
    assert not [state for state in snapshot.states if state.health in (Health.FAILED, Health.HUNG)]
    assert system_metrics(snapshot).load is not None
    assert b"system_memory_usage_bytes" in Exposition({}).body(snapshot)


def test_nothing_of_this_machine_stands_in_for_what_was_not_recorded(laptop: Path) -> None:
    with RecordedHost(laptop) as host:
        snapshot = host.sampler().tick()

    states = {state.name: state.health for state in snapshot.states}
    assert {states[name] for name in ("gpu", "services", "disk_health")} == {Health.UNAVAILABLE}
    assert mounted(snapshot) == {}


def test_it_goes_on_from_moment_to_moment_in_a_copy(recording: Path) -> None:
    with RecordedHost(recording) as host:
        sampler = host.sampler()
        first = sampler.tick()
        second = host.play(sampler)
        end = host.play(sampler)
        copy = host.root

    assert second is not None
    assert (first.time_unix_nano, second.time_unix_nano - first.time_unix_nano) == (1_800_000_000_000_000_000, 10**10)
    loads = [system_metrics(one).load for one in (first, second)]
    assert [one.average_1m for one in loads if one] == [0.21, 5.0]
    assert end is None
    assert (recording / "proc/2001").is_dir()
    assert not copy.exists()


def test_room_on_its_file_systems_is_what_was_recorded(recording: Path) -> None:
    with RecordedHost(recording) as host:
        found = mounted(host.sampler().tick())["/"]

    assert (found.used_bytes, found.free_bytes) == (600 * 4096, 300 * 4096)


def test_only_the_collectors_that_are_asked_for_are_read(laptop: Path) -> None:
    with RecordedHost(laptop) as host:
        chosen = host.select(Settings(monitor={"collect": ["load"]}))

    assert [one.name for one in chosen.collectors] == ["load"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"version": 2, "moments": []}', "version 2, and this otel-bitacora reads 1: update it"),
        ("[]", "record again"),
        ('{"version": 1, "moments": [{}], "left_out": {}}', "KeyError"),
    ],
)
def test_a_recording_that_cannot_be_understood_says_so(recording: Path, text: str, said: str) -> None:
    (recording / layout.ABOUT / "recording.json").write_text(text)

    with pytest.raises(RecordingUnusable, match=said):
        RecordedHost(recording)


def test_a_folder_without_a_host_is_no_recording(tmp_path: Path) -> None:
    with pytest.raises(RecordingUnusable, match="there is no folder `proc`"):
        RecordedHost(tmp_path)
