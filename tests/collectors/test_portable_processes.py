"""Processes of macOS and Windows, as psutil tells of them."""

import os
import sys
import types

import psutil
import pytest

from bitacora_collectors import bitacora, process_counts, processes
from bitacora_collectors.contract import Host
from bitacora_collectors.process_table import GROUP_SIZE, PortableTable
from bitacora_collectors.process_table.process import CPU_TIME, CPU_UTILIZATION, DISK_IO, OPEN_FILES, PAGING_FAULTS

from .fake_psutil import BOOTED, PAGE, MacProcess, WindowsProcess, on_macos, on_windows, tuple_of
from .machine import NAME, by_pid, values


@pytest.fixture(params=["darwin", "win32"])
def system(request):
    return play(on_macos() if request.param == "darwin" else on_windows(), request.param)


@pytest.fixture
def mac():
    return play(on_macos(), "darwin")


@pytest.fixture
def windows():
    return play(on_windows(), "win32")


def play(fake, platform):
    """Return a host of *platform* with a clock that a test may set."""
    system = types.SimpleNamespace(psutil=fake, now=BOOTED + 1000, set_by=0)
    host = Host(platform=platform, load_psutil=lambda: fake)
    # The wall clock is set while we watch: shares are of the time that has passed.
    system.table = PortableTable(host, clock=lambda: system.now + system.set_by, monotonic=lambda: system.now)
    system.host = host
    return system


def collector_of(system, **options):
    return processes.ProcessesCollector(system.host, table=system.table, **options)


def test_a_process_is_an_entity_as_on_linux(mac):
    collector = collector_of(mac)
    collector.collect()

    process = by_pid(collector)[70]
    assert dict(process.attributes) == {
        "process.pid": 70,
        "process.creation.time": "2023-11-14T22:15:00.000Z",
        "process.parent_pid": 1,
        "process.executable.name": "bitacora",
        "process.executable.path": "/usr/local/bin/bitacora",
        "process.owner": "ada",
    }
    assert (process.facts.memory_bytes, process.facts.stat.threads, process.uptime_seconds) == (10 * PAGE, 3, 900)
    assert process.facts.cpu_seconds == (1.5, 0.25)


def test_sums_by_executable_hold_what_the_system_tells_and_nothing_else(mac, windows):
    on_mac, on_win = collector_of(mac).collect(), collector_of(windows).collect()

    assert values(on_mac, CPU_TIME, NAME, "cpu.mode") == {("bitacora", "user"): 1.5, ("bitacora", "system"): 0.25}
    assert values(on_mac, OPEN_FILES, NAME) == {("bitacora",): 7}
    assert values(on_mac, PAGING_FAULTS, "system.paging.fault.type") == {("minor",): 480, ("major",): 20}
    assert values(on_win, GROUP_SIZE, NAME) == {("bitacora.exe",): 1, ("notepad.exe",): 1}
    assert values(on_win, PAGING_FAULTS) == values(on_win, OPEN_FILES) == values(on_win, DISK_IO) == {}


def test_what_macos_hides_is_counted_and_no_more(mac):
    collector = collector_of(mac)
    collector.collect()

    assert set(by_pid(collector)) == {70}
    assert dict(mac.table.states) == {"sleeping": 2, "defunct": 1}


def test_processes_are_counted_by_state_and_the_table_is_shared(system):
    counts = process_counts.ProcessCountsCollector(system.host)
    counts._table = system.table

    found = values(counts.collect(), process_counts.COUNT, "process.state")

    assert sum(found.values()) == len([one for one in system.psutil.processes if one.pid])
    assert {metric for metric in process_counts.ProcessCountsCollector.metrics if values(counts.collect(), metric)} == {
        process_counts.COUNT
    }


def test_what_idle_processors_run_is_no_process(windows):
    collector = collector_of(windows)
    collector.collect()

    assert set(by_pid(collector)) == {70, 71}


def test_a_share_is_of_the_time_between_two_readings_over_all_cpus(mac):
    collector = collector_of(mac, metrics="top")
    assert values(collector.collect(), CPU_UTILIZATION) == {}
    mac.psutil.processes[1].values["cpu_times"] = tuple_of(user=3.5, system=0.75)
    mac.now += 10
    mac.set_by = -3600

    shares = values(collector.collect(), CPU_UTILIZATION, "cpu.mode")

    assert shares == {("user",): pytest.approx(0.1), ("system",): pytest.approx(0.025)}


def test_a_process_of_which_nothing_has_changed_is_the_same_object(mac):
    collector = collector_of(mac)
    for _ in range(2):  # the second one tells the shares
        collector.collect()
        mac.now += 10
    before = by_pid(collector)[70].facts

    collector.collect()

    assert by_pid(collector)[70].facts is before


def test_what_lasts_is_asked_once_and_again_of_another_process_with_the_number(mac):
    collector = collector_of(mac)
    first = mac.psutil.processes[1]
    for _ in range(3):
        collector.collect()
        mac.now += 10
    assert first.asked.count("exe") == 1

    mac.psutil.processes[1] = MacProcess(70, "vim", create_time=BOOTED + 500)
    collector.collect()

    assert by_pid(collector)[70].facts.program.executable_name == "vim"
    assert by_pid(collector)[70].facts.shares is None


def test_command_lines_are_shown_only_where_they_are_wanted(mac):
    collector = collector_of(mac)
    collector.collect()
    assert by_pid(collector)[70].facts.program.command_line is None

    told = collector_of(mac, command_lines=True)
    mac.now += 10
    told.collect()

    assert by_pid(told)[70].facts.program.command_line == "/usr/local/bin/bitacora --token hush"
    mac.now += 10
    collector_of(mac).collect()  # as after a reload with other settings
    told.collect()
    assert by_pid(told)[70].facts.program.command_line is None


def test_a_process_whose_executable_is_hidden_goes_by_its_command(windows):
    windows.psutil.processes.append(WindowsProcess(90, "Registry", exe=None, cmdline=None, username=None))

    collector = collector_of(windows)
    collector.collect()

    assert by_pid(collector)[90].attributes["process.executable.name"] == "Registry"
    assert "process.owner" not in by_pid(collector)[90].attributes


def test_one_that_ends_while_it_is_asked_costs_no_other(mac):
    mac.psutil.processes.insert(0, MacProcess(99, "gone", status="gone"))

    collector = collector_of(mac)
    collector.collect()

    assert set(by_pid(collector)) == {70}


@pytest.mark.parametrize("status", ["dead", "?", "wake-kill"])
def test_one_that_is_dead_is_none(mac, status):
    mac.psutil.processes[1].values["status"] = status

    census = mac.table.read()

    assert not census.processes
    assert mac.table.states == {"sleeping": 1, "defunct": 1}


def test_bitacora_is_found_by_its_executable(system):
    collector = bitacora.BitacoraCollector(system.host, table=system.table)

    readings = collector.collect()

    assert values(readings, bitacora.PROCESSES) == {(): 1}
    assert [one.facts.stat.pid for one in collector.entities()] == [70]


def test_collectors_of_one_host_read_once_in_a_tick(mac):
    collector, mine = collector_of(mac), bitacora.BitacoraCollector(mac.host, table=mac.table)

    collector.collect()
    mine.collect()
    first = mac.psutil.processes[1].asked.count("cpu_times")
    mac.now += 5
    mine.collect()

    assert (first, mac.psutil.processes[1].asked.count("cpu_times")) == (1, 2)


@pytest.mark.skipif(sys.platform != "linux", reason="walks this machine's psutil as if it were another's")
def test_through_the_real_psutil_this_process_is_what_proc_says():
    portable = processes.ProcessesCollector(Host(platform="freebsd", load_psutil=lambda: psutil))
    own = processes.ProcessesCollector(Host())
    portable.collect()
    own.collect()

    of_psutil, of_proc = by_pid(portable)[os.getpid()].facts, by_pid(own)[os.getpid()].facts

    assert of_psutil.program.executable_path == of_proc.program.executable_path
    assert of_psutil.stat.parent_pid == of_proc.stat.parent_pid
    assert of_psutil.owner == of_proc.owner
    assert of_psutil.created_unix_seconds == pytest.approx(of_proc.created_unix_seconds, abs=2)
    assert of_psutil.memory_bytes == pytest.approx(of_proc.memory_bytes, rel=0.2)
