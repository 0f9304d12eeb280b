"""How full file systems are: which are asked, and what becomes of those that fail or hang."""

import errno
import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitacora_collectors import disk
from bitacora_collectors.contract import Host
from bitacora_collectors.disk import DiskCollector, inodes_of, space_of

from .mounted import POINT, Answer, KnowingGuard, mount, points, values  # tests are no package


def test_usage_is_bytes_by_state_as_df_counts_them(host_with, file_systems):
    host = host_with({"/proc/1/mountinfo": mount("/")})
    collector = DiskCollector(host, statvfs=file_systems)

    readings = collector.collect()

    usage = values(readings, disk.USAGE, "system.filesystem.state")
    assert usage == {("used",): 600 * 4096, ("free",): 300 * 4096, ("reserved",): 100 * 4096}
    assert values(readings, disk.LIMIT, POINT) == {("/",): 1000 * 4096}
    assert values(readings, disk.UTILIZATION, POINT) == {("/",): pytest.approx(600 / 900)}


def test_a_file_system_is_named_by_device_type_mode_and_mount_point(host_with, file_systems):
    host = host_with({"/proc/1/mountinfo": mount("/data", kind="xfs", source="/dev/sdb1", options="ro")})
    collector = DiskCollector(host, statvfs=file_systems)

    (limit,) = [r for r in collector.collect() if r.metric is disk.LIMIT]

    assert limit.attributes == {
        "system.device": "/dev/sdb1",
        "system.filesystem.type": "xfs",
        "system.filesystem.mode": "ro",
        POINT: "/data",
    }


@given(*[st.integers(0, 2**64)] * 5)
def test_the_states_sum_to_the_size_whatever_a_server_answers(fragment, size, blocks, free, available):
    space = space_of(Answer(size, fragment, blocks, free, available))

    if space is not None:
        assert sum(space) == blocks * (fragment or size)
        assert min(space) >= 0


def test_inodes_are_counted_used_and_free(host_with, file_systems):
    host = host_with({"/proc/1/mountinfo": mount("/")})

    readings = DiskCollector(host, statvfs=file_systems).collect()

    assert values(readings, disk.INODES, "system.filesystem.state") == {("used",): 30, ("free",): 20}


@given(st.integers(0, 2**64), st.integers(0, 2**64))
def test_inodes_sum_to_what_there_are_whatever_a_server_answers(files, free):
    inodes = inodes_of(Answer(f_files=files, f_ffree=free))

    if inodes is not None:
        assert sum(inodes) == files
        assert min(inodes) >= 0


def test_a_file_system_that_makes_inodes_as_it_needs_them_has_none_to_count():
    assert inodes_of(Answer(f_files=0, f_ffree=0)) is None


def test_a_file_system_without_blocks_has_no_size():
    assert space_of(Answer(f_blocks=0)) is None


def test_a_size_beyond_any_disk_is_that_of_a_file_system_without_limit_and_no_size():
    assert space_of(Answer(f_frsize=4096, f_blocks=2**51)) is None


def test_blanks_in_mount_points_are_decoded_for_the_call_and_for_the_reader(host_with, file_systems):
    host = host_with({"/proc/1/mountinfo": mount(r"/media/USB\040DISK\0111")})
    collector = DiskCollector(host, statvfs=file_systems)

    readings = collector.collect()

    assert points(readings) == ["/media/USB DISK\t1"]
    assert file_systems.asked == [f"{host.root}/media/USB DISK\t1"]


def test_a_mount_point_that_is_not_utf8_can_be_asked_and_sent(host_with, file_systems):
    host = host_with({"/proc/1/mountinfo": mount(r"/media/caf\351")})
    collector = DiskCollector(host, statvfs=file_systems)

    readings = collector.collect()

    assert points(readings) == ["/media/caf\ufffd"]
    assert os.fsencode(file_systems.asked[0]).endswith(b"/media/caf\xe9")


def test_the_hosts_names_get_the_root_once(host_with, file_systems):
    host = host_with({"/proc/1/mountinfo": mount("/home")})
    collector = DiskCollector(host, statvfs=file_systems)

    readings = collector.collect()

    assert file_systems.asked == [f"{host.root}/home"]
    assert points(readings) == ["/home"]


def test_our_own_names_for_the_hosts_mounts_lose_the_root_and_get_it_back(host_with, file_systems, tmp_path):
    mountinfo = (
        mount("/", number=1, parent=0, device="0:50", source="overlay", kind="overlay")
        + mount("/etc/hosts", number=2, parent=1, device="8:9")
        + mount(f"{tmp_path}", number=3, parent=1, device="8:1")
        + mount(f"{tmp_path}/home", number=4, parent=3, device="8:2")
    )
    collector = DiskCollector(host_with({"/proc/self/mountinfo": mountinfo}), statvfs=file_systems)

    readings = collector.collect()

    assert points(readings) == ["/", "/home"]
    assert file_systems.asked == [f"{tmp_path}/", f"{tmp_path}/home"]


def test_a_name_of_the_host_that_begins_like_our_root_is_kept(host_with, file_systems, tmp_path):
    mountinfo = mount("/", number=1, parent=0) + mount(f"{tmp_path}/data", device="8:2")
    collector = DiskCollector(host_with({"/proc/1/mountinfo": mountinfo}), statvfs=file_systems)

    readings = collector.collect()

    assert points(readings) == ["/", f"{tmp_path}/data"]
    assert file_systems.asked == [f"{tmp_path}/", f"{tmp_path}{tmp_path}/data"]


def test_the_mounts_of_a_recorded_host_are_all_its_own(recorded_host, file_systems):
    collector = DiskCollector(recorded_host("raspberry"), statvfs=file_systems)

    assert points(collector.collect()) == ["/", "/boot"]


def test_a_first_process_that_may_not_be_read_gives_way_to_our_own(host_with, file_systems, monkeypatch):
    host = host_with({"/proc/1/mountinfo": mount("/secret"), "/proc/self/mountinfo": mount("/home")})
    original = Host.read_bytes

    def deny(host, path):
        if path == "/proc/1/mountinfo":
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return original(host, path)

    monkeypatch.setattr(Host, "read_bytes", deny)
    collector = DiskCollector(host, statvfs=file_systems)

    assert points(collector.collect()) == ["/home"]


def test_pseudo_file_systems_and_container_layers_are_out_by_default(recorded_host, file_systems):
    laptop = DiskCollector(recorded_host("laptop"), statvfs=file_systems)
    server = DiskCollector(recorded_host("server"), statvfs=file_systems)

    assert points(laptop.collect()) == [
        "/run",
        "/",
        "/tmp",
        "/boot/efi",
        "/run/media/me/USB DISK 1",
        "/run/user/1000",
    ]
    assert points(server.collect()) == ["/", "/srv/nfs", "/srv/old", "/mnt/data"]


def test_they_are_in_when_the_filters_are_emptied(recorded_host, file_systems):
    collector = DiskCollector(
        recorded_host("laptop"), exclude_types=(), exclude_mountpoints="", exclude_devices="", statvfs=file_systems
    )

    readings = collector.collect()

    assert {"/proc", "/dev/shm", "/snap/core old/1"} <= set(points(readings))
    assert {("loop0",), ("zram0",), ("nvme0n1p1",), ("dm-0",)} <= set(values(readings, disk.IO_TIME, "system.device"))


def test_a_bind_mount_or_subvolume_is_counted_once_at_its_shortest_mount_point(host_with, file_systems):
    mountinfo = (
        mount("/home", number=2, root="/home") + mount("/", number=1, parent=0) + mount("/srv/db", number=3, root="/db")
    )
    collector = DiskCollector(host_with({"/proc/1/mountinfo": mountinfo}), statvfs=file_systems)

    assert points(collector.collect()) == ["/"]


@pytest.mark.parametrize("error", [errno.EACCES, errno.ESTALE, errno.ENOENT, errno.EIO])
def test_a_file_system_that_fails_is_left_out_and_the_others_are_reported(host_with, file_systems, error):
    mountinfo = mount("/", number=1, parent=0) + mount("/bad", device="8:2") + mount("/good", device="8:3", number=31)
    host = host_with({"/proc/1/mountinfo": mountinfo})
    file_systems.fail[f"{host.root}/bad"] = error
    collector = DiskCollector(host, statvfs=file_systems)

    assert points(collector.collect()) == ["/", "/good"]


def test_a_hung_file_system_costs_its_deadline_once_and_comes_back_when_it_answers(host_with, file_systems):
    mountinfo = mount("/", number=1, parent=0) + mount("/nfs", device="0:50") + mount("/good", device="8:3", number=31)
    host = host_with({"/proc/1/mountinfo": mountinfo})
    hung = f"{host.root}/nfs"
    answer = file_systems.hang[hung] = threading.Event()
    collector = DiskCollector(host, statvfs=file_systems, mount_deadline_seconds=7)
    guard = collector._guard = KnowingGuard(file_systems)

    while_hung = [points(collector.collect()) for _ in range(3)]

    assert while_hung == [["/", "/good"]] * 3
    assert file_systems.asked.count(hung) == 1
    assert file_systems.asked.count(f"{host.root}/good") == 3
    assert guard.deadlines == [7] * 7

    (call,) = collector._hung.values()
    answer.set()
    assert call.finished.wait(30)

    assert points(collector.collect()) == ["/", "/nfs", "/good"]
    assert file_systems.asked.count(hung) == 2


def test_all_mounts_of_a_dead_server_cost_one_deadline_together(host_with, file_systems):
    sources = ["nas:/a", "nas:/b", "//nas/c", "other:/d"]
    mountinfo = "".join(
        mount(f"/{index}", number=30 + index, device=f"0:5{index}", source=source)
        for index, source in enumerate(sources)
    )
    host = host_with({"/proc/1/mountinfo": mountinfo})
    answer = threading.Event()
    for index in range(3):
        file_systems.hang[f"{host.root}/{index}"] = answer
    collector = DiskCollector(host, statvfs=file_systems)
    guard = collector._guard = KnowingGuard(file_systems)

    found = points(collector.collect())

    assert found == ["/3"]
    assert len(guard.deadlines) == 2
    answer.set()


def test_a_hung_file_system_that_was_unmounted_does_not_keep_another_from_its_place(host_with, file_systems):
    host = host_with({"/proc/1/mountinfo": mount("/nfs", device="0:50", kind="nfs4")})
    answer = file_systems.hang[f"{host.root}/nfs"] = threading.Event()
    collector = DiskCollector(host, statvfs=file_systems)
    collector._guard = KnowingGuard(file_systems)
    collector.collect()
    del file_systems.hang[f"{host.root}/nfs"]

    host_with({"/proc/1/mountinfo": mount("/nfs", device="0:51", kind="nfs4")})
    readings = collector.collect()

    assert points(readings) == ["/nfs"]
    answer.set()


def test_the_deadline_is_that_of_a_real_guard(host_with, file_systems):
    host = host_with({"/proc/1/mountinfo": mount("/nfs", device="0:50", kind="nfs4")})
    answer = file_systems.hang[f"{host.root}/nfs"] = threading.Event()
    collector = DiskCollector(host, statvfs=file_systems, mount_deadline_seconds=0.01)

    while_hung = [points(collector.collect()) for _ in range(3)]

    assert while_hung == [[]] * 3
    assert len(file_systems.asked) <= 1
    answer.set()
    collector.close()


def test_a_new_mount_is_seen_at_the_next_tick(host_with, file_systems):
    host = host_with({"/proc/1/mountinfo": mount("/", number=1, parent=0)})
    collector = DiskCollector(host, statvfs=file_systems)
    before = collector.collect()

    host_with({"/proc/1/mountinfo": mount("/", number=1, parent=0) + mount("/usb", device="8:17")})
    after = collector.collect()

    assert points(after) == ["/", "/usb"]
    assert after[0].attributes is before[0].attributes
