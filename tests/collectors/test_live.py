"""This machine, read by us and by psutil: counters lie between psutil's before and after, gauges within 1 %."""

import os
import subprocess
import sys
import time

import psutil
import pytest

from bitacora_collectors import cpu, disk, load, memory, os_info, process_counts, processes, traffic
from bitacora_collectors.contract import Host

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

ATTEMPTS = 5


def agree(attempt):
    """Run *attempt* until it agrees: on a busy machine a gauge may move between the two readings."""
    for _ in range(ATTEMPTS - 1):
        try:
            return attempt()
        except AssertionError:
            continue
    return attempt()


def values(readings, metric, *keys):
    return {tuple(r.attributes[key] for key in keys): r.value for r in readings if r.metric is metric}


def test_cpu_times_lie_between_psutils():
    def attempt():
        before = psutil.cpu_times()
        times = values(cpu.CpuCollector(Host()).collect(), cpu.TIME, "cpu.mode")
        after = psutil.cpu_times()

        for mode in ("user", "nice", "system", "idle"):
            assert getattr(before, mode) <= times[mode,] <= getattr(after, mode)
        assert before.irq + before.softirq <= times["interrupt",] <= after.irq + after.softirq

    agree(attempt)


def test_cpu_counts_are_psutils():
    readings = cpu.CpuCollector(Host()).collect()

    assert values(readings, cpu.LOGICAL_COUNT) == {(): psutil.cpu_count()}
    assert values(readings, cpu.PHYSICAL_COUNT) == {(): psutil.cpu_count(logical=False)}


def test_cpu_frequencies_are_within_1_percent_of_psutils():
    def attempt():
        frequencies = values(cpu.CpuCollector(Host()).collect(), cpu.FREQUENCY, "cpu.logical_number")
        expected = psutil.cpu_freq(percpu=True)

        for (number,), hertz in frequencies.items():
            assert hertz == pytest.approx(expected[number].current * 1e6, rel=0.01)

    agree(attempt)


def test_memory_is_within_1_percent_of_psutils():
    def attempt():
        readings = memory.MemoryCollector(Host()).collect()
        expected = psutil.virtual_memory()

        states = values(readings, memory.USAGE, "system.memory.state")
        assert values(readings, memory.LIMIT)[()] == expected.total
        assert states["free",] == pytest.approx(expected.free, rel=0.01)
        assert states["buffers",] == pytest.approx(expected.buffers, rel=0.01)
        assert states["cached",] == pytest.approx(expected.cached, rel=0.01)
        assert values(readings, memory.AVAILABLE)[()] == pytest.approx(expected.available, rel=0.01)

    agree(attempt)


def test_swap_adds_up_to_psutils():
    readings = memory.MemoryCollector(Host()).collect()

    expected = psutil.swap_memory()
    assert sum(values(readings, memory.PAGING_USAGE, "system.device", "system.paging.state").values()) == expected.total


def test_disk_counters_lie_between_psutils():
    before = psutil.disk_io_counters(perdisk=True)
    readings = disk.DiskCollector(Host()).collect()
    after = psutil.disk_io_counters(perdisk=True)

    keys = ("system.device", "disk.io.direction")
    io, operations = values(readings, disk.DISK_IO, *keys), values(readings, disk.OPERATIONS, *keys)
    for name in {device for device, _ in io}:
        assert before[name].read_bytes <= io[name, "read"] <= after[name].read_bytes
        assert before[name].write_bytes <= io[name, "write"] <= after[name].write_bytes
        assert before[name].read_count <= operations[name, "read"] <= after[name].read_count
        assert before[name].write_count <= operations[name, "write"] <= after[name].write_count


def test_file_systems_are_within_1_percent_of_psutils():
    def attempt():
        readings = disk.DiskCollector(Host()).collect()
        usage = values(readings, disk.USAGE, "system.filesystem.mountpoint", "system.filesystem.state")
        shares = values(readings, disk.UTILIZATION, "system.filesystem.mountpoint")

        for (point,), share in shares.items():
            expected = psutil.disk_usage(point)
            assert usage[point, "used"] == pytest.approx(expected.used, rel=0.01)
            assert usage[point, "free"] == pytest.approx(expected.free, rel=0.01)
            assert share * 100 == pytest.approx(expected.percent, abs=1)

    agree(attempt)


def test_network_counters_lie_between_psutils():
    before = psutil.net_io_counters(pernic=True, nowrap=False)
    readings = traffic.TrafficCollector(Host()).collect()
    after = psutil.net_io_counters(pernic=True, nowrap=False)

    io = values(readings, traffic.IO, "network.interface.name", "network.io.direction")
    packets = values(readings, traffic.PACKET_COUNT, "system.device", "network.io.direction")
    assert {name for name, _ in io} == set(after)
    for name in after:
        assert before[name].bytes_recv <= io[name, "receive"] <= after[name].bytes_recv
        assert before[name].bytes_sent <= io[name, "transmit"] <= after[name].bytes_sent
        assert before[name].packets_recv <= packets[name, "receive"] <= after[name].packets_recv


def test_the_load_is_psutils():
    def attempt():
        averages = [reading.value for reading in load.LoadCollector(Host()).collect()]

        assert averages == pytest.approx(os.getloadavg(), abs=0.01)

    agree(attempt)


def test_the_number_of_processes_lies_between_psutils():
    def attempt():
        before = len(psutil.pids())
        readings = process_counts.ProcessCountsCollector(Host()).collect()
        after = len(psutil.pids())

        total = sum(values(readings, process_counts.COUNT, "process.state").values())
        assert min(before, after) <= total <= max(before, after)

    agree(attempt)


def test_uptime_is_the_time_since_boot():
    (reading,) = os_info.OsInfoCollector(Host()).collect()

    assert reading.value == pytest.approx(time.clock_gettime(time.CLOCK_BOOTTIME), abs=1)


def process_of(pid):
    collector = processes.ProcessesCollector(Host())
    collector.collect()
    return next(one for one in collector.entities() if one.facts.stat.pid == pid)


def test_what_is_said_of_this_process_is_what_psutil_says():
    def attempt():
        peer = psutil.Process()
        before = peer.cpu_times()
        mine = process_of(os.getpid())
        after, memory_info = peer.cpu_times(), peer.memory_info()
        facts = mine.facts

        assert facts.stat.name == peer.name()
        assert facts.program.executable_path == peer.exe()
        assert facts.owner == peer.username()
        assert facts.stat.parent_pid == peer.ppid()
        assert facts.created_unix_seconds == pytest.approx(peer.create_time(), abs=2)
        assert mine.uptime_seconds == pytest.approx(time.time() - peer.create_time(), abs=2)
        assert before.user <= facts.cpu_seconds[0] <= after.user
        assert before.system <= facts.cpu_seconds[1] <= after.system
        assert facts.memory_bytes == pytest.approx(memory_info.rss, rel=0.05)
        assert facts.stat.virtual_bytes == pytest.approx(memory_info.vms, rel=0.05)
        assert facts.stat.threads == peer.num_threads()
        assert facts.details.available_cpus == len(peer.cpu_affinity())

    agree(attempt)


def test_a_process_with_an_affinity_has_fewer_cpus_and_open_files_of_its_own():
    process = subprocess.Popen(["sleep", "600"])
    try:
        os.sched_setaffinity(process.pid, {min(os.sched_getaffinity(0))})

        details = process_of(process.pid).facts.details

        assert details.available_cpus == 1
        assert details.open_files == psutil.Process(process.pid).num_fds()
    finally:
        process.kill()
        process.wait()
