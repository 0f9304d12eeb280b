"""The collector of processes on recorded hosts, and on hosts that change under it."""

import errno
import os
from pathlib import Path

import pytest

from bitacora_collectors.contract import Unavailable
from bitacora_collectors.process_table import GROUP_SIZE, ProcessTable, StatLines, process
from bitacora_collectors.process_table.files import ProcessFiles, read_file
from bitacora_collectors.processes import ProcessesCollector

from .machine import HERTZ, NAME, by_pid, collector_of, io, stat, status, values  # tests are no package


def test_a_process_is_an_entity_with_the_conventions_attributes(recorded_host):
    collector = collector_of(recorded_host("laptop"), command_lines=True)
    collector.collect()

    firefox = by_pid(collector)[812]

    assert firefox.attributes == {
        "process.pid": 812,
        "process.creation.time": "2026-09-21T14:14:16.840Z",
        "process.parent_pid": 1,
        NAME: "firefox",
        "process.executable.path": "/usr/lib/firefox/firefox",
        "process.owner": "me",
        "process.command_line": "/usr/lib/firefox/firefox -contentproc -isForBrowser",
    }


def test_its_readings_have_no_attributes_that_say_whose_they_are(recorded_host):
    collector = collector_of(recorded_host("laptop"))
    collector.collect()

    readings = list(by_pid(collector)[812].readings())

    assert values(readings, process.CPU_TIME, "cpu.mode") == {("user",): 711 / HERTZ, ("system",): 212 / HERTZ}
    assert values(readings, process.DISK_IO, "disk.io.direction") == {("read",): 5242880, ("write",): 65536}
    switches = values(readings, process.CONTEXT_SWITCHES, "process.context_switch.type")
    assert switches == {("voluntary",): 120411, ("involuntary",): 3141}
    assert values(readings, process.PAGING_FAULTS, "system.paging.fault.type") == {("minor",): 120, ("major",): 3}
    assert values(readings, process.THREADS) == {(): 28}
    assert values(readings, process.OPEN_FILES) == {(): 3}
    assert values(readings, process.MEMORY_VIRTUAL) == {(): 2840089600}
    assert values(readings, process.MEMORY_USAGE) == {(): 61234 * os.sysconf("SC_PAGE_SIZE")}
    assert values(readings, process.UPTIME)[()] > 0
    for reading in readings:
        assert not {NAME, "process.pid"} & set(reading.attributes)


def test_a_command_line_is_kept_only_on_request(recorded_host):
    collector = collector_of(recorded_host("laptop"))
    collector.collect()

    assert {one.facts.program.command_line for one in collector.entities()} == {None}


def test_command_lines_are_dropped_when_the_settings_no_longer_ask_for_them(recorded_host):
    host = recorded_host("laptop")
    asking = ProcessesCollector(host, command_lines=True)
    asking.collect()

    not_asking = ProcessesCollector(host)
    not_asking.collect()

    assert by_pid(asking)[812].facts.program.command_line is not None
    assert by_pid(not_asking)[812].facts.program.command_line is None


def test_what_is_not_known_is_absent_and_not_0(recorded_host):
    collector = collector_of(recorded_host("laptop"))
    collector.collect()

    vim = by_pid(collector)[1302]

    assert "process.owner" not in vim.attributes
    assert "process.executable.path" not in vim.attributes
    absent = {process.DISK_IO, process.OPEN_FILES, process.CONTEXT_SWITCHES, process.CPU_UTILIZATION}
    assert not absent & {reading.metric for reading in vim.readings()}


def test_a_user_without_a_name_on_the_host_is_a_number(recorded_host):
    collector = collector_of(recorded_host("laptop"))
    collector.collect()

    assert by_pid(collector)[913].facts.owner == "1001"


def test_a_dead_process_is_none(recorded_host):
    collector = collector_of(recorded_host("laptop"))
    collector.collect()

    assert 1600 not in by_pid(collector)


@pytest.mark.parametrize(
    ("command", "arguments", "name"),
    [
        ("bitacora_timest", "/opt/bitacora_timestamp\0-v", "bitacora_timestamp"),
        ("bitacora_timest", "other\0", "bitacora_timest"),
        ("sh", "/bin/dash\0", "sh"),
        ("tmux: server", "", "tmux: server"),
    ],
)
def test_a_hidden_executable_is_named_by_its_command_made_whole_by_the_first_argument(
    machine, command, arguments, name
):
    collector = collector_of(machine({7: {"stat": stat(7, command), "cmdline": arguments}}))
    collector.collect()

    assert by_pid(collector)[7].facts.program.executable_name == name


def test_an_executable_that_was_replaced_keeps_its_name(machine, tmp_path):
    host = machine({7: stat(7), 8: stat(8, "memfd:x-9173")})
    (tmp_path / "proc/7/exe").symlink_to("/usr/bin/firefox (deleted)")
    (tmp_path / "proc/8/exe").symlink_to("/memfd:x-917351212aee (deleted)")
    collector = collector_of(host)

    collector.collect()

    programs = {pid: one.facts.program for pid, one in by_pid(collector).items()}
    assert (programs[7].executable_name, programs[7].executable_path) == ("firefox", "/usr/bin/firefox")
    assert programs[8].executable_name == "memfd:x-9173"


@pytest.mark.parametrize("command", ["Web Content) R", "two\nlines", "((", ") Z 1 (", 'a"b\\c', "\x1b[2J", "é"])
def test_any_command_is_a_name(machine, command):
    collector = collector_of(machine({7: stat(7, command)}))

    collector.collect()

    assert by_pid(collector)[7].facts.stat.name == command


def test_utilization_is_of_the_cpus_that_a_process_may_use(machine, clock):
    host = machine({7: {"stat": stat(7), "status": status(cpus="f")}, 8: {"stat": stat(8), "status": status(cpus="1")}})
    collector = collector_of(host, clock)
    collector.collect()
    clock.advance(5)
    machine({7: stat(7, user=4 * HERTZ, system=HERTZ), 8: stat(8, user=4 * HERTZ, system=HERTZ)})

    collector.collect()

    assert by_pid(collector)[7].facts.shares == (0.2, 0.05)
    assert by_pid(collector)[8].facts.shares == (0.8, 0.2)


def test_cpus_that_are_allowed_but_not_there_do_not_count(machine, host_with, clock):
    host = machine({7: {"stat": stat(7), "status": status(cpus="ffffffff,ffffffff")}})
    host_with({"/sys/devices/system/cpu/online": "0-1\n"})
    collector = collector_of(host, clock)
    collector.collect()

    assert by_pid(collector)[7].facts.details.available_cpus == 2


def test_a_process_that_stops_working_falls_to_0(machine, clock):
    host = machine({7: {"stat": stat(7), "status": status()}})
    collector = collector_of(host, clock)
    shares = []

    for user in (0, HERTZ, HERTZ, HERTZ):
        machine({7: stat(7, user=user)})
        collector.collect()
        shares.append(by_pid(collector)[7].facts.shares)
        clock.advance(5)

    assert shares == [None, (0.1, 0), (0, 0), (0, 0)]


def test_what_has_not_changed_is_the_same_object(machine):
    collector = collector_of(machine({7: {"stat": stat(7), "status": status()}}))
    collector.collect()
    collector.collect()
    before = by_pid(collector)[7].facts

    collector.collect()

    assert by_pid(collector)[7].facts is before


class Refusing:
    """Reads files, but for those with one name, which are refused as those of other users are."""

    def __init__(self, name):
        self.name = name
        self.asked = []

    def __call__(self, path):
        if path.endswith(f"/{self.name}"):
            self.asked.append(path)
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return read_file(path)


def test_a_refused_file_hides_nothing_else_of_the_process_and_is_not_asked_for_again(machine, clock, caplog):
    host = machine({7: {"stat": stat(7), "status": status(), "io": io(10, 20)}})
    read = Refusing("io")
    collector = collector_of(host, clock, ProcessFiles(host, read))

    for user in range(5):
        machine({7: stat(7, user=user)})
        readings = collector.collect()
        clock.advance(60)

    assert values(readings, process.DISK_IO, NAME) == {}
    assert values(readings, process.CONTEXT_SWITCHES, NAME, "process.context_switch.type")["sh", "voluntary"] == 5
    assert by_pid(collector)[7].facts.owner == "1000"
    assert len(read.asked) == 1
    assert caplog.text == ""


def test_a_directory_of_descriptors_that_is_refused_is_no_number_of_files(machine, monkeypatch):
    host = machine({7: {"stat": stat(7), "status": status(), "fd/0": ""}})
    original = os.listdir

    def refuse(path):
        if str(path).endswith("/fd"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return original(path)

    monkeypatch.setattr(os, "listdir", refuse)
    collector = collector_of(host)

    readings = collector.collect()

    assert values(readings, process.OPEN_FILES, NAME) == {}
    assert values(readings, process.THREADS, NAME) == {("sh",): 1}


def test_details_are_read_when_a_process_has_done_something_and_not_too_often(machine, clock):
    host = machine({pid: {"stat": stat(pid), "status": status()} for pid in range(1, 200)})
    asked = []
    files = ProcessFiles(host, lambda path: asked.append(path) or read_file(path))
    collector = collector_of(host, clock, files)
    collector.collect()
    clock.advance(11)
    machine({7: {"stat": stat(7, user=5), "status": status(voluntary=99)}})
    asked.clear()

    collector.collect()
    after_change = {path.split("/")[-2] for path in asked if path.endswith("/status")}
    clock.advance(5)
    machine({7: stat(7, user=6)})
    asked.clear()
    collector.collect()
    soon_after = {path.split("/")[-2] for path in asked if path.endswith("/status")}

    assert "7" in after_change
    assert by_pid(collector)[7].facts.details.voluntary_switches == 99
    assert "7" not in soon_after
    assert len(after_change) <= 1 + 4  # and a sixtieth of the others
    assert len(soon_after) <= 4


def test_details_of_processes_that_do_nothing_are_read_in_turn(machine, clock):
    host = machine({pid: {"stat": stat(pid), "status": status()} for pid in range(1, 100)})
    collector = collector_of(host, clock)
    collector.collect()
    machine({pid: {"status": status(voluntary=7)} for pid in range(1, 100)})

    for _ in range(60):
        clock.advance(5)
        collector.collect()

    assert {one.facts.details.voluntary_switches for one in collector.entities()} == {7}


def test_details_of_a_process_that_has_not_run_are_not_read_again(machine, clock):
    host = machine({pid: {"stat": stat(pid), "status": status()} for pid in range(1, 100)})
    ran = {str(pid): 1 for pid in range(1, 100)}
    lines = StatLines(host, monotonic=clock.monotonic, clock_for=lambda _: ran.get)
    collector = ProcessesCollector(host, table=ProcessTable(host, stat_lines=lines))
    collector.collect()
    machine({pid: {"status": status(voluntary=7)} for pid in range(1, 100)})
    ran["7"] = 2  # so shortly that its line doesn't tell

    for _ in range(60):
        clock.advance(5)
        collector.collect()

    assert {pid for pid, one in by_pid(collector).items() if one.facts.details.voluntary_switches == 7} == {7}


def test_a_host_without_processes_is_unavailable(machine):
    with pytest.raises(Unavailable, match="no processes"):
        collector_of(machine({})).collect()


def test_a_stat_that_is_none_is_named(machine):
    with pytest.raises(ValueError, match=r"/proc/N/stat: expected a command and 22 fields, got b'7 \(sh\) S 1 7'"):
        collector_of(machine({7: "7 (sh) S 1 7"})).collect()


def test_a_process_whose_arguments_cannot_be_read_in_time_costs_its_first_argument_alone(machine, monkeypatch):
    host = machine({7: {"stat": stat(7), "cmdline": "/bin/sh\0-c\0", "status": status()}})
    os.mkfifo(Path(host.root) / "proc/7/blocked")
    monkeypatch.setattr("bitacora_collectors.process_table.files._GUARD_SECONDS", 0.05)
    files = ProcessFiles(host, lambda path: read_file(path.replace("cmdline", "blocked")))
    collector = collector_of(host, files=files)

    readings = collector.collect()

    assert by_pid(collector)[7].facts.program.first_argument == ""
    assert values(readings, GROUP_SIZE, NAME) == {("sh",): 1}
    os.close(os.open(Path(host.root) / "proc/7/blocked", os.O_WRONLY | os.O_NONBLOCK))


def test_a_process_that_ends_soon_after_it_did_something_is_forgotten(machine, clock):
    host = machine({1: stat(1, "init"), 7: {"stat": stat(7), "status": status()}})
    collector = collector_of(host, clock)
    collector.collect()
    clock.advance(5)
    machine({7: stat(7, user=9)})
    collector.collect()
    clock.advance(60)
    machine({7: None})

    collector.collect()

    assert set(by_pid(collector)) == {1}


def test_a_start_that_no_calendar_has_is_the_last_day_of_ours(machine):
    collector = collector_of(machine({7: stat(7, start=10**19)}))
    collector.collect()

    assert by_pid(collector)[7].attributes["process.creation.time"].startswith("9999-12-31")
