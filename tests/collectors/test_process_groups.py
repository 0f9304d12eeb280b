"""The sums of processes, and the other ways in which they become series."""

import pytest

from bitacora_collectors.contract import Host
from bitacora_collectors.process_table import GROUP_SIZE, process
from bitacora_collectors.processes import ProcessesCollector

from .machine import HERTZ, NAME, by_pid, collector_of, io, stat, status, values  # tests are no package


def test_kernel_threads_are_one_group(recorded_host):
    readings = collector_of(recorded_host("laptop")).collect()

    assert values(readings, GROUP_SIZE, NAME)["kthreadd",] == 2


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
    clock.advance(60)
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
    clock.advance(5)
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
    clock.advance(5)
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


def test_what_becomes_known_later_does_not_count_as_growth(machine, clock):
    host = machine({7: {"stat": stat(7), "status": status()}})
    collector = collector_of(host, clock)
    seen = []

    for written in (None, 5_000, 5_300):
        if written is not None:
            machine({7: {"io": io(0, written)}})
        clock.advance(60)
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


def test_series_of_processes_and_slots_that_have_gone_are_forgotten(machine, clock):
    host = machine({1: {"stat": stat(1, "init"), "status": status()}})
    everyone = collector_of(host, clock, metrics="all")
    busiest = collector_of(host, clock, metrics="top", top=1)

    for number in range(60):
        clock.advance(5)
        machine({7: {"stat": stat(7, f"p{number}", user=number + 1), "status": status()}})
        everyone.collect()
        busiest.collect()
    machine({7: None})
    everyone.collect()

    assert len(everyone._series) == 1
    assert len(busiest._slots) <= 51
