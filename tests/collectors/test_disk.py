"""What disks have read and written."""

import pytest

from bitacora_collectors import disk
from bitacora_collectors.contract import Host, Unavailable
from bitacora_collectors.disk import DiskCollector, parse_diskstats, parse_size

from .mounted import DISKS, mount, values  # tests are no package


def test_disk_counters_are_bytes_operations_and_seconds(host_with):
    host = host_with({"/proc/diskstats": DISKS, "/sys/class/block/sda/size": "2000\n"})

    readings = DiskCollector(host).collect()

    assert values(readings, disk.DISK_IO, "disk.io.direction") == {("read",): 2000 * 512, ("write",): 4000 * 512}
    assert values(readings, disk.OPERATIONS, "disk.io.direction") == {("read",): 10, ("write",): 20}
    assert values(readings, disk.MERGED, "disk.io.direction") == {("read",): 1, ("write",): 2}
    assert values(readings, disk.OPERATION_TIME, "disk.io.direction") == {("read",): 0.03, ("write",): 0.06}
    assert values(readings, disk.IO_TIME, "system.device") == {("sda",): 0.07}
    assert values(readings, disk.DISK_LIMIT, "system.device") == {("sda",): 2000 * 512}


@pytest.mark.parametrize(
    ("name", "disks"),
    [
        ("laptop", {"nvme0n1"}),
        ("server", {"sda", "sdb", "sdaa"}),
        ("raspberry", {"mmcblk0"}),
        ("old-kernel", {"sda", "cciss/c0d0"}),
        ("vm", {"vda"}),
    ],
)
def test_each_disk_is_counted_once_without_its_partitions_or_what_is_built_upon_it(
    recorded_host, file_systems, name, disks
):
    collector = DiskCollector(recorded_host(name), statvfs=file_systems)

    readings = collector.collect()

    assert {device for (device,) in values(readings, disk.IO_TIME, "system.device")} == disks


def test_a_drive_without_a_medium_has_no_size(recorded_host, file_systems):
    collector = DiskCollector(recorded_host("server"), statvfs=file_systems)

    sizes = values(collector.collect(), disk.DISK_LIMIT, "system.device")

    assert set(sizes) == {("sda",), ("sdb",)}


def test_a_name_with_a_slash_is_found_in_sys(recorded_host, file_systems):
    collector = DiskCollector(recorded_host("old-kernel"), statvfs=file_systems)

    sizes = values(collector.collect(), disk.DISK_LIMIT, "system.device")

    assert sizes["cciss/c0d0",] == 143305920 * 512


def test_without_diskstats_the_file_systems_are_reported_still(host_with, file_systems):
    collector = DiskCollector(host_with({"/proc/1/mountinfo": mount("/")}), statvfs=file_systems)

    assert {r.metric for r in collector.collect()} == {disk.USAGE, disk.LIMIT, disk.UTILIZATION, disk.INODES}


def test_a_host_with_neither_is_unavailable(tmp_path):
    with pytest.raises(Unavailable, match="/proc/diskstats"):
        DiskCollector(Host(tmp_path)).collect()


def test_the_four_numbers_of_a_very_old_partition_are_passed_over():
    assert parse_diskstats(b"   8       1 sda1 1 2 3 4\n") == {}


def test_a_diskstats_line_cut_short_is_named():
    with pytest.raises(ValueError, match=r"/proc/diskstats: .* got b'8 0 sda 1 2 3'"):
        parse_diskstats(b"8 0 sda 1 2 3\n")


def test_a_size_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="expected sectors, got b'-1"):
        parse_size(b"-1\n")
