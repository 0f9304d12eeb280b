"""Processes that wait aren't read again until they have run; what can change without that is seen all the same."""

import os
import subprocess

import pytest

from bitacora_collectors.contract import Host
from bitacora_collectors.cpu_clock import cpu_clock, cpu_clock_for
from bitacora_collectors.process_table import StatLines
from bitacora_collectors.process_table.still import ROTATION, StillProcesses


@pytest.fixture
def ran():
    """The nanoseconds that each process has run for, by its number."""
    return {"1": 10, "2": 20, "3": 30}


@pytest.fixture
def host(host_with, ran):
    return host_with({f"/proc/{pid}/stat": f"{pid} (sh) S 1 7" for pid in ran})


@pytest.fixture
def last(host):
    """The number of the process that is listed last: not the one whose turn comes first."""
    return os.listdir(host.path("/proc"))[-1]  # noqa: PTH208 - in this order it is read


@pytest.fixture
def three(host, ran):
    return StatLines(host, clock_for=lambda _: ran.get)


def test_a_process_that_has_not_run_is_read_only_in_its_turn(three, ran, host_with):
    number, _ = three.read()
    host_with({f"/proc/{pid}/stat": f"{pid} (sh) S 1 8" for pid in ran})
    seen = []

    for _ in ran:
        number, lines = three.read(number)
        seen.append(sum(line.endswith(b"8") for line in lines.values()))

    assert seen == [1, 2, 3]


def test_a_process_that_has_run_is_read(three, ran, last, host_with):
    number, _ = three.read()
    host_with({f"/proc/{last}/stat": "3 (sh) S 1 8"})
    ran[last] += 1

    assert three.read(number)[1][last] == b"3 (sh) S 1 8"


def test_a_process_that_could_run_is_read_though_its_clock_stands(three, last, host_with):
    host_with({f"/proc/{last}/stat": "3 (sh) R 1 7"})
    number, _ = three.read()
    host_with({f"/proc/{last}/stat": "3 (sh) S 1 7"})

    assert three.read(number)[1][last] == b"3 (sh) S 1 7"


@pytest.mark.parametrize("end", ["", "9 (sh) Z 1"], ids=["gone", "zombie"])
def test_the_children_of_a_process_that_ends_are_read_for_their_new_parent(three, ran, last, host_with, end):
    parent = next(pid for pid in ran if pid != last)
    host_with({f"/proc/{last}/stat": f"3 (a) b) S {parent} 7"})
    number, _ = three.read()
    host_with({f"/proc/{parent}/stat": end, f"/proc/{last}/stat": "3 (a) b) S 1 7"})
    ran[parent] += 1

    _, found = three.read(number)

    assert found[last] == b"3 (a) b) S 1 7"
    assert (parent in found) is bool(end)


def test_a_process_that_has_ended_is_not_there(three, ran, last, host_with):
    number, _ = three.read()
    del ran[last]
    host_with({f"/proc/{last}/stat": ""})

    assert sorted(three.read(number)[1]) == sorted(ran)


def test_every_process_is_among_those_that_are_read_once_in_a_rotation():
    still = StillProcesses(lambda _: 1)
    names = [str(number) for number in range(100)]
    for name in names:
        still.keep(name, 1, b"1 (x) S 1 1")
    seen = set()

    for _ in range(ROTATION):
        due = set(names) - still.unchanged().keys()
        seen |= due
        for name in due:
            still.keep(name, 1, b"1 (x) S 1 1")
        assert len(due) == -(-len(names) // ROTATION)

    assert seen == set(names)


def test_the_clock_of_a_process_is_that_of_all_its_threads_and_stands_while_it_waits():
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as cat:
        assert cat.stdin
        assert cat.stdout
        cat.stdin.write(b"one\n")
        cat.stdin.flush()
        assert cat.stdout.readline() == b"one\n"
        while (before := cpu_clock(str(cat.pid))) != cpu_clock(str(cat.pid)):
            pass
        cat.stdin.write(b"two\n")
        cat.stdin.flush()
        assert cat.stdout.readline() == b"two\n"
        after = cpu_clock(str(cat.pid))

    assert before is not None
    assert after is not None
    assert after > before
    assert cpu_clock(str(cat.pid)) is None


def test_the_processes_of_another_name_space_or_a_recorded_host_have_no_clock(host_with):
    for content in ("", f"NSpid:\t{os.getpid()}\t7\n", "NSpid:\t1\n", f"Pid:\t{os.getpid()}\n"):
        assert cpu_clock_for(host_with({"/proc/self/status": content})) is None
    assert cpu_clock_for(Host()) is cpu_clock
