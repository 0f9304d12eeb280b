"""The collector of processes on recorded hosts, and on hosts that change under it."""

import errno
import os
import time
from pathlib import Path

import pytest

from bitacora_collectors.bitacora import PROCESSES, BitacoraCollector
from bitacora_collectors.contract import Host, Unavailable
from bitacora_collectors.process_table import GROUP_SIZE, ProcessTable, StatLines, process
from bitacora_collectors.process_table.files import ProcessFiles, read_file
from bitacora_collectors.processes import ProcessesCollector

HERTZ = os.sysconf("SC_CLK_TCK")
NAME = "process.executable.name"


def stat(pid, name="sh", state="S", *, user=0, system=0, start=100, threads=1, pages=10, parent=1, flags=4194560):
    head = f"{pid} ({name}) {state} {parent} {pid} {pid} 0 -1 {flags} 120 0 0 0 {user} {system} 0 0 20 0 {threads} 0"
    return f"{head} {start} 8400896 {pages} 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0\n"


def status(uid=1000, cpus="3", voluntary=5, involuntary=2):
    uids = "\t".join([str(uid)] * 4)
    switches = f"voluntary_ctxt_switches:\t{voluntary}\nnonvoluntary_ctxt_switches:\t{involuntary}\n"
    return f"Name:\tsh\nUid:\t{uids}\nCpus_allowed:\t{cpus}\nCpus_allowed_list:\t0-1\n{switches}"


def io(read=0, written=0):
    return f"rchar: 1\nwchar: 1\nsyscr: 1\nsyscw: 1\nread_bytes: {read}\nwrite_bytes: {written}\n"


class Clock:
    def __init__(self):
        self.seconds = 1000.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def machine(host_with, tmp_path):
    """Return a function that writes processes, by pid, into a host; None takes one away."""

    def write(processes):
        host = host_with({"/proc/stat": "cpu 1\nbtime 1700000000\n"})
        for pid, files in processes.items():
            if files is None:
                for path in sorted((tmp_path / f"proc/{pid}").rglob("*"), reverse=True):
                    path.rmdir() if path.is_dir() else path.unlink()
                (tmp_path / f"proc/{pid}").rmdir()
            else:
                texts = {"stat": files} if isinstance(files, str) else files
                host_with({f"/proc/{pid}/{name}": text for name, text in texts.items()})
        return host

    return write


def values(readings, metric, *keys):
    return {tuple(r.attributes.get(key) for key in keys): r.value for r in readings if r.metric is metric}


def collector_of(host, clock=None, files=None, **options):
    table = ProcessTable(host, files=files, stat_lines=StatLines(host, monotonic=clock or time.monotonic))
    return ProcessesCollector(host, table=table, **options)


def by_pid(collector):
    return {one.facts.stat.pid: one for one in collector.entities()}


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


def test_kernel_threads_are_one_group(recorded_host):
    readings = collector_of(recorded_host("laptop")).collect()

    assert values(readings, GROUP_SIZE, NAME)["kthreadd",] == 2


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
    clock.seconds += 5
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
        clock.seconds += 5

    assert shares == [None, (0.1, 0), (0, 0), (0, 0)]


def test_what_has_not_changed_is_the_same_object(machine):
    collector = collector_of(machine({7: {"stat": stat(7), "status": status()}}))
    collector.collect()
    collector.collect()
    before = by_pid(collector)[7].facts

    collector.collect()

    assert by_pid(collector)[7].facts is before


def test_groups_are_sums_by_executable(machine):
    files = {"status": status(), "io": io(10, 20)}
    host = machine(
        {
            7: {"stat": stat(7, user=100, threads=2), **files},
            8: {"stat": stat(8, user=50, system=10), **files},
            9: stat(9, "vim"),
        }
    )

    readings = collector_of(host).collect()

    times = values(readings, process.CPU_TIME, NAME, "cpu.mode")
    assert times["sh", "user"] == 150 / HERTZ
    assert times["sh", "system"] == 10 / HERTZ
    assert times["vim", "user"] == 0
    assert values(readings, process.THREADS, NAME) == {("sh",): 3, ("vim",): 1}
    assert values(readings, process.DISK_IO, NAME, "disk.io.direction") == {("sh", "read"): 20, ("sh", "write"): 40}
    assert values(readings, GROUP_SIZE, NAME) == {("sh",): 2, ("vim",): 1}


def test_a_groups_counters_do_not_fall_when_a_process_ends(machine, clock):
    files = {"status": status(), "io": io(10, 20)}
    host = machine({7: {"stat": stat(7, user=300), **files}, 8: {"stat": stat(8, user=200), **files}})
    collector = collector_of(host, clock)
    collector.collect()
    clock.seconds += 60
    machine({7: None, 8: {"stat": stat(8, user=250), "io": io(15, 20)}})

    readings = collector.collect()

    assert values(readings, process.CPU_TIME, NAME, "cpu.mode")["sh", "user"] == 550 / HERTZ
    assert values(readings, process.DISK_IO, NAME, "disk.io.direction")["sh", "read"] == 25
    assert values(readings, GROUP_SIZE, NAME) == {("sh",): 1}
    assert values(readings, process.THREADS, NAME) == {("sh",): 1}


def test_a_group_without_processes_keeps_its_counters_and_is_empty(machine):
    host = machine({1: stat(1, "init"), 7: stat(7, user=300)})
    collector = collector_of(host)
    collector.collect()
    machine({7: None})

    readings = collector.collect()

    assert values(readings, process.CPU_TIME, NAME, "cpu.mode")["sh", "user"] == 300 / HERTZ
    assert values(readings, process.MEMORY_USAGE, NAME)["sh",] == 0
    assert values(readings, GROUP_SIZE, NAME)["sh",] == 0


def test_a_pid_that_is_used_again_is_another_process(machine, clock):
    host = machine({7: {"stat": stat(7, user=300, start=100), "status": status(uid=1)}})
    collector = collector_of(host, clock)
    collector.collect()
    first = by_pid(collector)[7]
    clock.seconds += 5
    machine({7: {"stat": stat(7, user=20, start=900), "status": status(uid=2)}})

    readings = collector.collect()

    second = by_pid(collector)[7]
    assert second.attributes["process.creation.time"] != first.attributes["process.creation.time"]
    assert second.facts.shares is None
    assert (first.facts.owner, second.facts.owner) == ("1", "2")
    assert values(readings, process.CPU_TIME, NAME, "cpu.mode")["sh", "user"] == 320 / HERTZ
    assert values(readings, GROUP_SIZE, NAME) == {("sh",): 1}


def test_a_process_that_executes_another_program_moves_on_with_what_it_uses_from_then_on(machine):
    host = machine({7: stat(7, "bash", user=100, pages=30)})
    collector = collector_of(host)
    collector.collect()
    machine({7: stat(7, "make", user=140, pages=10)})

    readings = collector.collect()

    times = values(readings, process.CPU_TIME, NAME, "cpu.mode")
    assert (times["bash", "user"], times["make", "user"]) == (100 / HERTZ, 40 / HERTZ)
    assert values(readings, GROUP_SIZE, NAME) == {("bash",): 0, ("make",): 1}
    assert values(readings, process.MEMORY_USAGE, NAME)["bash",] == 0


def test_executables_beyond_the_limit_are_added_up_as_other(machine):
    host = machine({pid: stat(pid, f"p{pid}", user=pid) for pid in range(1, 7)})

    readings = collector_of(host, max_groups=2).collect()

    sizes = values(readings, GROUP_SIZE, NAME)
    assert len(sizes) == 3
    assert sizes["other",] == 4
    assert sum(values(readings, process.CPU_TIME, NAME, "cpu.mode").values()) == pytest.approx(21 / HERTZ)


def test_ten_thousand_short_lived_processes_leave_nothing_behind(machine, tmp_path):
    host = machine({1: stat(1, "init")})
    ended = [tmp_path / f"ended/{number}" for number in range(500)]
    for directory in ended:
        directory.mkdir(parents=True)
    collector = collector_of(host, max_groups=20)
    table = collector._table
    lengths = []

    for first in range(2, 10_002, 500):
        for pid, directory in enumerate(ended, first):
            (directory / "stat").write_text(stat(pid, f"p{pid}"))
            directory.rename(tmp_path / f"proc/{pid}")
        busy = collector.collect()
        for pid, directory in enumerate(ended, first):
            (tmp_path / f"proc/{pid}").rename(directory)
        collector.collect()
        kept = (table._rows, table._stale, table.stat_lines._kept, collector._groups._seen, collector._processes)
        lengths.append([len(busy), table.stat_lines.descriptors, *map(len, kept)])

    assert max(length[0] for length in lengths) < 25 * 14
    assert lengths[-1][1:] == [1, 1, 0, 1, 1, 1]
    assert lengths[0][1:] == lengths[-1][1:]


def test_top_has_the_busiest_and_only_what_goes_up_and_down(machine, clock):
    host = machine({pid: {"stat": stat(pid, "cc"), "status": status()} for pid in range(1, 9)})
    collector = collector_of(host, clock, metrics="top", top=3)
    collector.collect()
    clock.seconds += 5
    machine({4: stat(4, "ld", user=HERTZ), 5: stat(5, "cc", user=2 * HERTZ), 6: stat(6, "cc", user=3 * HERTZ)})

    readings = collector.collect()

    shares = values(readings, process.CPU_UTILIZATION, NAME, "bitacora.process.slot", "cpu.mode")
    assert {key: share for key, share in shares.items() if key[2] == "user"} == {
        ("cc", 1, "user"): 0.3,
        ("cc", 2, "user"): 0.2,
        ("ld", 1, "user"): 0.1,
    }
    assert {reading.metric.kind.value for reading in readings} == {"updowncounter", "gauge"}
    assert not any("process.pid" in reading.attributes for reading in readings)


def test_all_has_a_series_for_each_process_that_goes_with_it(machine):
    host = machine({7: stat(7, user=100), 8: stat(8, user=200)})
    collector = collector_of(host, metrics="all")
    first = collector.collect()
    machine({7: None, 8: stat(8, "vim", user=210)})

    second = collector.collect()

    assert values(first, process.CPU_TIME, "process.pid", NAME, "cpu.mode")[7, "sh", "user"] == 100 / HERTZ
    times = values(second, process.CPU_TIME, "process.pid", NAME, "cpu.mode")
    assert times == {(8, "vim", "user"): 210 / HERTZ, (8, "vim", "system"): 0}
    assert len(values(second, process.UPTIME, "process.pid")) == 1


def test_all_hands_out_the_same_attributes_from_tick_to_tick(recorded_host):
    collector = collector_of(recorded_host("laptop"), metrics="all")

    first, second = collector.collect(), collector.collect()

    known = {id(reading.attributes) for reading in first}
    assert {reading.metric for reading in second if id(reading.attributes) not in known} <= {process.CPU_UTILIZATION}


def test_off_has_entities_and_no_readings(recorded_host):
    collector = collector_of(recorded_host("laptop"), metrics="off")

    assert collector.collect() == []
    assert len(collector.entities()) == 10


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="off, groups, top, all, not 'everything'"):
        ProcessesCollector(Host(), metrics="everything")


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
        clock.seconds += 60

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
    clock.seconds += 11
    machine({7: {"stat": stat(7, user=5), "status": status(voluntary=99)}})
    asked.clear()

    collector.collect()
    after_change = {path.split("/")[-2] for path in asked if path.endswith("/status")}
    clock.seconds += 5
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
        clock.seconds += 5
        collector.collect()

    assert {one.facts.details.voluntary_switches for one in collector.entities()} == {7}


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


def test_bitacoras_processes_are_found_by_executable_or_first_argument(machine, tmp_path):
    host = machine(
        {
            1: {"stat": stat(1, "bitacora_timest"), "cmdline": "/opt/bitacora_timestamp\0"},
            2: {"stat": stat(2, "python3"), "cmdline": "/opt/bstradivarius\0run\0"},
            3: {"stat": stat(3, "sh"), "cmdline": "/bin/sh\0bitacora\0"},
            4: stat(4, "otel-bitacora"),
        }
    )
    collector = BitacoraCollector(host)

    readings = collector.collect()

    assert set(by_pid(collector)) == {1, 2}
    assert values(readings, PROCESSES) == {(): 2}


def test_no_bitacora_is_a_count_of_0_and_no_series(recorded_host):
    collector = BitacoraCollector(recorded_host("vm"))

    assert [(reading.metric, reading.value) for reading in collector.collect()] == [(PROCESSES, 0)]
    assert list(collector.entities()) == []


def test_an_empty_pattern_finds_none(recorded_host):
    collector = BitacoraCollector(recorded_host("laptop"), pattern="")

    assert collector.collect()[0].value == 0


@pytest.mark.parametrize(("mode", "publishes"), [("off", True), ("top", True), ("groups", False), ("all", False)])
def test_bitacoras_sums_are_given_unless_those_of_all_processes_are(recorded_host, mode, publishes):
    host = recorded_host("laptop")
    everything, bitacora = ProcessesCollector(host, metrics=mode), BitacoraCollector(host)
    everything.collect()

    readings = bitacora.collect()

    times = values(readings, process.CPU_TIME, NAME, "cpu.mode")
    expected = {("bitacora_timestamp", "user"): 31 / HERTZ, ("bitacora_timestamp", "system"): 9 / HERTZ}
    assert times == (expected if publishes else {})
    assert set(by_pid(bitacora)) == {2001}


def test_bitacoras_sums_are_those_in_the_groups(recorded_host):
    alone = BitacoraCollector(recorded_host("laptop")).collect()
    groups = ProcessesCollector(recorded_host("laptop")).collect()

    series = {(r.metric, tuple(r.attributes.items())): r.value for r in groups}
    for reading in alone[1:]:
        assert series[reading.metric, tuple(reading.attributes.items())] == reading.value


def test_both_collectors_show_the_same_reading_of_a_tick(recorded_host):
    host = recorded_host("laptop")
    everything, bitacora = ProcessesCollector(host), BitacoraCollector(host)

    for _ in range(2):
        everything.collect()
        bitacora.collect()

        assert by_pid(bitacora)[2001].facts is by_pid(everything)[2001].facts


def test_bitacora_publishes_its_sums_once_the_other_collector_is_closed(recorded_host):
    host = recorded_host("laptop")
    everything, bitacora = ProcessesCollector(host), BitacoraCollector(host)
    before = len(bitacora.collect())

    everything.close()

    assert before == 1
    assert len(bitacora.collect()) > 1


def test_a_process_that_ends_soon_after_it_did_something_is_forgotten(machine, clock):
    host = machine({1: stat(1, "init"), 7: {"stat": stat(7), "status": status()}})
    collector = collector_of(host, clock)
    collector.collect()
    clock.seconds += 5
    machine({7: stat(7, user=9)})
    collector.collect()
    clock.seconds += 60
    machine({7: None})

    collector.collect()

    assert set(by_pid(collector)) == {1}


def test_what_becomes_known_later_does_not_count_as_growth(machine, clock):
    host = machine({7: {"stat": stat(7), "status": status()}})
    collector = collector_of(host, clock)
    seen = []

    for written in (None, 5_000, 5_300):
        if written is not None:
            machine({7: {"io": io(0, written)}})
        clock.seconds += 60
        readings = collector.collect()
        seen.append(values(readings, process.DISK_IO, NAME, "disk.io.direction").get(("sh", "write")))

    assert seen == [None, 0, 300]


def test_an_executable_in_use_again_keeps_its_place(machine):
    host = machine({1: stat(1, "init"), 7: stat(7, "cc")})
    collector = collector_of(host, max_groups=2)
    collector.collect()
    machine({7: None})
    collector.collect()
    machine({8: stat(8, "cc")})
    collector.collect()
    machine({9: stat(9, "ld")})

    readings = collector.collect()

    assert values(readings, GROUP_SIZE, NAME) == {("init",): 1, ("cc",): 1, ("other",): 1}


def test_a_start_that_no_calendar_has_is_the_last_day_of_ours(machine):
    collector = collector_of(machine({7: stat(7, start=10**19)}))
    collector.collect()

    assert by_pid(collector)[7].attributes["process.creation.time"].startswith("9999-12-31")


def test_a_process_becomes_bitacora_when_it_executes_it(machine):
    host = machine({7: stat(7, "bash")})
    collector = BitacoraCollector(host, table=ProcessTable(host, stat_lines=StatLines(host)))
    found = []

    for command in ("bash", "bitacora-api", "bash"):
        machine({7: stat(7, command)})
        found.append(collector.collect()[0].value)

    assert found == [0, 1, 0]


def test_series_of_processes_and_slots_that_have_gone_are_forgotten(machine, clock):
    host = machine({1: {"stat": stat(1, "init"), "status": status()}})
    everyone = collector_of(host, clock, metrics="all")
    busiest = collector_of(host, clock, metrics="top", top=1)

    for number in range(60):
        clock.seconds += 5
        machine({7: {"stat": stat(7, f"p{number}", user=number + 1), "status": status()}})
        everyone.collect()
        busiest.collect()
    machine({7: None})
    everyone.collect()

    assert len(everyone._series) == 1
    assert len(busiest._slots) <= 51
