import pytest

from bitacora_collectors import process_counts
from bitacora_collectors.contract import Host, Unavailable
from bitacora_collectors.process_counts import ProcessCountsCollector, parse_created, parse_threads_max
from bitacora_collectors.process_table import parse_state


def counts(readings):
    return {r.attributes["process.state"]: r.value for r in readings if r.metric is process_counts.COUNT}


def test_processes_are_counted_by_state(recorded_host):
    collector = ProcessCountsCollector(recorded_host("laptop"))

    by_state = counts(collector.collect())

    assert by_state == {"running": 1, "sleeping": 6, "stopped": 2, "defunct": 1}


def test_a_state_that_nobody_is_in_is_0(recorded_host):
    collector = ProcessCountsCollector(recorded_host("raspberry"))

    by_state = counts(collector.collect())

    assert by_state == {"running": 1, "sleeping": 1, "stopped": 0, "defunct": 0}


@pytest.mark.parametrize(
    ("letter", "state"),
    [
        *[(letter, "sleeping") for letter in "SDIPKW"],
        *[(letter, "stopped") for letter in "Tt"],
        ("R", "running"),
        ("Z", "defunct"),
        ("X", None),
    ],
)
def test_each_letter_of_the_kernel_is_one_of_four_states(letter, state):
    assert parse_state(f"1204 (sh) {letter} 1 1204".encode()) == state


@pytest.mark.parametrize("command", ["Web Content", "a) R (b", ")", "", "two\nlines", "((", ") Z 1 ("])
def test_a_command_may_hold_anything(command):
    assert parse_state(f"1204 ({command}) S 1 1204".encode()) == "sleeping"


def test_started_processes_and_the_limit_of_threads_are_read(recorded_host):
    collector = ProcessCountsCollector(recorded_host("laptop"))

    readings = {r.metric: r.value for r in collector.collect()}

    assert readings[process_counts.CREATED] == 184512
    assert readings[process_counts.LIMIT] == 126543


def test_a_dead_process_is_not_counted(host_with):
    host = host_with({"/proc/stat": "processes 9\n", "/proc/1/stat": "1 (sh) X 0 1", "/proc/2/stat": "2 (sh) R 1 2"})

    by_state = counts(ProcessCountsCollector(host).collect())

    assert by_state == {"running": 1, "sleeping": 0, "stopped": 0, "defunct": 0}


def test_no_process_at_all_is_no_reading_rather_than_0(host_with):
    collector = ProcessCountsCollector(host_with({"/proc/stat": "cpu 1\nprocesses 12\n"}))

    readings = collector.collect()

    assert [(r.metric, r.value) for r in readings] == [(process_counts.CREATED, 12)]


def test_a_host_without_proc_is_unavailable(tmp_path):
    with pytest.raises(Unavailable, match="/proc"):
        ProcessCountsCollector(Host(tmp_path)).collect()


@pytest.mark.parametrize("stat", [b"", b"12", b"12 (sh)", b"12 (sh) Q 1", b"12 (sh) RR 1", b"12 sh R 1"])
def test_an_unknown_state_is_refused(stat):
    with pytest.raises(ValueError, match="/proc/N/stat: no known state"):
        parse_state(stat)


@pytest.mark.parametrize("content", [b"", b"processes many\n", b"cpu 1\nprocs_running 2\n", b"cpu 1\nprocesses -2\n"])
def test_a_stat_without_a_number_of_processes_is_refused(content):
    with pytest.raises(ValueError, match="/proc/stat: no number of processes"):
        parse_created(content)


def test_a_limit_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="threads-max: expected a number, got b'-1'"):
        parse_threads_max(b"-1")
