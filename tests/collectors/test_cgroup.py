import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitacora_collectors import cgroup
from bitacora_collectors.cgroup import CgroupCollector
from bitacora_collectors.cgroup_files import (
    DeviceIo,
    Mount,
    parse_blkio,
    parse_bytes,
    parse_cgroup_mounts,
    parse_cgroups,
    parse_cpu_max,
    parse_device_name,
    parse_io_stat,
)
from bitacora_collectors.contract import Host, Unavailable

NAME = "bitacora.cgroup.name"
UNIFIED = "30 23 0:25 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw\n"
OWN = {"/proc/1/cgroup": "0::/app\n", "/proc/1/mountinfo": UNIFIED}


def values(readings, group, *keys):
    """Return the values of *group* by the last part of the metric's name and the attributes *keys*."""
    return {
        (
            r.metric.name.removeprefix("bitacora.cgroup."),
            *(r.attributes[key] for key in keys if key in r.attributes),
        ): r.value
        for r in readings
        if r.attributes[NAME] == group
    }


def test_version_2_tells_what_a_group_uses_and_may_use(recorded_host):
    readings = CgroupCollector(recorded_host("laptop"), names=("system.slice/build.service",)).collect()

    build = values(readings, "/system.slice/build.service", "cpu.mode", "system.device", "disk.io.direction")
    assert build == {
        ("cpu.time", "user"): 612.345678,
        ("cpu.time", "system"): 200.0,
        ("cpu.limit",): 1.5,
        ("cpu.periods",): 90123,
        ("cpu.throttled.periods",): 1203,
        ("cpu.throttled.time",): 40.123456,
        ("memory.usage",): 1073741824,
        ("memory.limit",): 2147483648,
        ("memory.peak",): 2147483648,
        ("memory.oom_kills",): 2,
        ("disk.io", "nvme0n1", "read"): 812345344,
        ("disk.io", "nvme0n1", "write"): 912345088,
        ("disk.operations", "nvme0n1", "read"): 20123,
        ("disk.operations", "nvme0n1", "write"): 30123,
        ("pids.usage",): 48,
        ("pids.limit",): 4915,
    }


def test_version_1_tells_the_same_by_other_files(recorded_host):
    readings = CgroupCollector(recorded_host("server"), names=("/docker/0a1b2c/",)).collect()

    docker = values(readings, "/docker/0a1b2c", "cpu.mode", "system.device", "disk.io.direction")
    assert docker == {
        ("cpu.time", "user"): 4012.345678901,
        ("cpu.time", "system"): 1012.345678901,
        ("cpu.limit",): 2.5,
        ("cpu.periods",): 812,
        ("cpu.throttled.periods",): 40,
        ("cpu.throttled.time",): 91.23456789,
        ("memory.usage",): 812345344,
        ("memory.limit",): 1073741824,
        ("memory.peak",): 1012345856,
        ("memory.oom_kills",): 4,
        ("disk.io", "sda", "read"): 81234432,
        ("disk.io", "sda", "write"): 91234304,
        ("disk.operations", "sda", "read"): 1203,
        ("disk.operations", "sda", "write"): 2034,
        ("pids.usage",): 12,
        ("pids.limit",): 512,
    }


def test_no_limit_is_no_reading(recorded_host):
    readings = CgroupCollector(recorded_host("server")).collect()

    assert {key for (key,) in values(readings, "/init.scope") if key.endswith("limit")} == set()


def test_an_old_kernel_counts_ticks_and_has_no_kills(recorded_host, monkeypatch):
    monkeypatch.setattr(cgroup.os, "sysconf", {"SC_CLK_TCK": 100}.__getitem__)

    readings = CgroupCollector(recorded_host("old-kernel")).collect()

    found = values(readings, "/", "cpu.mode", "system.device", "disk.io.direction")
    assert found["cpu.time", "user"] == 8123.45
    assert found["disk.operations", "8:0", "write"] == 912
    assert ("memory.oom_kills",) not in found


def test_with_both_versions_each_controller_is_read_where_it_is(recorded_host):
    readings = CgroupCollector(recorded_host("vm")).collect()

    found = values(readings, "/", "cpu.mode")
    assert ("cpu.time", "user") in found  # of version 1, as version 2 has no controllers here
    assert ("memory.usage",) in found


def test_with_version_1_a_process_may_be_in_several_groups(host_with):
    mounts = "".join(
        f"{n} 23 0:3{n} / /cg/{name} rw - cgroup cgroup rw,{name}\n" for n, name in enumerate(("cpuacct", "memory"))
    )
    host = host_with(
        {
            "/proc/1/cgroup": "2:cpuacct:/a\n1:memory:/b\n",
            "/proc/1/mountinfo": mounts,
            "/cg/cpuacct/a/cpuacct.usage_user": "1000000000\n",
            "/cg/cpuacct/a/cpuacct.usage_sys": "0\n",
            "/cg/memory/b/memory.usage_in_bytes": "4096\n",
        }
    )

    readings = CgroupCollector(host).collect()

    assert values(readings, "/a", "cpu.mode") == {("cpu.time", "user"): 1.0, ("cpu.time", "system"): 0.0}
    assert values(readings, "/b") == {("memory.usage",): 4096}


def test_our_own_group_named_again_is_told_once(host_with):
    host = host_with({**OWN, "/sys/fs/cgroup/app/pids.current": "3\n"})

    readings = CgroupCollector(host, names=("app",)).collect()

    assert [reading.value for reading in readings] == [3]


def test_a_group_that_comes_later_is_found_and_one_that_goes_is_not_missed(host_with, tmp_path):
    host = host_with({**OWN, "/sys/fs/cgroup/app/pids.current": "3\n"})
    collector = CgroupCollector(host, names=("late",))

    before = collector.collect()
    host_with({"/sys/fs/cgroup/late/pids.current": "4\n"})
    between = collector.collect()
    (tmp_path / "sys/fs/cgroup/late/pids.current").unlink()
    after = collector.collect()

    assert [len(readings) for readings in (before, between, after)] == [1, 2, 1]


def test_where_no_group_can_be_read_they_are_unavailable_until_one_can(host_with):
    host = host_with({"/proc/1/cgroup": "0::/app\n", "/proc/1/mountinfo": UNIFIED.replace("/sys", "/old")})
    collector = CgroupCollector(host)

    with pytest.raises(Unavailable, match="no control group"):
        collector.collect()
    host_with({**OWN, "/sys/fs/cgroup/app/pids.current": "3\n"})

    assert [reading.value for reading in collector.collect()] == [3]


def test_a_system_without_control_groups_is_unavailable(tmp_path):
    with pytest.raises(Unavailable):
        CgroupCollector(Host(tmp_path)).collect()


def test_a_number_that_is_none_is_a_failure(host_with):
    host = host_with({**OWN, "/sys/fs/cgroup/app/memory.current": "much\n"})

    with pytest.raises(ValueError, match=r"/sys/fs/cgroup/app/memory.current: expected a number, got b'much"):
        CgroupCollector(host).collect()


@pytest.mark.parametrize(
    ("root", "path", "directory"),
    [
        ("/", "/", "/sys/fs/cgroup"),
        ("/", "/system.slice/a.service", "/sys/fs/cgroup/system.slice/a.service"),
        ("/docker/abc", "/docker/abc", "/sys/fs/cgroup"),
        ("/docker/abc", "/docker/abc/sub", "/sys/fs/cgroup/sub"),
        ("/docker/abc", "/docker/abcdef", "/sys/fs/cgroup/docker/abcdef"),
        ("/docker/abc", "/", "/sys/fs/cgroup"),
        ("/", "/../outside", None),
    ],
    ids=["root", "below", "container", "in a container", "similar name", "namespace", "outside"],
)
def test_a_path_is_found_below_what_is_mounted(root, path, directory):
    assert Mount(root, "/sys/fs/cgroup").directory(path) == directory


def test_controllers_may_share_a_hierarchy_and_its_mount_point_may_have_blanks():
    mounts = parse_cgroup_mounts(
        b"33 30 0:30 / /sys/fs/cgroup/cpu\\040acct rw shared:15 - cgroup cgroup rw,cpu,cpuacct\n"
        b"28 1 0:30 /root / rw - btrfs /dev/mapper/cgroup2 rw\n" + UNIFIED.encode()
    )

    assert mounts["cpu"] == mounts["cpuacct"] == Mount("/", "/sys/fs/cgroup/cpu acct")
    assert mounts[""] == Mount("/", "/sys/fs/cgroup")


def test_a_path_may_hold_colons_and_a_group_that_is_gone_says_so():
    assert parse_cgroups(b"2:cpu,cpuacct:/a:b\n0::/x (deleted)\n") == {"cpu": "/a:b", "cpuacct": "/a:b", "": "/x"}


@pytest.mark.parametrize("limit", [b"max\n", b"-1\n", b"9223372036854771712\n", b"9223372036854710272\n"])
def test_every_way_to_say_no_limit_is_none(limit):
    assert parse_bytes(limit, "/memory.max") is None


@pytest.mark.parametrize(
    ("content", "cpus"), [(b"max 100000\n", None), (b"50000 100000\n", 0.5), (b"400000 100000", 4.0)]
)
def test_a_quota_of_a_period_is_a_number_of_cpus(content, cpus):
    assert parse_cpu_max(content) == cpus


def test_a_device_without_counters_has_none_and_unknown_counters_are_passed_over():
    found = parse_io_stat(
        b"7:0 \n254:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6 cost.vrate=100.00\n8:0 cost.usage=1\n"
    )

    assert found == {"254:0": (DeviceIo(1, 2), DeviceIo(3, 4))}


def test_a_counter_that_is_torn_is_refused_by_the_parser_itself():
    with pytest.raises(ValueError, match=r"/io\.stat: expected a device and its counters"):
        parse_io_stat(b"254:0 rbytes=\t1 wbytes=2 rios=3 wios=4\n")


def test_of_the_operations_of_version_1_reads_and_writes_count():
    content = b"8:0 Read 1\n8:0 Write 2\n8:0 Sync 3\n8:0 Async 0\n8:0 Discard 0\n8:0 Total 3\n8:16 Read 9\nTotal 12\n"

    assert parse_blkio(content, "/blkio") == {"8:0": DeviceIo(1, 2), "8:16": DeviceIo(9, 0)}


def test_a_device_is_named_by_its_uevent(recorded_host):
    assert parse_device_name(b"MAJOR=104\nDEVNAME=cciss/c0d0\n") == "cciss/c0d0"
    assert parse_device_name(b"MAJOR=104\n") is None


@given(st.text(st.sampled_from("/.ab"), max_size=12), st.text(st.sampled_from("/.ab"), max_size=12))
def test_no_path_leads_out_of_what_is_mounted(root, path):
    directory = Mount(f"/{root}", "/cg").directory(f"/{path}")

    assert directory is None or (directory.startswith("/cg") and ".." not in directory.split("/"))
